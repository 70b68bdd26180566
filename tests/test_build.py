"""What goes together is built; what does not is refused, with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from regard.attention import NORMALISERS, SCORES
from regard.build import build_model, construct, describe_model, pick
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.decoders import BRIDGES, DECODERS
from regard.encoders import ENCODERS
from regard.errors import ConfigError
from regard.recipe_file import load, packaged_recipes
from regard.recurrent import CELLS
from tests.small import random_batch

BASE = ModelConfig(
    embedding_size=6,
    dropout=0.0,
    encoder=EncoderConfig(hidden_size=3),
    decoder=DecoderConfig(hidden_size=6),
    attention=AttentionConfig(size=4),
)


def change(config: ModelConfig = BASE, **options: Any) -> ModelConfig:
    """The config with some keys changed: `decoder__name="luong"` is `decoder.name`."""
    for key, value in options.items():
        section, _, field = key.rpartition("__")
        if section:
            value, field = replace(getattr(config, section), **{field: value}), section
        config = replace(config, **{field: value})
    return config


def refused(config: ModelConfig, **sizes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build_model(config, 11, 11, **sizes)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("encoder__name", ENCODERS),
        ("encoder__cell", CELLS),
        ("decoder__name", DECODERS),
        ("decoder__cell", CELLS),
        ("decoder__bridge", BRIDGES),
        ("attention__score", SCORES),
        ("attention__normaliser", NORMALISERS),
    ],
)
def test_an_unknown_name_is_told_the_known_ones(key: str, table: dict[str, Any]) -> None:
    expected = (
        f"model.{key.replace('__', '.')}: unknown name 'nonsense'; known names: {', '.join(sorted(table))}"
    )
    assert refused(change(**{key: "nonsense"})) == expected


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "plain with a score": (
        {"decoder__name": "plain"},
        [
            "model.decoder.name plain",
            "has no attention",
            "set model.attention.score to none (it is additive)",
        ],
    ),
    "plain with a score that would not fit either": (
        {"decoder__name": "plain", "attention__score": "dot", "decoder__hidden_size": 5},
        ["model.decoder.name plain", "has no attention", "(it is dot)"],
    ),
    "dot with unequal widths": (
        {"attention__score": "dot", "decoder__hidden_size": 5},
        ["model.attention.score dot", "query is 5 wide", "states 6", "set model.decoder.hidden_size to 6"],
    ),
    "scaled_dot with unequal widths": (
        {"attention__score": "scaled_dot", "encoder__bidirectional": False},
        ["model.attention.score scaled_dot", "query is 6 wide", "states 3", "or choose general"],
    ),
    "cosine with unequal widths": (
        {"attention__score": "cosine", "decoder__hidden_size": 5},
        ["model.attention.score cosine", "needs equal widths"],
    ),
    "bahdanau in two layers": (
        {"decoder__num_layers": 2},
        [
            "model.decoder.num_layers 2",
            "bahdanau decoder does not have it",
            "plain, luong, gnmt",
            "leave it at 1",
        ],
    ),
    "input feeding without luong": (
        {"decoder__input_feeding": False},
        ["model.decoder.input_feeding False", "only luong", "leave it at True"],
    ),
    "a query choice without gnmt": (
        {"decoder__name": "luong", "decoder__query_step": "current"},
        ["model.decoder.query_step current", "only gnmt", "leave it at previous"],
    ),
    "a sentence vector with attention": (
        {"decoder__sentence_vector": "every_step"},
        ["model.decoder.sentence_vector every_step", "only plain"],
    ),
    "gnmt decoder in one layer": (
        {"decoder__name": "gnmt"},
        ["model.decoder.num_layers", "2 or more; got 1", "raise it or choose another decoder"],
    ),
    "gnmt encoder in one layer": (
        {"encoder__name": "gnmt"},
        ["model.encoder.num_layers", "2 or more; got 1", "raise it or choose the recurrent encoder"],
    ),
    "a source reversed for both directions": (
        {"reverse_source": True},
        [
            "model.reverse_source",
            "one direction",
            "set model.encoder.name to recurrent",
            "bidirectional to false",
        ],
    ),
    "a source reversed for gnmt": (
        {"reverse_source": True, "encoder__name": "gnmt", "encoder__num_layers": 2},
        ["model.reverse_source", "set model.encoder.name to recurrent"],
    ),
    "copy between cells": (
        {"decoder__bridge": "copy", "decoder__cell": "gru"},
        ["model.decoder.bridge copy", "1 × 6 LSTMCell", "1 × 6 GRUCell", "choose dense"],
    ),
    "copy between depths": (
        {"decoder__bridge": "copy", "encoder__num_layers": 2},
        ["model.decoder.bridge copy", "2 × 6 LSTMCell", "1 × 6 LSTMCell"],
    ),
    "tied without equal widths": (
        {"tie": "target", "decoder__hidden_size": 8},
        ["model.tie target", "decoder is 8 wide", "embeddings 6", "set model.embedding_size to 8"],
    ),
    "all tied without a shared vocabulary": (
        {"tie": "all"},
        ["model.tie all", "set tokeniser.shared to true"],
    ),
    "dropping all": ({"dropout": 1.0}, ["model.dropout: expected a share from 0 to below 1, got 1.0"]),
    "no temperature": ({"attention__temperature": 0.0}, ["model.attention.temperature", "above 0, got 0.0"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused(case: str) -> None:
    options, words = REFUSED[case]
    message = refused(change(**options))
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "key",
    [
        "embedding_size",
        "encoder__hidden_size",
        "encoder__num_layers",
        "decoder__hidden_size",
        "decoder__num_layers",
        "attention__size",
        "attention__max_positions",
    ],
)
def test_a_size_must_be_one_at_least(key: str) -> None:
    where = f"model.{key.replace('__', '.')}"
    assert refused(change(**{key: 0})) == f"{where}: expected an integer of at least 1, got 0"


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_label_smoothing_is_a_share(smoothing: float) -> None:
    message = refused(BASE, label_smoothing=smoothing)
    assert message == f"training.label_smoothing: expected at least 0 and less than 1, got {smoothing}"


def test_a_dropout_of_whole_zero_is_no_size() -> None:
    assert build_model(change(dropout=0), 11, 11).dropout.share == 0


def test_nothing_is_tied_unless_asked() -> None:
    model = build_model(BASE, 11, 12)
    weights = [model.embedding.weight, model.decoder.embedding.weight, model.head.weight]
    assert len({id(weight) for weight in weights}) == 3
    assert [len(weight) for weight in weights] == [11, 12, 12]


def test_target_embedding_and_output_tied() -> None:
    model = build_model(change(tie="target"), 11, 12)
    assert model.head.weight is model.decoder.embedding.weight
    assert model.embedding.weight is not model.head.weight


def test_all_tied() -> None:
    model = build_model(change(tie="all"), 11, 11, shared_vocabulary=True)
    assert model.head.weight is model.decoder.embedding.weight is model.embedding.weight
    model(random_batch()).total.backward()
    assert model.head.weight.grad is not None
    assert "embedding.weight" in dict(model.named_parameters())


def test_options_reach_their_parts() -> None:
    model = build_model(
        change(
            dropout=0.3,
            variational=True,
            decoder__name="luong",
            decoder__num_layers=2,
            decoder__input_feeding=False,
            attention__score="location",
            attention__max_positions=7,
            attention__temperature=2.0,
        ),
        11,
        11,
        label_smoothing=0.2,
    )
    assert (model.dropout.share, model.dropout.variational, model.label_smoothing) == (0.3, True, 0.2)
    assert model.decoder.feed is None
    assert len(model.decoder.stack.cells) == 2  # type: ignore[union-attr, arg-type]
    attention = model.decoder.attention
    assert attention is not None
    assert attention.score.W.out_features == 7  # type: ignore[union-attr]
    assert attention.normalise.temperature == 2


def test_the_source_is_read_from_its_end() -> None:
    config = change(reverse_source=True, encoder__bidirectional=False)
    assert build_model(config, 11, 11).encoder.directions == (True,)
    assert build_model(change(encoder__bidirectional=False), 11, 11).encoder.directions == (False,)


@pytest.mark.parametrize("recipe", packaged_recipes())
def test_a_model_is_described_as_its_recipe_says(recipe: str) -> None:
    config = load(recipe)
    found = describe_model(build_model(config.model, 50, 50, shared_vocabulary=config.tokeniser.shared))
    model = config.model
    decoder = model.decoder
    assert (found["encoder"], found["decoder"], found["bridge"]) == (
        model.encoder.name,
        decoder.name,
        decoder.bridge,
    )
    assert (found["cell"], found["num_layers"]) == (decoder.cell, decoder.num_layers)
    assert found["score"] == model.attention.score.replace("concat", "additive")
    assert found["input_feeding"] == (decoder.name == "luong" and decoder.input_feeding)
    assert found["query_step"] == (decoder.query_step if decoder.name == "gnmt" else None)
    assert found["sentence_vector"] == (decoder.sentence_vector if decoder.name == "plain" else None)
    assert (found["formula"] is None) == (decoder.name == "plain")


def test_an_encoder_is_described_in_words() -> None:
    words = [
        str(describe_model(build_model(config, 11, 11))["encoder_description"])
        for config in (
            BASE,
            change(encoder__bidirectional=False, encoder__cell="gru", encoder__num_layers=2),
            change(encoder__bidirectional=False, reverse_source=True),
            change(encoder__name="gnmt", encoder__num_layers=3),
        )
    ]
    assert words == [
        "1 layer of lstm cells, in both directions; 6 numbers for each source token",
        "2 layers of gru cells, forwards; 3 numbers for each source token",
        "1 layer of lstm cells, from the last token to the first; 3 numbers for each source token",
        "3 layers of lstm cells, the bottom one in both directions, the others forwards; "
        "3 numbers for each source token",
    ]


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_same_seed_builds_the_same_model(decoder: str) -> None:
    config = change(
        decoder__name=decoder,
        attention__score="none",
        **({"decoder__num_layers": 2} if decoder == "gnmt" else {}),
    )
    torch.manual_seed(3)
    one = build_model(config, 11, 11).state_dict()
    torch.manual_seed(3)
    other = build_model(config, 11, 11).state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("recipe", packaged_recipes())
def test_every_recipe_builds_and_learns(recipe: str) -> None:
    config = load(recipe)
    model = build_model(config.model, 50, 50, shared_vocabulary=config.tokeniser.shared)
    model(random_batch()).total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_part_takes_what_its_constructor_names() -> None:
    class Needs:
        def __init__(self, width: int, depth: int = 3) -> None:
            self.got = (width, depth)

    assert construct(Needs, {"width": 1, "colour": "red"}).got == (1, 3)
    assert construct(Needs, {"width": 1, "depth": 2}).got == (1, 2)


def test_picking_by_name() -> None:
    assert pick({"a": int}, "a", "x.y") is int
    with pytest.raises(ConfigError, match=r"x\.y: unknown name 'b'; known names: a"):
        pick({"a": int}, "b", "x.y")
