"""Interventions: overridden weights, forced tokens, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.attention import SCORES
from regard.model import ModelStepper, Seq2Seq
from regard.records.tensors import DecoderState, Memory
from regard.records.text import END, Hypothesis
from regard.search import Overridden, Prefixed, StepOverrides, beam_search, forced_decode, greedy_search
from tests.attention.sequential import RepellingScore
from tests.search.tables import random_table
from tests.small import ATTENTIVE, COMBINATIONS, random_batch, small_way

S, LIMIT = 5, 8
ATTENDING = [(way, score) for way, score in COMBINATIONS if way in ATTENTIVE and score != "none"]
ATTENDING += [(way, "repelling") for way in ATTENTIVE]
every_attention = pytest.mark.parametrize(("way", "score"), ATTENDING)


@pytest.fixture(autouse=True)
def _repelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCORES, "repelling", RepellingScore)


def setting(way: str, score: str) -> tuple[Seq2Seq, ModelStepper]:
    model = small_way(way, score).eval()
    batch = random_batch((S,), (LIMIT,))
    with torch.no_grad():
        return model, model.stepper(model.encode(batch.source, batch.source_valid))


def changed(
    stepper: ModelStepper,
    rows: Mapping[int, np.ndarray] | None = None,
    tokens: Mapping[int, int] | None = None,
    written: tuple[int, ...] = (),
) -> Overridden:
    rows, tokens = rows or {}, tokens or {}
    given = {step: tuple(row.tolist()) for step, row in rows.items()}
    kinds = {**dict.fromkeys(rows, "weights"), **dict.fromkeys(tokens, "force")}
    return Overridden.of(stepper, StepOverrides(given, tokens, kinds), written, S, LIMIT, "cpu")


def own_rows(found: Hypothesis) -> dict[int, np.ndarray]:
    assert found.attention is not None
    return dict(enumerate(found.attention))


def assert_same(one: Hypothesis, other: Hypothesis) -> None:
    assert one.ids == other.ids
    assert one.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)
    assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)
    assert one.attention is not None
    assert other.attention is not None
    np.testing.assert_allclose(one.attention, other.attention, atol=1e-6)


@every_attention
def test_the_models_own_rows_change_nothing(way: str, score: str) -> None:
    _, stepper = setting(way, score)
    (greedy,) = greedy_search(stepper, [LIMIT])
    assert_same(greedy_search(changed(stepper, own_rows(greedy)), [LIMIT])[0], greedy)
    (forced,) = forced_decode(stepper, [(5, 4, 6, 4, END)])
    assert_same(forced_decode(changed(stepper, own_rows(forced)), [forced.ids])[0], forced)
    (best,) = beam_search(stepper, [LIMIT], 3)
    first = {0: own_rows(best[0])[0]}  # all hypotheses of the beam share the first step
    assert_same(beam_search(changed(stepper, first), [LIMIT], 3)[0][0], best[0])


@pytest.mark.parametrize(
    ("way", "score"), [(way, score) for way, score in ATTENDING if score in ("additive", "repelling")]
)
@pytest.mark.parametrize("beam", [1, 3])
def test_overridden_weights_are_used_and_the_rest_follows(way: str, score: str, beam: int) -> None:
    _, stepper = setting(way, score)
    row = np.array([0.0, 0.0, 0.75, 0.0, 0.25], dtype=np.float32)
    overridden = changed(stepper, {1: row, 3: row[::-1]})
    (found,) = beam_search(overridden, [LIMIT], beam)
    (again,) = forced_decode(overridden, [found[0].ids])
    assert_same(again, found[0])
    weights = own_rows(found[0])
    for step, expected in ((1, row), (3, row[::-1])):
        if step in weights:
            np.testing.assert_array_equal(weights[step], expected)
    (untouched,) = forced_decode(stepper, [found[0].ids])
    assert again.log_probabilities[0] == pytest.approx(untouched.log_probabilities[0], abs=1e-6)
    np.testing.assert_allclose(weights[0], own_rows(untouched)[0], atol=1e-6)


@every_attention
def test_context_and_attention_state_follow_and_the_override_is_gone(way: str, score: str) -> None:
    model, stepper = setting(way, score)
    row = torch.tensor([[0.5, 0.5, 0.0, 0.0, 0.0]])
    memory = stepper.memory
    with torch.no_grad():
        state = stepper.start()
        given = DecoderState({**state.tensors, "attention.override": row})
        free, held = (model.decoder.step(torch.tensor([4]), one, memory) for one in (state, given))
    assert held.attention is not None
    assert torch.equal(held.attention.weights[0], row)
    torch.testing.assert_close(held.attention.context[0], row @ memory.values[0])
    assert set(held.state) == set(free.state)
    assert "attention.override" not in set(held.state)
    if "attention.coverage" in set(held.state):
        assert torch.equal(held.state["attention.coverage"], row)
        assert torch.equal(held.state["attention.previous"], row)
    if way != "luong, not fed":  # whose recurrence knows nothing of attention
        assert any(not torch.equal(held.state[name], free.state[name]) for name in free.state)


def test_rows_of_nan_are_not_overridden() -> None:
    model, stepper = setting("luong", "general")
    with torch.no_grad():
        state = stepper.start().select(torch.tensor([0, 0]))
        rows = torch.tensor([[torch.nan] * S, [0, 1, 0, 0, 0]])
        given = DecoderState({**state.tensors, "attention.override": rows})
        tokens = torch.tensor([4, 4])
        free, held = (model.decoder.step(tokens, one, stepper.memory).attention for one in (state, given))
    assert free is not None
    assert held is not None
    torch.testing.assert_close(held.weights[0], free.weights[0])
    assert torch.equal(held.weights[1, 0], rows[1])


@pytest.mark.parametrize("way", ["plain", *ATTENTIVE])
def test_a_forced_token_appears_and_the_model_decodes_on(way: str) -> None:
    _, stepper = setting(way, "additive")
    (free,) = greedy_search(stepper, [LIMIT])
    token = next(token for token in (5, 6) if token != free.ids[0])
    (found,) = greedy_search(changed(stepper, tokens={0: token}), [LIMIT])
    (begun,) = greedy_search(Prefixed.of(stepper, [(token,)], "cpu"), [LIMIT])
    assert found.ids == begun.ids
    assert found.ids[0] == token
    assert found.log_probabilities == pytest.approx(
        forced_decode(stepper, [found.ids])[0].log_probabilities, abs=1e-5
    )


@given(
    seed=st.integers(0, 10_000),
    tokens=st.dictionaries(st.integers(0, 4), st.sampled_from([1, 4, 5]), min_size=1, max_size=3),
    beam=st.sampled_from([1, 3]),
)
@settings(max_examples=40, deadline=None)
def test_the_prefix_and_the_forced_tokens_are_written(seed: int, tokens: dict[int, int], beam: int) -> None:
    table = random_table(seed)
    written = (4, 1, 5, 5)
    changes = StepOverrides({}, tokens, dict.fromkeys(tokens, "force"))
    (found,) = beam_search(Overridden.of(table, changes, written, 2, 6, "cpu"), [6], beam)
    first = min(tokens)
    assert found[0].ids[:first] == written[:first]
    for step, token in tokens.items():
        if step < len(found[0].ids):
            assert found[0].ids[step] == token


def test_sentences_that_have_ended_leave_the_others_as_they_are() -> None:
    model = small_way("bahdanau", "additive").eval()
    batch = random_batch((5, 5, 5), (2, 2, 2))
    memory: Memory = model.encode(batch.source, batch.source_valid)
    row = np.array([0, 0, 1, 0, 0], dtype=np.float32)
    limits = [2, 5, 3]
    together = greedy_search(changed(model.stepper(memory), {1: row, 2: row}), limits)
    for sentence, limit in enumerate(limits):
        alone = changed(model.stepper(memory.select(torch.tensor([sentence]))), {1: row, 2: row})
        assert_same(greedy_search(alone, [limit])[0], together[sentence])
