"""Other weights than the model's own: at one step, and throughout."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from regard.attention import UniformScore
from regard.lab.faithful.perturbation import perturb
from regard.model import Seq2Seq
from tests.small import ATTENTIVE, pad_further, random_batch, small_way

FIELDS = ("permuted_distance", "permuted_change", "uniform_distance", "uniform_change")


def blinded(model: Seq2Seq) -> Seq2Seq:
    """Return the same model with uniform attention."""
    blind = deepcopy(model)
    blind.decoder.attention.score = UniformScore()
    return blind


@pytest.mark.parametrize("way", ATTENTIVE)
@torch.no_grad()
def test_uniform_weights_are_those_of_the_uniform_score(way: str) -> None:
    model, batch = small_way(way, "additive").eval(), random_batch((5, 3), (4, 2))
    found = perturb(model, batch)
    valid, wanted = batch.target_valid, batch.target.unsqueeze(2)
    own, blind = (one.log_probabilities(one.unroll(batch).combined) for one in (model, blinded(model)))
    for name, likely in (("", own), ("uniform_", blind)):
        expected = likely.gather(2, wanted).squeeze(2)
        torch.testing.assert_close(getattr(found, f"{name}log_probability")[valid], expected[valid])
        right = (likely.argmax(-1) == batch.target).float()
        assert torch.equal(getattr(found, f"{name}right")[valid], right[valid])
    # at the first step nothing came before, so one step alone is as good as all
    distance = (own[:, 0].exp() - blind[:, 0].exp()).abs().sum(-1) / 2
    torch.testing.assert_close(found.uniform_distance[:, 0], distance)
    assert torch.equal(found.uniform_change[:, 0] == 1, own[:, 0].argmax(-1) != blind[:, 0].argmax(-1))


@pytest.mark.parametrize("way", ATTENTIVE)
def test_other_weights_change_nothing_where_all_are_alike(way: str) -> None:
    found = perturb(small_way(way, "uniform").eval(), batch := random_batch((5, 3, 1), (4, 2, 2)))
    for name in FIELDS:
        assert float(getattr(found, name)[batch.target_valid].abs().max()) < 1e-6, name


def test_a_distance_is_a_share() -> None:
    found = perturb(small_way("luong", "dot").eval(), random_batch((5, 4), (4, 4)))
    for name in FIELDS:
        assert 0 <= float(getattr(found, name).min()) <= float(getattr(found, name).max()) <= 1
    assert float(found.permuted_distance.min()) > 0


def test_padding_is_never_attended_to() -> None:
    model, batch = small_way("bahdanau", "additive").eval(), random_batch((4, 4), (3, 3))
    whole, padded = perturb(model, batch), perturb(model, pad_further(batch))
    for name in ("uniform_distance", "uniform_change", "uniform_log_probability", "log_probability"):
        torch.testing.assert_close(getattr(padded, name)[:, :3], getattr(whole, name))
    # of two tokens, one the end, there is but one other order: padding must not add a third
    pair = random_batch((2,), (2,))
    found = perturb(model, pad_further(pair, source=5), num_permutations=51)
    twisted = perturb(model, pair, num_permutations=51)
    assert {round(float(one.permuted_distance[0, 0]), 5) for one in (found, twisted)} <= two_orders(
        model, pair
    )


@torch.no_grad()
def two_orders(model: Seq2Seq, pair: object) -> set[float]:
    """What the median can be: no distance, or that of the weights turned round."""
    memory = model.encode(pair.source, pair.source_valid)
    state = model.decoder.start(memory)
    step = model.decoder.step(pair.previous[:, 0], state, memory)
    turned = replace_weights(state, step.attention.weights[:, 0].flip(-1))
    other = model.decoder.step(pair.previous[:, 0], turned, memory)
    own, new = (model.log_probabilities(one.combined)[0, 0].exp() for one in (step, other))
    return {0.0, round(float((own - new).abs().sum() / 2), 5)}


def replace_weights(state: object, weights: torch.Tensor) -> object:
    return type(state)({**state.tensors, "attention.override": weights})


def test_the_same_seed_permutes_the_same() -> None:
    model, batch = small_way("luong", "dot").eval(), random_batch((5, 4), (4, 4))
    assert torch.equal(perturb(model, batch, 3).permuted_distance, perturb(model, batch, 3).permuted_distance)
    assert not torch.equal(
        perturb(model, batch, 3).permuted_distance, perturb(model, batch, 4).permuted_distance
    )
