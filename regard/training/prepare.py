"""From text to what the loop needs: read, clean, hold out, learn the tokenisers, encode, keep."""

from __future__ import annotations

import os
import shutil
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

from regard.atomic_writes import atomic_folder, list_entries
from regard.checkpoint import Tokenisers, load_tokenisers
from regard.config import Config, TokeniserConfig, TrainingConfig
from regard.data import Corpus, Tokeniser
from regard.data.cleaning import STRIPPED
from regard.data.features import split_features
from regard.data.sources import file_checksum
from regard.data.tokeniser import target_config
from regard.errors import ConfigError
from regard.training.cache import cache_entry, find_entry, remove_old_entries
from regard.training.pairs import (
    Gathered,
    Progress,
    Sources,
    Tell,
    Texts,
    counted,
    gather,
    open_all,
    plural,
    silent,
)
from regard.training.preparation_report import PreparationReport
from regard.training.prepared import (
    CORPUS,
    Prepared,
    is_intact,
    is_prepared,
    load_prepared,
    save_prepared,
    write_all_but_corpus,
)
from regard.training.recipe import resolve, with_tokenisers_of_init

_MOST_TEXTS = 2_000_000  # BPE and Unigram learn no more from more
_MANY_UNKNOWN = 0.05
_FEW = 0.01  # of the validation sources


def prepare(
    recipe: Config | str | Path | None = None,
    data: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    init: str | Path | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    tell: Tell = lambda line: None,
    progress: Progress = silent,
) -> Prepared:
    """Read the pairs, learn the tokenisers on the training side or take those of `init`, turn text into ids.

    Recipe, data, init and overrides are those of `train`. With `out`, all is kept in that folder, for
    `train(prepared=out)`; `overwrite` replaces what was prepared there before. What was prepared before from the same
    content is taken from the cache, unless `data.cache` is false. Raises DataError, naming file and line, for text
    that cannot be read or leaves nothing to train on, ConfigError for what cannot work.
    """
    config = with_tokenisers_of_init(resolve(recipe, data, overrides, init))
    folder = None if out is None else Path(out)
    if folder is not None:
        _check_out(folder, overwrite)
    if not config.training.init:
        _check_tokenisers(config.tokeniser)
    sources = open_all(config.data)
    made = _cached(config, sources, tell, progress) if config.data.cache else None
    if made is None:
        made = _uncached(config, sources, tell, progress)
    made = replace(made, origin=_origin(config, sources), config=config)
    for line in _told(made.report, config):
        tell(line)
    if folder is not None:
        save_prepared(folder, made)
    return made


def _check_out(folder: Path, overwrite: bool) -> None:
    if is_prepared(folder):
        if not overwrite:
            raise ConfigError(
                f"{folder} already holds prepared data: --overwrite replaces it, --out FOLDER writes elsewhere"
            )
    elif folder.is_file() or list_entries(folder):
        raise ConfigError(f"{folder} is a file, or a folder of something else: choose another --out")


def _check_tokenisers(config: TokeniserConfig) -> None:
    """Refuse, before any text is read, sentencepiece models that are missing, broken or not asked for."""
    both = target_config(config)
    for side, own in {"source": config, **({} if config.shared else {"target": both})}.items():
        if own.kind == "sentencepiece":
            Tokeniser.train((), own)
        elif own.source_model:
            raise ConfigError(
                f"tokeniser.{side}_model: {own.source_model} is for the kind sentencepiece, but the {side}'s kind is "
                f"{own.kind}; set the kind, or leave the model out"
            )


def _cached(config: Config, sources: Sources, tell: Tell, progress: Progress) -> Prepared | None:
    """What the cache holds, or holds from now on; None where nothing can be written there."""
    entry = cache_entry(config, sources)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        usable = os.access(entry.parent, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        tell(f"cache: cannot write to {entry.parent}, so nothing is kept; REGARD_CACHE names another folder")
        return None
    if find_entry(entry, tell):
        tell(f"cache: the same data was prepared before, reusing {entry} (--data.cache false prepares anew)")
    else:
        remove_old_entries()
        with atomic_folder(entry, keep=is_intact) as draft:
            made = _make(config, sources, draft, tell, progress)
            write_all_but_corpus(draft, replace(made, origin=_origin(config, sources)))
    return load_prepared(entry, "prepare it with --data.cache false")


def _origin(config: Config, sources: Sources) -> dict[str, str]:
    """All that was read, with the SHA-256 of its content."""
    models = (config.tokeniser.source_model, config.tokeniser.target_model)
    read = (
        [] if config.training.init else [model for model in models if model]
    )  # else they came with the model
    return sources.origin | {model: file_checksum(model) for model in read}


def _uncached(config: Config, sources: Sources, tell: Tell, progress: Progress) -> Prepared:
    """Prepare in a folder that goes with the corpus."""
    folder = Path(mkdtemp(prefix="regard-"))
    try:
        made = _make(config, sources, folder, tell, progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(made.corpus, shutil.rmtree, folder, ignore_errors=True)
    return made


def _make(config: Config, sources: Sources, folder: Path, tell: Tell, progress: Progress) -> Prepared:
    """All the work; the corpus is left in the folder."""
    gathered = gather(config.data, sources, folder, progress)
    tokenisers, notes = _learn(config, gathered, tell, progress)
    with progress("pairs encoded", len(gathered)) as watch:
        corpus = Corpus.encode(
            gathered.pairs(),
            tokenisers.source,
            tokenisers.target,
            config.data.max_tokens,
            max_ratio=config.data.max_ratio,
            path=folder / CORPUS,
            watch=watch,
        )
    gathered.file.path.unlink()
    report = _report(gathered, tokenisers, corpus, config.training)
    return Prepared(
        tokenisers, corpus, gathered.validation, {}, config, replace(report, notes=[*notes, *report.notes])
    )


def _learn(
    config: Config, gathered: Gathered, tell: Tell, progress: Progress
) -> tuple[Tokenisers, list[str]]:
    """The tokenisers, learnt on training text alone, and what should be known about that."""
    if config.training.init:
        return _of_model(config, gathered, progress), []
    recipe, with_features = config.tokeniser, bool(config.data.features)
    features = _features(gathered) if with_features else []
    notes = []

    def learn(sides: Sequence[str], own: TokeniserConfig, symbols: Sequence[str]) -> Tokeniser:
        counting = own.kind in ("words", "characters")
        most = len(gathered) if counting else _MOST_TEXTS // len(sides)
        if own.kind != "sentencepiece" and most < len(gathered):
            notes.append(f"{own.kind}: learnt on {most * len(sides):,} sentences, evenly spaced")
        num_texts = min(most, len(gathered)) * len(sides) * (1 if counting else 2)  # read once, or twice
        with progress(f"sentences learnt from ({' and '.join(sides)})", num_texts) as watch:
            return Tokeniser.train(Texts(gathered, sides, most, with_features, watch), own, symbols)

    if recipe.shared:
        shared = learn(("source", "target"), recipe, features)
        return Tokenisers(shared, shared.without_features() if features else shared), notes
    source = learn(("source",), recipe, features)
    return Tokenisers(source, learn(("target",), target_config(recipe), ())), notes


def _of_model(config: Config, gathered: Gathered, progress: Progress) -> Tokenisers:
    """The tokenisers of the model that training starts from, grown if the recipe says so."""
    known = load_tokenisers(config.training.init)
    if not config.training.grow_vocabulary:
        return known

    def grown(tokeniser: Tokeniser, *sides: str) -> Tokeniser:
        with progress(f"sentences learnt from ({' and '.join(sides)})", len(gathered) * len(sides)) as watch:
            return tokeniser.grown(Texts(gathered, sides, len(gathered), bool(config.data.features), watch))

    if config.tokeniser.shared:
        both = grown(known.source, "source", "target")
        return Tokenisers(both, both)
    return Tokenisers(grown(known.source, "source"), grown(known.target, "target"))


def _features(gathered: Gathered) -> list[str]:
    """The features of the training sources, the most frequent first."""
    counts: Counter[str] = Counter()
    for text in gathered.file.texts("source", gathered.copies):
        counts.update(split_features(text)[1])
    return sorted(counts, key=lambda feature: (-counts[feature], feature))


def _report(
    gathered: Gathered, tokenisers: Tokenisers, corpus: Corpus, training: TrainingConfig
) -> PreparationReport:
    remedy = "raise tokeniser.size or lower min_frequency, or use bpe, which knows every text"
    if training.init:
        remedy = f"{training.init} does not know them; training.grow_vocabulary true adds them"
    left_out = gathered.left_out + Counter(corpus.left_out)
    changed = {STRIPPED: left_out.pop(STRIPPED)} if STRIPPED in left_out else {}
    sides = ("source", "target")
    made = (tokenisers.source, tokenisers.target)
    unknown = dict(zip(sides, corpus.unknown_shares, strict=True))
    notes = [
        f"{100 * share:.0f} % of the {side} tokens are unknown: {remedy}"
        for side, share in unknown.items()
        if share > _MANY_UNKNOWN
    ]
    if gathered.num_shared:
        notes.append(
            f"{plural(gathered.num_shared, 'validation source')} of {len(gathered.validation):,} also in training"
            + (
                ": validation will look too good"
                if gathered.num_shared > _FEW * len(gathered.validation)
                else ""
            )
        )
    return PreparationReport(
        num_read=gathered.num_read,
        left_out=dict(left_out),
        changed=changed,
        num_training=len(corpus),
        num_validation=len(gathered.validation),
        lengths={
            side: _spread(lengths - 1)  # without END
            for side, lengths in zip(sides, (corpus.source_lengths, corpus.target_lengths), strict=True)
        },
        unknown=unknown,
        num_tokens={side: len(one) for side, one in zip(sides, made, strict=True)},
        kinds={side: one.config.kind for side, one in zip(sides, made, strict=True)},
        notes=notes,
    )


def _spread(lengths: NDArray[np.int64]) -> dict[str, float]:
    return {
        "median": float(np.median(lengths)),
        "mean": float(lengths.mean()),
        "95 %": float(np.percentile(lengths, 95)),
        "most": float(lengths.max()),
    }


def _told(report: PreparationReport, config: Config) -> list[str]:
    """The report in a few lines."""
    kinds = " and ".join(dict.fromkeys(report.kinds.values()))
    sizes = report.num_tokens
    left_out, changed = counted(report.left_out), counted(report.changed)
    held_out = "" if config.data.validation or not config.data.train else " (held out)"
    return [
        f"tokenisers: {kinds}, {sizes['source']:,} source and {sizes['target']:,} target tokens",
        *report.notes,
        f"pairs: {report.num_training:,} to train on, {report.num_validation:,} to validate on{held_out}"
        + (f"; left out: {left_out}" if left_out else "")
        + (f"; {changed}" if changed else ""),
    ]
