"""Searches that drive a model: attention, batches, beams of 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.attention import SCORES
from regard.errors import SearchError
from regard.model import ModelStepper, Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END, PAD, START, Hypothesis
from regard.search import beam_search, forced_decode, greedy_search
from tests.attention.sequential import RepellingScore
from tests.small import ATTENTIVE, WAYS, random_batch, small_way, take

LENGTHS, LIMITS = (5, 3, 1, 4), [9, 4, 6, 1]
every_way = pytest.mark.parametrize("way", WAYS)


def setting(way: str, score: str = "additive") -> tuple[Seq2Seq, Batch]:
    model = small_way(way, "none" if way.startswith("plain") else score).eval()
    return model, random_batch(LENGTHS, LENGTHS)


def stepper(model: Seq2Seq, batch: Batch) -> ModelStepper:
    return model.stepper(model.encode(batch.source, batch.source_valid))


def assert_same(one: Hypothesis, other: Hypothesis) -> None:
    assert one.ids == other.ids
    assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)
    assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-4)
    assert sum(one.log_probabilities) == pytest.approx(one.log_probability, abs=1e-4)
    assert one.score == pytest.approx(other.score, abs=1e-4)
    assert (one.attention is None) == (other.attention is None)
    if one.attention is not None and other.attention is not None:
        shared = min(one.attention.shape[1], other.attention.shape[1])
        assert np.allclose(one.attention[:, :shared], other.attention[:, :shared], atol=1e-5)
        assert (other.attention[:, shared:] == 0).all()


def targets(found: Sequence[Hypothesis]) -> list[tuple[int, ...]]:
    return [one.ids for one in found]


@every_way
@given(seed=st.integers(0, 10_000))
@settings(max_examples=6, deadline=None)
def test_a_beam_of_one_is_greedy(way: str, seed: int) -> None:
    torch.manual_seed(seed)
    model, batch = setting(way)
    greedy = greedy_search(stepper(model, batch), LIMITS)
    for one, (best,) in zip(greedy, beam_search(stepper(model, batch), LIMITS, beam_size=1), strict=True):
        assert_same(one, best)


@every_way
@pytest.mark.parametrize("beam", [1, 4])
def test_a_beam_attends_as_forced_decoding_of_its_output_does(way: str, beam: int) -> None:
    model, batch = setting(way)
    n_best = beam_search(stepper(model, batch), LIMITS, beam_size=beam, num_best=beam)
    for rank in range(min(len(found) for found in n_best)):
        found = [hypotheses[rank] for hypotheses in n_best]
        for one, again in zip(found, forced_decode(stepper(model, batch), targets(found)), strict=True):
            assert_same(one, again)
            if one.attention is not None:
                assert one.attention.shape == (len(one.ids), max(LENGTHS))


@every_way
@pytest.mark.parametrize("beam", [1, 4])
def test_a_sentence_alone_is_a_sentence_in_the_batch(way: str, beam: int) -> None:
    model, batch = setting(way)
    together = beam_search(stepper(model, batch), LIMITS, beam_size=beam, num_best=beam)
    greedy = greedy_search(stepper(model, batch), LIMITS)
    for row, limit in enumerate(LIMITS):
        one = take(batch, [row])
        (alone,) = beam_search(stepper(model, one), [limit], beam_size=beam, num_best=beam)
        assert len(alone) == len(together[row])
        for a, b in zip(alone, together[row], strict=True):
            assert_same(a, b)
        assert_same(greedy_search(stepper(model, one), [limit])[0], greedy[row])


@every_way
def test_limits_hold(way: str) -> None:
    model, batch = setting(way)
    with torch.no_grad():
        model.head.bias[END] = -50  # never ends by itself
    for one, limit in zip(greedy_search(stepper(model, batch), LIMITS), LIMITS, strict=True):
        assert len(one.ids) == limit
    for found, limit in zip(
        beam_search(stepper(model, batch), LIMITS, beam_size=3, num_best=3), LIMITS, strict=True
    ):
        assert {len(one.ids) for one in found} == {limit}
        assert all(not {PAD, START, END} & set(one.ids) for one in found)


@pytest.mark.parametrize("way", ATTENTIVE)
def test_attention_adds_up_and_never_falls_on_padding(way: str) -> None:
    model, batch = setting(way)
    for row, found in enumerate(beam_search(stepper(model, batch), LIMITS, beam_size=3, num_best=3)):
        for one in found:
            assert one.attention is not None
            assert np.allclose(one.attention.sum(1), 1, atol=1e-5)
            assert (one.attention[:, LENGTHS[row] :] == 0).all()


@pytest.mark.parametrize("way", ATTENTIVE)
def test_a_score_with_state_searches_well(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORES, "repelling", RepellingScore)
    model, batch = setting(way, "repelling")
    n_best = beam_search(stepper(model, batch), LIMITS, beam_size=4, num_best=2)
    found = [hypotheses[-1] for hypotheses in n_best]
    for one, again in zip(found, forced_decode(stepper(model, batch), targets(found)), strict=True):
        assert_same(one, again)
    for row, limit in enumerate(LIMITS):
        (alone,) = beam_search(stepper(model, take(batch, [row])), [limit], beam_size=4, num_best=2)
        assert_same(alone[0], n_best[row][0])


@every_way
def test_forced_decoding_gives_what_training_sees(way: str) -> None:
    model, batch = setting(way)
    ids = [row[valid].tolist() for row, valid in zip(batch.target, batch.target_valid, strict=True)]
    total = sum(one.log_probability for one in forced_decode(stepper(model, batch), ids))
    assert -total == pytest.approx(model(batch).nll.item(), rel=1e-5)


@every_way
def test_no_sentence_gives_no_hypothesis(way: str) -> None:
    model, batch = setting(way)
    none = model.encode(batch.source[:0], batch.source_valid[:0])
    assert greedy_search(model.stepper(none), []) == []
    assert beam_search(model.stepper(none), [], beam_size=3) == []
    assert forced_decode(model.stepper(none), []) == []


@pytest.mark.parametrize("limits", [[5], [5] * 5, [5, 5, 5, 0]])
@pytest.mark.parametrize("search", [greedy_search, beam_search])
def test_every_sentence_needs_a_limit(search: Callable[..., object], limits: list[int]) -> None:
    with pytest.raises(SearchError, match="a limit of 1 or more for each of 4 sentences"):
        search(stepper(*setting("luong")), limits)
