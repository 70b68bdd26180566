"""From configuration to objects: the one place that knows both.

Parts are found by name in their tables and take from what is offered the arguments their constructor names,
so a new part needs a class and a row in its table, nothing here.
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
    """A model with fresh weights for vocabularies of these sizes.

    Raises ConfigError, with the reason, for unknown names and for parts that do not go together.
    """
    _check_sizes(config)
    if not 0 <= label_smoothing < 1:
        raise ConfigError(
            f"training.label_smoothing: expected a share from 0 to below 1, got {label_smoothing}"
        )
    dropout = Dropout(config.dropout, config.variational)
    source_embedding = _embedding(source_size, config.embedding_size, tied=config.tie == "all")
    target_embedding = _embedding(target_size, config.embedding_size, tied=config.tie != "none")
    if config.tie == "all":
        if not shared_vocabulary:
            raise ConfigError(
                "model.tie all: source and target need one vocabulary: set tokeniser.shared to true"
            )
        source_embedding = target_embedding
    encoder = _encoder(config, dropout)
    decoder = _decoder(config, target_embedding, encoder, dropout)
    head = kernels.Linear(decoder.combined_size, target_size)
    if config.tie != "none":
        if decoder.combined_size != config.embedding_size:
            raise ConfigError(
                f"model.tie {config.tie}: the decoder is {decoder.combined_size} wide, the embeddings "
                f"{config.embedding_size}; one matrix serves both only if they are equal: set "
                f"model.embedding_size to {decoder.combined_size}, or model.tie to none"
            )
        head.weight = target_embedding.weight
    return Seq2Seq(source_embedding, encoder, decoder, head, dropout, label_smoothing)


def describe_model(model: Seq2Seq) -> dict[str, str | int | bool | None]:
    """How a model is built, in the recipe's names and in words; what it does not have is None.

    encoder, encoder_description, decoder, cell and num_layers of the decoder, bridge, input_feeding, query_step
    (previous or current), sentence_vector (of plain: start or every_step); score, its formula and score_source; query
    (where it comes from), context (where it goes).
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
    """The first name that a part has in its table; that of its class if it is not there."""
    return next((name for name, known in table.items() if known is part), part.__name__)


def pick(table: Mapping[str, type[Part]], name: str, key: str) -> type[Part]:
    """The part of this name; ConfigError naming those there are."""
    if name not in table:
        raise ConfigError(f"{key}: unknown name {name!r}; known names: {', '.join(sorted(table))}")
    return table[name]


def construct(part: type[Part], offered: Mapping[str, Any]) -> Part:
    """The part, made with those of the offered arguments that its constructor names."""
    return part(**{name: offered[name] for name in inspect.signature(part).parameters if name in offered})


def _embedding(size: int, width: int, tied: bool) -> nn.Embedding:
    """Rows of length about 1 where they also serve as output matrix, else of unit variance, which learns faster."""
    made = nn.Embedding(size, width)
    nn.init.normal_(made.weight, std=width**-0.5 if tied else 1.0)
    return made


def _encoder(config: ModelConfig, dropout: Dropout) -> Encoder:
    chosen = config.encoder
    part = pick(ENCODERS, chosen.name, "model.encoder.name")
    if config.reverse_source and (chosen.name != "recurrent" or chosen.bidirectional):
        raise ConfigError(
            "model.reverse_source: only an encoder that reads in one direction can read from the end: "
            "set model.encoder.name to recurrent and model.encoder.bidirectional to false"
        )
    offered = asdict(chosen) | {
        "cell": pick(CELLS, chosen.cell, "model.encoder.cell"),
        "input_size": config.embedding_size,
        "backward": config.reverse_source,
        "dropout": dropout,
    }
    return construct(part, offered)


def _decoder(config: ModelConfig, embedding: nn.Embedding, encoder: Encoder, dropout: Dropout) -> Decoder:
    chosen = config.decoder
    part = pick(DECODERS, chosen.name, "model.decoder.name")
    _check_options(part, chosen)
    offered = asdict(chosen) | {
        "cell": pick(CELLS, chosen.cell, "model.decoder.cell"),
        "memory_size": encoder.memory_size,
        "encoder_cell": encoder.cell,
        "encoder_layers": encoder.num_layers,
        "embedding": embedding,
        "dropout": dropout,
    }
    offered["bridge"] = construct(pick(BRIDGES, chosen.bridge, "model.decoder.bridge"), offered)
    if "attention" not in inspect.signature(part).parameters and config.attention.score != "none":
        raise ConfigError(
            f"model.decoder.name {chosen.name}: this decoder has no attention, it knows the sentence by one fixed "
            f"vector; set model.attention.score to none (it is {config.attention.score}), or choose another decoder"
        )
    if chosen.name == "plain" and chosen.bridge == "zero" and chosen.sentence_vector == "start":
        raise ConfigError(
            "model.decoder: plain with bridge zero would know nothing of the source; "
            "choose bridge copy, dense or mean, or sentence_vector every_step"
        )
    return construct(part, offered | {"attention": _attention(config, encoder.memory_size)})


def _attention(config: ModelConfig, memory_size: int) -> Attention:
    chosen = config.attention
    score = pick(SCORES, chosen.score, "model.attention.score")
    normaliser = pick(NORMALISERS, chosen.normaliser, "model.attention.normaliser")
    offered = asdict(chosen) | {"query_size": config.decoder.hidden_size, "memory_size": memory_size}
    return Attention(construct(score, offered), construct(normaliser, offered))


def _check_options(part: type[Decoder], chosen: DecoderConfig) -> None:
    """Refuse what was asked for and this decoder does not know."""
    known = inspect.signature(part).parameters
    for option in fields(chosen):
        value = getattr(chosen, option.name)
        if option.name not in ("name", *known) and value != option.default:
            takers = [
                name for name, other in DECODERS.items() if option.name in inspect.signature(other).parameters
            ]
            raise ConfigError(
                f"model.decoder.{option.name} {value}: the {chosen.name} decoder does not have it, only "
                f"{', '.join(takers)}; leave it at {option.default} or choose one of those"
            )


def _check_sizes(config: ModelConfig) -> None:
    sections: dict[str, Any] = {
        "model": config,
        "model.encoder": config.encoder,
        "model.decoder": config.decoder,
        "model.attention": config.attention,
    }
    for where, section in sections.items():
        for field in fields(section):
            value = getattr(section, field.name)
            if field.type == "int" and value < 1:
                raise ConfigError(f"{where}.{field.name}: expected a whole number from 1 on, got {value}")
