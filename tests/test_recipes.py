"""The packaged recipes: they load, build and learn, and each is what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from regard.build import build_model
from regard.config import Config
from regard.recipe_file import load, packaged_recipes
from tests.small import VOCABULARY_SIZE, random_batch

RECIPES = packaged_recipes()
PAPERS = {
    "sutskever2014": ("plain", "none"),
    "bahdanau2015": ("bahdanau", "additive"),
    "luong2015": ("luong", "general"),
    "gnmt2016": ("gnmt", "additive"),
}


def leaves(section: dict, inside: str = "") -> dict[str, object]:
    """The dotted keys of a recipe with their values."""
    found: dict[str, object] = {}
    for name, value in section.items():
        key = f"{inside}{name}"
        found |= leaves(value, f"{key}.") if isinstance(value, dict) else {key: value}
    return found


def value_of(config: Config, key: str) -> object:
    value: object = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_the_papers_are_there() -> None:
    assert set(PAPERS) <= set(RECIPES)


@pytest.mark.parametrize("name", PAPERS)
def test_each_paper_has_its_decoder_and_score(name: str) -> None:
    model = load(name).model
    assert (model.decoder.name, model.attention.score) == PAPERS[name]
    assert model.reverse_source == (name == "sutskever2014")


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_recipe_says_is_what_is_used(name: str) -> None:
    written = leaves(yaml.safe_load(RECIPES[name].read_text(encoding="utf-8")))
    config = load(name)
    for key, value in written.items():
        expected = float(value) if isinstance(value_of(config, key), float) else value  # type: ignore[arg-type]
        assert value_of(config, key) == expected, key


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_a_training_step(name: str) -> None:
    torch.manual_seed(1)
    config = load(name)
    model = build_model(
        config.model,
        VOCABULARY_SIZE,
        VOCABULARY_SIZE,
        shared_vocabulary=config.tokeniser.shared,
        label_smoothing=config.training.label_smoothing,
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    batch = random_batch()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    loss = model(batch)
    loss.total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    optimiser.step()
    assert any(not torch.equal(before[name], parameter) for name, parameter in model.named_parameters())
    model.eval()
    assert float(model(batch).nll) < float(loss.nll) * 1.05


def test_the_demo_compares_two_models_on_equal_terms() -> None:
    """Same data, tokeniser, epochs and batches: as many tokens for both."""
    fixed, attention = load("demo_fixed_vector"), load("demo_attention")
    assert fixed.model.decoder.name == "plain"
    assert attention.model.attention.score != "none"
    assert (fixed.data, fixed.tokeniser, fixed.search) == (
        attention.data,
        attention.tokeniser,
        attention.search,
    )
    rate = fixed.training.learning_rate
    assert fixed.training == replace(attention.training, learning_rate=rate)


@pytest.mark.parametrize("name", PAPERS)
def test_every_line_of_a_papers_model_is_within_the_page(name: str) -> None:
    lines = Path(RECIPES[name]).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 118] == []
    assert lines[0].startswith("# ")
