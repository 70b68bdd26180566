"""Build models from configuration: the one place that knows both.

Parts are found by name in their tables, and each is given those of the available arguments that its constructor
names, so a new part needs a class and a row in its table, and no change here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from torch import nn

from regard import kernels
from regard.attention import NORMALISERS, SCORES, Attention
from regard.config import DecoderConfig, ModelConfig
from regard.decoders import BRIDGES, DECODERS, Decoder
from regard.encoders import ENCODERS, Encoder
from regard.errors import ConfigError
from regard.model import Seq2Seq
from regard.recurrent import CELLS, Cell, Dropout

Part = TypeVar("Part")


def build_model(
    config: ModelConfig,
    source_size: int,
    target_size: int,
    *,
    shared_vocabulary: bool = False,
    label_smoothing: float = 0.0,
) -> Seq2Seq:
    """Build a model with freshly initialised weights for vocabularies of these sizes.

    Raises ConfigError, with the reason, for unknown names and for parts that cannot be combined.
    """
    _check_sizes(config)
    if not 0 <= label_smoothing < 1:
        raise ConfigError(
            f"training.label_smoothing: expected at least 0 and less than 1, got {label_smoothing}"
        )
    dropout = Dropout(config.dropout, config.variational)
    source_embedding = _embedding(source_size, config.embedding_size, tied=config.tie == "all")
    target_embedding = _embedding(target_size, config.embedding_size, tied=config.tie != "none")
    if config.tie == "all":
        _check_tied_vocabularies(shared_vocabulary)
        source_embedding = target_embedding
    encoder = _encoder(config, dropout)
    decoder = _decoder(config, target_embedding, encoder, dropout)
    head = kernels.Linear(decoder.combined_size, target_size)
    if config.tie != "none":
        _check_tied_sizes(config, decoder)
        head.weight = target_embedding.weight
    return Seq2Seq(source_embedding, encoder, decoder, head, dropout, label_smoothing)


def describe_model(model: Seq2Seq) -> dict[str, str | int | bool | None]:
    """Describe how a model is built, in the recipe's names and in words; None for what it does not have.

    The keys are encoder, encoder_description, decoder, cell and num_layers of the decoder, bridge, input_feeding,
    query_step (gnmt: previous or current), sentence_vector (plain: start or every_step); score, its formula and
    score_source; query (where it comes from) and context (where it goes).
    """
    encoder, decoder = model.encoder, model.decoder
    score = None if decoder.attention is None else decoder.attention.score
    cells = [type(part) for part in decoder.modules() if isinstance(part, Cell)]
    layers = f"{encoder.num_layers} layer{'s' if encoder.num_layers > 1 else ''}"
    return {
        "encoder": name_of(ENCODERS, type(encoder)),
        "encoder_description": f"{layers} of {name_of(CELLS, encoder.cell)} cells, {encoder.reading}; "
        f"{encoder.memory_size} numbers for each source token",
        "decoder": name_of(DECODERS, type(decoder)),
        "cell": name_of(CELLS, cells[0]),
        "num_layers": len(cells),
        "bridge": name_of(BRIDGES, type(decoder.bridge)),
        "input_feeding": decoder.input_feeding,
        "query_step": decoder.query_step,
        "sentence_vector": decoder.sentence_vector,
        "score": "none" if score is None else name_of(SCORES, type(score)),
        "formula": None if score is None else score.formula,
        "score_source": None if score is None else score.source,
        "query": decoder.query_source,
        "context": decoder.context_use,
    }


def name_of(table: Mapping[str, type[Part]], part: type[Part]) -> str:
    """Return the first name of a part in its table, or the name of its class if it is not in the table."""
    return next((name for name, known in table.items() if known is part), part.__name__)


def pick(table: Mapping[str, type[Part]], name: str, key: str) -> type[Part]:
    """Return the part of this name. Raises ConfigError listing the known names."""
    if name not in table:
        raise ConfigError(f"{key}: unknown name {name!r}; known names: {', '.join(sorted(table))}")
    return table[name]


def construct(part: type[Part], arguments: Mapping[str, Any]) -> Part:
    """Construct a part with those of the arguments that its constructor names."""
    return part(**{name: arguments[name] for name in _parameters(part) if name in arguments})


def _embedding(size: int, width: int, tied: bool) -> nn.Embedding:
    """Initialise rows to length 1 on average if they are tied to the output, else to unit variance: learns faster."""
    embedding = nn.Embedding(size, width)
    nn.init.normal_(embedding.weight, std=width**-0.5 if tied else 1.0)
    return embedding


def _encoder(config: ModelConfig, dropout: Dropout) -> Encoder:
    section = config.encoder
    part = pick(ENCODERS, section.name, "model.encoder.name")
    if config.reverse_source and (section.name != "recurrent" or section.bidirectional):
        raise ConfigError(
            "model.reverse_source: only an encoder that reads in one direction can read from the end: "
            "set model.encoder.name to recurrent and model.encoder.bidirectional to false"
        )
    arguments = asdict(section) | {
        "cell": pick(CELLS, section.cell, "model.encoder.cell"),
        "input_size": config.embedding_size,
        "backward": config.reverse_source,
        "dropout": dropout,
    }
    return construct(part, arguments)


def _decoder(config: ModelConfig, embedding: nn.Embedding, encoder: Encoder, dropout: Dropout) -> Decoder:
    section = config.decoder
    part = pick(DECODERS, section.name, "model.decoder.name")
    _check_decoder_options(part, section)
    arguments = asdict(section) | {
        "cell": pick(CELLS, section.cell, "model.decoder.cell"),
        "memory_size": encoder.memory_size,
        "encoder_cell": encoder.cell,
        "encoder_layers": encoder.num_layers,
        "embedding": embedding,
        "dropout": dropout,
    }
    arguments["bridge"] = construct(pick(BRIDGES, section.bridge, "model.decoder.bridge"), arguments)
    _check_source_is_used(part, config)
    return construct(part, arguments | {"attention": _attention(config, encoder.memory_size)})


def _attention(config: ModelConfig, memory_size: int) -> Attention:
    section = config.attention
    score = pick(SCORES, section.score, "model.attention.score")
    normaliser = pick(NORMALISERS, section.normaliser, "model.attention.normaliser")
    arguments = asdict(section) | {"query_size": config.decoder.hidden_size, "memory_size": memory_size}
    return Attention(construct(score, arguments), construct(normaliser, arguments))


def _parameters(part: type[Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(part).parameters


def _check_tied_vocabularies(shared: bool) -> None:
    if not shared:
        raise ConfigError(
            "model.tie all: source and target need one vocabulary: set tokeniser.shared to true"
        )


def _check_tied_sizes(config: ModelConfig, decoder: Decoder) -> None:
    if decoder.combined_size != config.embedding_size:
        raise ConfigError(
            f"model.tie {config.tie}: the decoder is {decoder.combined_size} wide, the embeddings "
            f"{config.embedding_size}; one matrix serves both only if they are equal: set "
            f"model.embedding_size to {decoder.combined_size}, or model.tie to none"
        )


def _check_source_is_used(part: type[Decoder], config: ModelConfig) -> None:
    """Refuse a score for a decoder without attention, and a decoder that would not see the source at all."""
    section = config.decoder
    if "attention" not in _parameters(part) and config.attention.score != "none":
        raise ConfigError(
            f"model.decoder.name {section.name}: this decoder has no attention, it knows the sentence by one fixed "
            f"vector; set model.attention.score to none (it is {config.attention.score}), or choose another decoder"
        )
    if section.name == "plain" and section.bridge == "zero" and section.sentence_vector == "start":
        raise ConfigError(
            "model.decoder: plain with bridge zero would know nothing of the source; "
            "choose bridge copy, dense or mean, or sentence_vector every_step"
        )


def _check_decoder_options(part: type[Decoder], section: DecoderConfig) -> None:
    """Refuse options that this decoder does not have, unless they have their default values."""
    for option in fields(section):
        value = getattr(section, option.name)
        if option.name not in ("name", *_parameters(part)) and value != option.default:
            owners = [name for name, other in DECODERS.items() if option.name in _parameters(other)]
            raise ConfigError(
                f"model.decoder.{option.name} {value}: the {section.name} decoder does not have it, only "
                f"{', '.join(owners)}; leave it at {option.default} or choose one of those"
            )


def _check_sizes(config: ModelConfig) -> None:
    sections: dict[str, Any] = {
        "model": config,
        "model.encoder": config.encoder,
        "model.decoder": config.decoder,
        "model.attention": config.attention,
    }
    for key, section in sections.items():
        for field in fields(section):
            value = getattr(section, field.name)
            if field.type == "int" and value < 1:
                raise ConfigError(f"{key}.{field.name}: expected an integer of at least 1, got {value}")
