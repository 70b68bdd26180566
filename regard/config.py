"""The contents of a YAML recipe as frozen dataclasses: every default is written once, here.

This module does not import torch. Names of parts (cells, scores, decoders …) are plain strings here: their tables
live with the parts, and `build` checks them. `recipe_file` reads and writes recipes; the docstrings below are what
`regard train --keys` shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class DataConfig:
    """Where the sentence pairs come from, and which of them are used for training.

    Files may be compressed (.gz, .xz). Cleaning applies to training pairs only, and is counted by reason.

    Args:
        train: line-parallel files in pairs (source, target); tables, whose names end in .tsv or .jsonl; data sets
            (hub:NAME, hub:NAME:SUBSET, with @SPLIT appended); several corpora one after another; a single file is
            read as TSV whatever its name; none: the embedded grammar
        validation: the same for validation; none: pairs are held out of the training files
        columns: source and target column of tables: numbers from 1, header names, or keys (translation.de);
            none: 1 and 2 of a TSV, source and target elsewhere
        features: one more column, whose features, separated by ";", become source symbols of their own
        weights: one number for each training corpus: how often an epoch sees it; 0.5: half of its pairs; none: once
        holdout_pairs: approximate number of pairs held out if there are no validation files (at most a tenth)
        grammar_pairs: number of pairs that the embedded grammar generates if there are no training files
        grammar_seed: seed of the embedded grammar
        max_tokens: training pairs with more tokens than this on either side are left out
        max_ratio: training pairs with one side this many times as long as the other, in tokens, are left out; 0: none
        control_characters: what to do with control characters (and byte-order marks inside a text): strip removes
            them, drop leaves out the pair
        source_script: pairs whose source is mostly in none of these scripts (Latin, Cyrillic, Han …) are left out;
            none: any script
        target_script: the same for the target
        drop_duplicates: leave out repeated pairs
        drop_equal: leave out pairs whose two sides are the same text
        cache: keep prepared data in ~/.cache/regard (or REGARD_CACHE) and reuse it for the same content
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
    """How text is split into tokens; keys without `target_` apply to both sides.

    Args:
        kind: words (split at white space), characters, bpe or unigram (both with byte fallback), or sentencepiece
            (models trained elsewhere, with their own size and normalisation)
        size: largest vocabulary size, including the four special tokens; features are added on top
        min_frequency: rarer words or characters become the unknown token
        shared: one vocabulary for both sides, learnt from both
        lowercase: lower-case the text first (not undone in the output)
        normalise: Unicode normalisation form applied first; NFD separates accents and Hangul syllables, which are
            composed again in the output
        target_kind: the target's kind, if it differs
        target_size: the target's size; 0: the same
        target_normalise: the target's form, if it differs
        source_model: sentencepiece only: the .model file of the source, or of both sides if shared
        target_model: sentencepiece only: the .model file of the target
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
        hidden_size: size of one direction's state
        num_layers: number of layers; gnmt needs at least 2
        bidirectional: encode the sentence in both directions
    """

    name: str = "recurrent"
    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 1
    bidirectional: bool = True


@dataclass(frozen=True)
class AttentionConfig:
    """The alignment model: how encoder states are scored, and how scores become weights.

    Args:
        score: additive (alias concat), general, dot, scaled_dot, cosine, location; controls: uniform, none
        size: width A of the additive score's hidden layer
        max_positions: number of source positions that the location score can address
        normaliser: how scores become weights: softmax
        temperature: softmax temperature; below 1: sharper, above 1: softer
    """

    score: str = "additive"
    size: int = 256
    max_positions: int = 201
    normaliser: str = "softmax"
    temperature: float = 1.0


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder RNN, and how the context enters it.

    Args:
        name: plain (a fixed sentence vector, no attention), bahdanau, luong or gnmt
        cell: recurrent cell: rnn, gru or lstm
        hidden_size: size of the decoder state
        num_layers: number of layers; bahdanau has 1, gnmt at least 2
        bridge: how the encoder's last state initialises the decoder: zero, copy, dense or mean
        sentence_vector: plain only: where the fixed vector enters: start (Sutskever 2014) or every_step (Cho 2014)
        input_feeding: luong only: feed the combined vector of a step into the next one
        query_step: gnmt only: which step's bottom state is the query: previous (the paper) or current
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
        dropout: probability with which a unit is dropped in training
        variational: use the same dropout mask at every step of a sentence (Gal & Ghahramani 2016)
        tie: shared weights: none, target (target embedding = output matrix) or all (source embedding too; needs a
            shared vocabulary)
        reverse_source: encode the source from its end (Sutskever et al. 2014, section 3.3)
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
        max_steps: largest number of optimiser steps; 0: no limit
        max_minutes: largest number of minutes, counting validations and all parts of a resumed run; 0: no limit
        init: folder of a trained model whose weights and tokenisers to start from
        grow_vocabulary: init only: add words or characters that the model does not know to its vocabularies
        source_embeddings: word vectors to start from, as word2vec, GloVe or fastText text, also .gz or .xz
        target_embeddings: the same for the target side
        batch_tokens: target tokens per batch, including padding; auto: as many as fit in memory and train well
        accumulate: number of batches whose gradients are added before each optimiser step
        optimiser: adam, adamw or sgd
        momentum: sgd only: the momentum factor
        learning_rate: the peak learning rate
        weight_decay: decoupled for adamw, L2 for adam and sgd
        schedule: how the learning rate changes after the warm-up
        warmup_steps: steps over which the learning rate rises linearly from 0, at most half of all steps
        plateau_factor: plateau: factor by which the learning rate is multiplied
        plateau_patience: plateau: number of validations without improvement before that
        halve_after: halving: epochs, or parts of one, before the learning rate is first halved
        halve_every: halving: epochs, or parts of one, between two halvings
        clip_norm: gradients are scaled down to this norm; 0: never
        label_smoothing: probability mass of the target that is spread over the vocabulary
        ema: decay of a moving average of the weights, which is then validated and kept, such as 0.999; 0: none
        average: number of best checkpoints whose mean is kept at the end if it validates better; 0: none
        validate_every: steps between validations; 0: once an epoch
        save_every: steps between saves of the training state, besides those at validations; 0: only those
        validation_sentences: sentences decoded at each validation, for every metric but the loss; 0: all
        metric: the metric that decides which model is best, and early stopping. exact_match is the share of outputs
            that are exactly right (100 - WER as grapheme-to-phoneme tasks count it), wer the edits for each word, per
            the same if words are phonemes, cer for each character
        patience: number of validations without improvement before training stops; 0: never
        seed: seed of initial weights, order and dropout
        device: auto, cpu, cuda or cuda:1
        precision: auto, float32 or bfloat16
        kernels: auto, fused (compiled loops, where they run) or plain (as in the papers, for comparison)
        graphs: off, or auto: with fused kernels on a single GPU, passes over batches are captured as CUDA graphs and
            replayed (not yet tested on one)
        threads: number of CPU threads; 0: all cores
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
    """How translations are searched for.

    Args:
        beam: number of hypotheses kept at each step; 1 is greedy search
        length_penalty: exponent of the length |Y| by which a hypothesis's score is divided; 0: none
        length_form: what |Y| is in that penalty: power, |Y| itself (Cho et al. 2014b), or gnmt, (5 + |Y|) / 6 (Wu et
            al. 2016)
        coverage_penalty: weight of the penalty for source tokens without attention (Wu et al. 2016); 0: none
        max_ratio: the longest output, as a multiple of the source length in tokens
        max_extra: tokens added to that limit
        batch_size: number of sentences translated together
        precision: of matrix products: float32, bfloat16, int8 (CPU; differs slightly with every batch), or auto:
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
        tokeniser: from text to tokens
        model: the network
        training: the loop
        search: the default search
    """

    data: DataConfig = DataConfig()
    tokeniser: TokeniserConfig = TokeniserConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    search: SearchConfig = SearchConfig()
