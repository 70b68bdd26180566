"""What a YAML recipe says, as frozen dataclasses: every default is written once, here.

No torch in this room. `load` reads a recipe with dotted overrides; an unknown key is an error. Names of parts
(cells, scores, decoders …) are plain strings here: their tables live with the parts, and `build` checks them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
        max_tokens: longer pairs (either side, in tokens) are left out of training
        max_ratio: pairs with one side so many times longer than the other, in tokens, are left out; 0: none
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
    max_tokens: int = 200
    max_ratio: float = 0.0
    control_characters: Literal["strip", "drop", "keep"] = "strip"
    source_script: list[str] = field(default_factory=list)
    target_script: list[str] = field(default_factory=list)
    drop_duplicates: bool = False
    drop_equal: bool = False
    cache: bool = True


@dataclass(frozen=True)
class TokeniserConfig:
    """How text becomes tokens; keys without `target_` count for both sides.

    Args:
        kind: words (split at white space), characters, bpe or unigram (both with byte fallback), or sentencepiece
            (models learnt elsewhere, with their own size and normalisation)
        size: most tokens in a vocabulary, the four special ones included; features come on top
        min_frequency: rarer words or characters become the unknown token
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
        query_step: gnmt only: attend with the previous step's bottom state (the paper) or the current one
    """

    name: str = "bahdanau"
    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    bridge: str = "dense"
    sentence_vector: Literal["start", "every_step"] = "start"
    input_feeding: bool = True
    query_step: Literal["previous", "current"] = "previous"


@dataclass(frozen=True)
class ModelConfig:
    """The whole model.

    Args:
        embedding_size: width E of the token embeddings
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
        coverage_penalty: how much source tokens without attention count in the ranking (Wu et al. 2016); 0: not
        max_ratio: output length limit, times the source length in tokens
        max_extra: and this many tokens more
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
        tokeniser: text to tokens
        model: the network
        training: the loop
        search: how it translates unless told otherwise
    """

    data: DataConfig = DataConfig()
    tokeniser: TokeniserConfig = TokeniserConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    search: SearchConfig = SearchConfig()
