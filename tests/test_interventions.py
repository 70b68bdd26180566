"""Interventions in a translator: overridden attention, forced tokens, and their traces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regard.attention import SCORES
from regard.errors import SearchError
from regard.records.text import Attend, Force, Intervention, Weights
from regard.search import SearchStrategy
from regard.translator import Translator
from tests.test_translator import DECODERS, SENTENCES, fresh
from tests.trained import unseen_pairs

TEXT = SENTENCES[1]
ATTENDING = [decoder for decoder in DECODERS if decoder != "plain"]


def greedy(decoder: str = "luong", score: str = "additive", beam: int = 1) -> Translator:
    translator = fresh(decoder, score=score)
    translator.search = replace(translator.search, beam=beam)
    return translator


@pytest.mark.parametrize("decoder", ATTENDING)
@pytest.mark.parametrize("score", [score for score in SCORES if score not in ("none", "concat")])
def test_the_models_own_weights_change_nothing(decoder: str, score: str) -> None:
    translator = greedy(decoder, score)
    found = translator.translate(TEXT)
    assert found.attention is not None
    own = [Weights(step, row) for step, row in enumerate(found.attention)]
    again = translator.translate(TEXT, intervene=own)
    assert again.tokens == found.tokens
    assert again.log_probabilities == pytest.approx(found.log_probabilities, abs=1e-5)
    np.testing.assert_allclose(again.attention, found.attention, atol=1e-6)
    last = len(found.tokens) - 1
    assert translator.translate(TEXT, intervene=own[last:]).tokens == found.tokens


@pytest.mark.parametrize("decoder", ATTENDING)
@pytest.mark.parametrize("beam", [1, 3])
def test_overridden_attention_is_used_and_earlier_tokens_stay(decoder: str, beam: int) -> None:
    translator = greedy(decoder, beam=beam)
    found = translator.translate(TEXT)
    size = len(found.source_tokens)
    row = np.arange(size, dtype=float)
    for to, expected in ((3, np.eye(size)[3]), ((0, 2), (np.eye(size)[0] + np.eye(size)[2]) / 2)):
        changes = [Attend(2, to), Weights(4, row)]
        changed = translator.translate(TEXT, intervene=changes)
        assert changed.attention is not None
        assert changed.tokens[:2] == found.tokens[:2]
        np.testing.assert_array_equal(changed.attention[2], expected.astype(np.float32))
        np.testing.assert_allclose(changed.attention[4], row / row.sum(), atol=1e-6)
        trace = translator.trace(TEXT, intervene=changes)
        assert trace.translation.tokens == changed.tokens
        assert trace.translation.log_probability == pytest.approx(changed.log_probability, abs=1e-5)
        kinds = [step.intervention for step in trace.steps]
        assert kinds == [None, None, "attend", None, "weights", *[None] * (len(kinds) - 5)]
        for step, weights in zip(trace.steps, changed.attention, strict=True):
            np.testing.assert_allclose(step.weights, weights, atol=1e-6)
            np.testing.assert_allclose(step.context, step.weights @ trace.states, atol=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("beam", [1, 3])
def test_a_token_is_forced_and_the_model_decodes_on(decoder: str, beam: int) -> None:
    translator = greedy(decoder, beam=beam)
    found = translator.translate(TEXT)
    trace = translator.trace(TEXT, intervene=[Force(1, "garden")])
    changed = trace.translation
    assert changed.tokens[:2] == (found.tokens[0], "garden")
    assert changed.tokens == translator.translate(TEXT, intervene=[Force(1, "garden")]).tokens
    if beam == 1:  # a prefix raises the maximum length
        begun = translator.translate(TEXT, prefix=f"{found.tokens[0]} garden")
        assert changed.tokens == begun.tokens[: len(changed.tokens)]
    forced = trace.steps[1]
    assert forced.intervention == "force"
    assert (
        sum(candidate.probability for candidate in forced.candidates) < 1
    )  # the model's own, not 1 for the forced token
    ended = translator.translate(TEXT, intervene=[Force(1, "</s>")])
    assert ended.tokens == (found.tokens[0], "</s>")


def test_one_step_may_be_changed_in_both_ways() -> None:
    trace = greedy().trace(TEXT, intervene=(Force(0, "garden"), Attend(0, 1)))
    assert trace.steps[0].intervention == "attend+force"
    assert trace.steps[0].token == "garden"
    assert trace.steps[0].weights is not None
    assert trace.steps[0].weights[1] == 1


@pytest.mark.parametrize("weight", [1e308, 5e-324])
def test_a_row_of_any_size_is_scaled_to_sum_to_one(weight: float) -> None:
    trace = greedy().trace(TEXT, intervene=[Weights(0, [weight] * 11)])
    assert trace.steps[0].weights is not None
    np.testing.assert_allclose(trace.steps[0].weights, 1 / len(trace.steps[0].weights), rtol=1e-6)


def test_a_known_target_is_traced_under_other_weights() -> None:
    translator, target = greedy("bahdanau"), unseen_pairs(1)[0].target
    changed, free = translator.trace(TEXT, target, intervene=[Attend(2, 0)]), translator.trace(TEXT, target)
    assert changed.translation.text == free.translation.text == target
    assert changed.beam is None
    same = [
        abs(one.log_probability - other.log_probability) < 1e-6
        for one, other in zip(changed.steps, free.steps, strict=True)
    ]
    assert same[:3] == [True, True, False]
    length = len(free.steps)
    with pytest.raises(SearchError, match=r"step 1 \(force\): the target already determines what is written"):
        translator.trace(TEXT, target, intervene=[Force(1, "garden")])
    with pytest.raises(SearchError, match=f"step {length}: the translation has {length} tokens"):
        translator.trace(TEXT, target, intervene=[Attend(length, 0)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([Attend(10**12, 0)], "step 1000000000000: the translation has .* tokens"),
        (
            [Attend(99, 0)],
            "step 99: the translation has .* tokens, the last of them at step .*; leave it out",
        ),
        (
            [Force(0, "</s>"), Attend(1, 0)],
            "step 1: the translation has 1 tokens, the last of them at step 0",
        ),
        ([Attend(-1, 0)], r"step -1 \(attend\): steps are counted from 0"),
        ([Attend(0, 99)], r"step 0 \(attend\): expected source tokens from 0 to [0-9]+, got 99"),
        ([Attend(0, -1)], "expected source tokens from 0"),
        ([Attend(0, ())], "expected source tokens from 0 to [0-9]+, got none"),
        (
            [Weights(0, [1.0])],
            r"step 0 \(weights\): expected [0-9]+ weights, one for each source token with </s>, got 1",
        ),
        (
            [Weights(0, [-0.5] + [1.0] * 10)],
            "expected finite weights of at least 0, not all of them 0, got .-0.5",
        ),
        ([Weights(0, [0.0] * 11)], "expected finite weights of at least 0, not all of them 0"),
        ([Weights(0, [float("nan")] * 11)], "expected finite weights of at least 0"),
        ([Weights(0, [float("inf")] * 11)], "expected finite weights of at least 0"),
        ([Force(0, "gardn")], "'gardn' is no token of the target vocabulary; did you mean one of .*garden"),
        ([Force(0, "🦉🦉🦉🦉")], "'🦉🦉🦉🦉' is no token of the target vocabulary$"),
        ([Force(0, "garden" * 10)], "is no token of the target vocabulary$"),
        ([Force(0, "<pad>")], "<pad> can never be written"),
        ([Attend(1, 0), Weights(1, [1.0])], "two interventions change the weights there; keep one"),
        ([Force(1, "garden"), Force(1, "man")], "two interventions force a token there"),
    ],
)
def test_an_impossible_intervention_is_an_error_of_one_line(changes: list[Intervention], words: str) -> None:
    translator = greedy()
    assert len(translator.translate(TEXT).source_tokens) == 11
    for call in (translator.translate, translator.trace):
        with pytest.raises(SearchError, match=words) as refusal:
            call(TEXT, intervene=changes)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("decoder", "score", "why"),
    [("plain", "none", "the plain decoder has none"), ("luong", "none", "its score function is none")],
)
def test_without_attention_there_is_nothing_to_change_but_words(decoder: str, score: str, why: str) -> None:
    translator = greedy(decoder, score)
    for change in (Attend(0, 1), Weights(0, [1.0] * 11)):
        with pytest.raises(
            SearchError, match=f"this model has no attention weights to change, {why}.*only Force"
        ):
            translator.translate(TEXT, intervene=[change])
    assert translator.translate(TEXT, intervene=[Force(0, "garden")]).tokens[0] == "garden"


def test_an_ensemble_is_refused() -> None:
    one = greedy()
    both = Translator(one.model, one.tokenisers, one.search, others=[one.model])
    with pytest.raises(
        SearchError, match="intervene: works with a single model, and this is an ensemble of 2"
    ):
        both.translate(TEXT, intervene=[Force(0, "garden")])


@pytest.mark.parametrize("texts", [[TEXT, TEXT], [], ["  "]])
def test_one_text_with_words_is_changed(texts: list[str]) -> None:
    with pytest.raises(SearchError, match="intervene changes one text; expected one with words"):
        greedy().translate(texts, intervene=[Attend(0, 0)])


@pytest.mark.parametrize(
    "other", [{"sample": True}, {"prefix": "the"}, {"ban": ["the"]}, {"glossary": {"frau": "woman"}}]
)
def test_options_that_determine_the_output_are_refused(other: dict) -> None:
    with pytest.raises(
        SearchError,
        match=f"{next(iter(other))} cannot be combined with intervene: both determine what is written",
    ):
        greedy().translate(TEXT, intervene=[Force(0, "garden")], **other)


def test_no_intervention_is_none() -> None:
    translator = greedy(beam=3)
    assert translator.translate(TEXT, intervene=[]).tokens == translator.translate(TEXT).tokens


def test_alternatives_share_what_was_written_before() -> None:
    translator = greedy(beam=3)
    found = translator.translate(TEXT, intervene=[Attend(2, 0)], num_best=3)
    ranked = [found, *found.alternatives]
    assert len({one.tokens for one in ranked}) == 3
    assert len({one.tokens[:2] for one in ranked}) == 1


@pytest.mark.parametrize("beam", [1, 4])
def test_a_trace_has_the_tree_of_its_search(beam: int) -> None:
    translator = greedy(beam=2)
    trace = translator.trace(TEXT, num_candidates=3, beam=beam)
    assert trace.beam is not None
    assert trace.beam.beam == beam
    assert trace.translation.tokens == translator.translate(TEXT, beam=beam).tokens
    best = [node for node in trace.beam.nodes if node.best]
    assert tuple(node.token for node in best) == trace.translation.tokens
    assert best[-1].score == pytest.approx(trace.translation.score, abs=1e-4)
    first = [node.token for node in trace.beam.nodes if node.step == 0]
    assert first[:3] == [candidate.token for candidate in trace.steps[0].candidates]
    assert translator.trace(TEXT, beam_tree=False).beam is None
    assert translator.trace(TEXT, "the man .").beam is None


def test_a_forced_token_leaves_nothing_else_to_consider() -> None:
    trace = greedy(beam=3).trace(TEXT, intervene=[Force(1, "garden")])
    assert trace.beam is not None
    assert [node.token for node in trace.beam.nodes if node.step == 1] == ["garden"]


def test_alignment_is_computed_on_request() -> None:
    translator = greedy()
    assert all(step.alignment is None for step in translator.trace(TEXT).steps)
    trace = translator.trace(TEXT, alignment=True)
    for step in trace.steps:
        assert step.weights is not None
        assert step.alignment is not None
        np.testing.assert_allclose(step.alignment, step.weights[:, None] * trace.states, atol=1e-6)
        np.testing.assert_allclose(step.alignment.sum(axis=0), step.context, atol=1e-5)
    assert all(step.alignment is None for step in greedy("plain").trace(TEXT, alignment=True).steps)


def test_a_trace_knows_its_tokens_and_their_numbers() -> None:
    translator = greedy(beam=3)
    trace = translator.trace(TEXT)
    assert translator.tokenisers.target.tokens([step.id for step in trace.steps]) == list(
        trace.translation.tokens
    )
    assert trace.translation.log_probabilities == tuple(step.log_probability for step in trace.steps)
    np.testing.assert_array_equal(
        trace.translation.attention, np.stack([step.weights for step in trace.steps])
    )


def test_a_beam_of_one_without_recorder_is_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.search.strategy.beam_search", None)
    assert greedy().translate(TEXT).tokens
    assert SearchStrategy.of(greedy().search, {}).beam_size == 1
