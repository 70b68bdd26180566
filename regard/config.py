"""What a YAML recipe says, as frozen dataclasses: every default is written once, here.

No torch in this room. `load` reads a recipe with dotted overrides; an unknown key is an error. Names of parts
(cells, scores, decoders …) are plain strings here: their tables live with the parts, and `build` checks them.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from argparse import ArgumentError
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

import yaml

from regard.errors import ConfigError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


@dataclass(frozen=True)
class DataConfig:
    """Where the sentence pairs come from, and which are trained on.

    Files may be packed (.gz, .xz). Cleaning touches training pairs only, and counts what it does by reason.

    Args:
        train: line-parallel files in twos (source, target); tables, whose names end in .tsv or .jsonl; data sets
            (hub:NAME, hub:NAME:SUBSET, @SPLIT behind it); several corpora one after the other; a single file is
            a TSV whatever its name; none: the embedded grammar
        validation: the same for validation; none: pairs are held out of the training files
        columns: source and target column of tables: numbers from 1, names of a header, or keys (translation.de);
            none: 1 and 2 of a TSV, source and target elsewhere
        features: a further column whose features, split at ";", become source symbols of their own
        weights: one number a training corpus: how often an epoch sees it; 0.5: half of its pairs; none: once
        holdout_pairs: about how many pairs are held out when no validation files are given (at most a tenth)
        grammar_pairs: how many pairs the embedded grammar generates when no training files are given
        grammar_seed: seed of the embedded grammar
        max_pieces: longer pairs (either side, in pieces) are left out of training
        max_ratio: pairs with one side so many times longer than the other, in pieces, are left out; 0: none
        control_characters: what happens to them (and to byte-order marks inside a text): strip takes them out,
            drop leaves out the pair
        source_script: pairs whose source has most letters in none of these scripts (Latin, Cyrillic, Han …) are left
            out; none: any
        target_script: the same for the target
        drop_duplicates: leave out pairs that stood before
        drop_equal: leave out pairs whose two sides are the same text
        cache: keep what was prepared under ~/.cache/regard (or REGARD_CACHE) and reuse it for the same content
    """

    train: list[str] = field(default_factory=list)
    validation: list[str] = field(default_factory=list)
    columns: list[int | str] = field(default_factory=list)
    features: int | str = ""
    weights: list[float] = field(default_factory=list)
    holdout_pairs: int = 1000
    grammar_pairs: int = 60_000
    grammar_seed: int = 1
    max_pieces: int = 200
    max_ratio: float = 0.0
    control_characters: Literal["strip", "drop", "keep"] = "strip"
    source_script: list[str] = field(default_factory=list)
    target_script: list[str] = field(default_factory=list)
    drop_duplicates: bool = False
    drop_equal: bool = False
    cache: bool = True


@dataclass(frozen=True)
class TokeniserConfig:
    """How text becomes pieces; keys without `target_` count for both sides.

    Args:
        kind: words (split at white space), characters, bpe or unigram (both with byte fallback), or sentencepiece
            (models learnt elsewhere, with their own size and normalisation)
        size: most pieces in a vocabulary, the four special ones included; features come on top
        min_frequency: rarer words or characters become the unknown piece
        shared: one vocabulary for both sides, learnt on both
        lowercase: lower-case the text first (not undone in the output)
        normalise: Unicode normalisation form applied first; NFD takes accents and Hangul syllables apart, and the
            output is composed again
        target_kind: the target's kind, where it differs
        target_size: the target's size; 0: the same
        target_normalise: the target's form, where it differs
        source_model: sentencepiece: the .model file of the source, or of both sides if shared
        target_model: sentencepiece: the .model file of the target
    """

    kind: Literal["words", "characters", "bpe", "unigram", "sentencepiece"] = "bpe"
    size: int = 8000
    min_frequency: int = 1
    shared: bool = False
    lowercase: bool = False
    normalise: Literal["none", "NFC", "NFKC", "NFD"] = "NFC"
    target_kind: Literal["same", "words", "characters", "bpe", "unigram", "sentencepiece"] = "same"
    target_size: int = 0
    target_normalise: Literal["same", "none", "NFC", "NFKC", "NFD"] = "same"
    source_model: str = ""
    target_model: str = ""


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder RNN.

    Args:
        name: recurrent (one or both directions, stacked) or gnmt (Wu et al. 2016: bidirectional bottom, residual)
        cell: recurrent cell: rnn, gru or lstm
        hidden_size: width of one direction's state
        num_layers: layers; gnmt needs at least 2
        bidirectional: read the sentence in both directions
    """

    name: str = "recurrent"
    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    bidirectional: bool = True


@dataclass(frozen=True)
class AttentionConfig:
    """The alignment model: who is scored how, and how scores become weights.

    Args:
        score: additive (alias concat), general, dot, scaled_dot, cosine, location; controls: uniform, none
        size: attention width A of the additive score's hidden layer
        max_positions: the location score's reach in source positions
        normaliser: what turns scores into weights: softmax
        temperature: softmax temperature; below 1 sharper, above 1 softer
    """

    score: str = "additive"
    size: int = 256
    max_positions: int = 201
    normaliser: str = "softmax"
    temperature: float = 1.0


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder RNN and the way the context enters it.

    Args:
        name: plain (a fixed sentence vector, no attention), bahdanau, luong or gnmt
        cell: recurrent cell: rnn, gru or lstm
        hidden_size: width of the decoder state
        num_layers: layers; bahdanau has 1, gnmt at least 2
        bridge: how the encoder's last state starts the decoder: zero, copy, dense or mean
        sentence_vector: plain only: the fixed vector enters at the start (Sutskever 2014) or every_step (Cho 2014)
        input_feeding: luong only: feed the last combined vector into the next step
        query: gnmt only: attend with the previous step's bottom state (the paper) or the current one
    """

    name: str = "bahdanau"
    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    bridge: str = "dense"
    sentence_vector: Literal["start", "every_step"] = "start"
    input_feeding: bool = True
    query: Literal["previous", "current"] = "previous"


@dataclass(frozen=True)
class ModelConfig:
    """The whole model.

    Args:
        embedding_size: width E of the piece embeddings
        dropout: share of units dropped in training
        variational: draw a dropout mask once per sentence and keep it over all steps (Gal & Ghahramani 2016)
        tie: none, target (target embedding = output matrix) or all (source embedding too; needs a shared vocabulary)
        reverse_source: feed the source back to front (Sutskever et al. 2014, section 3.3)
        encoder: the encoder
        decoder: the decoder
        attention: the alignment model
    """

    embedding_size: int = 256
    dropout: float = 0.2
    variational: bool = False
    tie: Literal["none", "target", "all"] = "none"
    reverse_source: bool = False
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    attention: AttentionConfig = AttentionConfig()


@dataclass(frozen=True)
class TrainingConfig:
    """The training loop.

    Args:
        epochs: passes over the training pairs; 0: no limit
        max_steps: optimiser steps at most; 0: no limit
        max_minutes: minutes of training at most, validations and all parts of a resumed run counted; 0: no limit
        init: folder of a trained model to start from: its weights and tokenisers
        grow_vocabulary: init only: words or characters that the model does not know are added to its vocabularies
        source_embeddings: word vectors to start from, as word2vec, GloVe or fastText text, also .gz or .xz
        target_embeddings: the same for the target side
        batch_tokens: target tokens a batch, padding counted; auto: as many as fit in memory and train well
        accumulate: batches whose gradients are added before each optimiser step
        optimiser: adam, adamw or sgd
        momentum: sgd only: share of the last step that is taken again
        learning_rate: the peak rate
        weight_decay: decoupled for adamw, L2 for adam and sgd
        schedule: what the rate does after the warm-up
        warmup_steps: steps over which the rate climbs linearly from 0, at most half of all
        plateau_factor: plateau: what the rate is multiplied by
        plateau_patience: plateau: validations without gain before that
        halve_after: halving: epochs, also parts of one, before the rate is first halved
        halve_every: halving: epochs, also parts of one, from one halving to the next
        clip_norm: gradients are scaled down to this norm; 0: never
        label_smoothing: share of the target probability spread over the vocabulary
        ema: decay of a moving average of the weights, which is then validated and kept, such as 0.999; 0: none
        average: at the end the mean of so many best checkpoints is kept if it validates better; 0: none
        validate_every: steps between validations; 0: once an epoch
        save_every: steps between saves of the training state, beside those at validations; 0: none beside
        validation_sentences: sentences decoded at each validation, for all metrics but the loss; 0: all
        metric: what best means, and what early stopping watches. exact_match is the share of outputs exactly right
            (100 - WER as grapheme-to-phoneme tasks count it), wer the edits for each word, per the same where words
            are phonemes, cer for each character
        patience: validations without gain before training stops; 0: never
        seed: seed of weights, order and dropout
        device: auto, cpu, cuda or cuda:1
        precision: auto, float32 or bfloat16
        kernels: auto, fused (compiled loops, where they run) or plain (as in the papers; for comparison)
        graphs: off, or auto: with fused kernels on a single GPU, passes over batches are recorded and played again
            (not yet tried on one)
        threads: CPU threads; 0: all cores
        tensorboard: also write TensorBoard event files (extra: tensorboard)
    """

    epochs: int = 20
    max_steps: int = 0
    max_minutes: float = 0.0
    init: str = ""
    grow_vocabulary: bool = False
    source_embeddings: str = ""
    target_embeddings: str = ""
    batch_tokens: int | Literal["auto"] = 4096
    accumulate: int = 1
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: Literal["constant", "inverse_sqrt", "plateau", "cosine", "halving"] = "plateau"
    warmup_steps: int = 0
    plateau_factor: float = 0.5
    plateau_patience: int = 1
    halve_after: float = 5.0
    halve_every: float = 1.0
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    ema: float = 0.0
    average: int = 0
    validate_every: int = 0
    save_every: int = 1000
    validation_sentences: int = 1000
    metric: Literal["bleu", "chrf", "exact_match", "wer", "per", "cer", "loss"] = "bleu"
    patience: int = 5
    seed: int = 1
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    kernels: Literal["auto", "fused", "plain"] = "auto"
    graphs: Literal["auto", "off"] = "off"
    threads: int = 0
    tensorboard: bool = False


@dataclass(frozen=True)
class SearchConfig:
    """How translations are looked for.

    Args:
        beam: hypotheses kept at each step; 1 is greedy
        length_penalty: exponent a of the length |Y| in the score's normalisation; 0: none
        length_form: what is raised to it: power, |Y| (Cho et al. 2014b), or gnmt, (5 + |Y|) / 6 (Wu et al. 2016)
        coverage_penalty: how much source pieces without attention count in the ranking (Wu et al. 2016); 0: not
        max_ratio: output length limit, times the source length in pieces
        max_extra: and this many pieces more
        batch_size: sentences translated together
        precision: of matrix products: float32, bfloat16, int8 (CPU; a little different with every batch), or auto:
            bfloat16 on CPUs with units for it, int8 where few rows are multiplied, float32 elsewhere
    """

    beam: int = 5
    length_penalty: float = 1.0
    length_form: Literal["power", "gnmt"] = "power"
    coverage_penalty: float = 0.0
    max_ratio: float = 2.0
    max_extra: int = 20
    batch_size: int = 64
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"


@dataclass(frozen=True)
class Config:
    """A recipe: everything needed to train a model from text.

    Args:
        data: the sentence pairs
        tokeniser: text to pieces
        model: the network
        training: the loop
        search: how it translates unless told otherwise
    """

    data: DataConfig = DataConfig()
    tokeniser: TokeniserConfig = TokeniserConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    search: SearchConfig = SearchConfig()


def load(recipe: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe, a file or the name of a packaged one, with overrides such as `--model.dropout=0.3`.

    Without a recipe the defaults are used. Raises ConfigError for an unknown key or a value of the wrong kind.
    """
    arguments = []
    if recipe is not None:
        file = find_recipe(recipe)
        _check_keys(file, str(recipe))
        arguments = [f"--config={file}"]
    try:
        reader = parser()
        parsed = reader.parse_args([*arguments, *overrides])
        _check_filled(parsed, Config())
        read = reader.instantiate(parsed)
    except (ArgumentError, TypeError, ValueError) as error:
        where = f"{recipe}: " if recipe is not None and not _names_override(error, overrides) else ""
        raise ConfigError(where + _withadvice(_one_line(error))) from None
    config = Config(**{section.name: read[section.name] for section in dataclasses.fields(Config)})
    check_numbers(config)
    return config


def check_numbers(config: Config) -> None:
    """Raise ConfigError for a negative number, or a 0 where there must be at least 1; `build` checks the model's."""
    for key, value in _leaves(config):
        least = int(key.endswith(_FROM_ONE))
        if isinstance(value, int | float) and value < least and not key.startswith("model."):
            raise ConfigError(f"{key}: expected a number from {least} on, got {value}")


def dump(config: Config) -> str:
    """The recipe as YAML with every key written out; `load` of it gives the same config."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


def parser() -> ArgumentParser:
    """The parser of a recipe: dotted keys for every field of `Config`; its help describes them all."""
    from jsonargparse import ArgumentParser

    made = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    made.add_argument("--config", action="config", help="a recipe, as YAML")
    for section in dataclasses.fields(Config):
        made.add_argument(f"--{section.name}", type=type(section.default), default=section.default)
    return made


def describe_keys(width: int = 79) -> str:
    """Every key of a recipe with its meaning, the names it takes and its default, as text."""
    return "\n\n".join(_described(Config(), "", width))


def _described(section: object, inside: str, width: int) -> Iterator[str]:
    """A paragraph for each section that has keys of its own."""
    from docstring_parser import parse

    said, kinds = parse(section.__doc__ or ""), get_type_hints(type(section))
    meanings = {entry.arg_name: entry.description or "" for entry in said.params}
    lines, nested = [f"{inside.removesuffix('.')}: {said.short_description}"], []
    for entry in dataclasses.fields(section):  # type: ignore[arg-type]
        value = getattr(section, entry.name)
        if dataclasses.is_dataclass(value):
            nested.append((value, f"{inside}{entry.name}."))
            continue
        kind = kinds[entry.name]
        names = [str(name) for one in (kind, *get_args(kind)) for name in _choices(one)]
        meaning = " ".join(meanings[entry.name].split()) + (f"; one of {', '.join(names)}" if names else "")
        text = f"--{inside}{entry.name}: {meaning} (default: {json.dumps(value)})"
        lines += wrap(text, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    if len(lines) > 1:
        yield "\n".join(lines)
    for value, name in nested:
        yield from _described(value, name, width)


def _choices(kind: object) -> tuple[object, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def packaged_recipes() -> dict[str, Path]:
    """Name and file of each recipe that comes with the package."""
    inside = Path(__file__).parent / "recipes"
    folder = inside if inside.is_dir() else Path(__file__).parent.parent / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of a packaged one. Raises ConfigError naming those there are."""
    path = Path(recipe)
    if path.is_file():
        return path
    known = packaged_recipes()
    if str(recipe) in known:
        return known[str(recipe)]
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"{path}: no such file; check the path, or name one of {', '.join(known)}")
    near = difflib.get_close_matches(str(recipe), known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(
        f"no recipe {str(recipe)!r}; {meant}expected a YAML file or one of {', '.join(known)}; "
        "the defaults are used when none is given"
    )


def _check_keys(file: Path, name: str) -> None:
    """Refuse all but nested mappings of our own keys, before the parser sees the file.

    The parser would import whatever a key `class_path` names, and follow a file name to another recipe; a recipe
    from a stranger must do neither.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{name}: not a YAML file ({' '.join(str(error).split())})") from None
    try:
        _check_mapping({} if content is None else content, Config(), "")
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _check_mapping(content: object, defaults: object, inside: str) -> None:
    if content is None:
        raise ValueError(
            f'"{inside.removesuffix(".")}": expected a value, got none; leave the key out for the default'
        )
    if not isinstance(content, dict):
        what = f'"{inside.removesuffix(".")}": expected' if inside else "expected"
        raise ValueError(f"{what} keys with values, got {content}")
    known = {entry.name for entry in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    for key, value in content.items():
        if key not in known:
            raise ValueError(f"unknown key {inside}{key}; {advice(f'{inside}{key}')}")
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            _check_mapping(value, default, f"{inside}{key}.")


def _check_filled(parsed: Namespace, defaults: object, inside: str = "") -> None:
    """Refuse what the parser lets pass: a key without a value, and something else where keys should be."""
    for entry in dataclasses.fields(defaults):  # type: ignore[arg-type]
        key, value, default = inside + entry.name, parsed[entry.name], getattr(defaults, entry.name)
        if value is None:
            raise ValueError(f'"{key}": expected a value, got none; leave the key out for the default')
        if dataclasses.is_dataclass(default):
            if isinstance(value, list | str | int | float):
                raise ValueError(f'"{key}": expected keys with values, got {value}')
            _check_filled(value, default, f"{key}.")


_FROM_ONE = ("_pairs", "max_pieces", "batch_tokens", "accumulate", "plateau_patience", "beam", "batch_size")


def _leaves(section: object, inside: str = "") -> Iterator[tuple[str, object]]:
    """Every dotted key below a section with its value."""
    for entry in dataclasses.fields(section):  # type: ignore[arg-type]
        key, value = inside + entry.name, getattr(section, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _withadvice(message: str) -> str:
    """What the parser says, and of an unknown option what to do about it."""
    typed = re.search(r"unrecognized arguments: --([\w.]+)", message)
    return f"{message}; {advice(typed[1])}" if typed else message


def known_keys() -> list[str]:
    """Every dotted key of a recipe."""
    return [key for key, _ in _leaves(Config())]


def advice(unknown: str) -> str:
    """The known key that looks most like an unknown one, and where all are listed."""
    near = difflib.get_close_matches(unknown, known_keys(), n=1, cutoff=0.7)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}`regard train --keys` lists all keys"


def _one_line(error: Exception) -> str:
    """What the parser says, on one line and without its jargon."""
    text = " ".join(str(error).split())
    for jargon, plain in (("Parser key ", ""), ("<class '", ""), ("'>", ""), ("a typing.Literal", "one of ")):
        text = text.replace(jargon, plain)
    text = re.sub(_UNION, r"Expected a \1 or one of [\2]. Got value: \3", text)
    return re.sub(_CHOICE, _named_choice, text)


# how it complains of a value that is none of the known names
_CHOICE = r"Expected one of \[(.+?)\]\. Got value: (\S+)"


def _named_choice(complaint: re.Match[str]) -> str:
    names, came = re.findall(r"'([^']+)'", complaint[1]), complaint[2]
    near = difflib.get_close_matches(came, names, n=1)
    return (
        f"unknown name {came!r}; {f'did you mean {near[0]}? ' if near else ''}known names: {', '.join(names)}"
    )


# how the parser complains of a value that fits none of several types
_UNION = (
    r"Does not validate against any of the Union subtypes Subtypes: \[(\w+), typing\.Literal\[(.+?)\]\]"
    r".* Given value: (.+)"
)


def _names_override(error: Exception, overrides: Sequence[str]) -> bool:
    """Whether the parser complains of something typed on the command line, not of the file."""
    keys = [o.removeprefix("--").split("=")[0] for o in overrides if o.startswith("--")]
    return "unrecognized arguments" in str(error) or any(key in str(error) for key in keys)
