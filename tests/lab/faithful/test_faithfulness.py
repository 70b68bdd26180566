"""Over a corpus: models whose attention is known by hand, and a trained one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import regard
from regard.errors import ConfigError, DataError, SearchError
from regard.lab.evaluate import evaluate
from regard.lab.faithful.faithfulness import Faithfulness, faithfulness
from regard.lab.faithful.measures import diagonal_weights, effect_sizes, is_punctuation
from regard.lab.faithful.verdict import NO, YES
from regard.records.text import Pair
from tests.lab.faithful.models import LETTERS, counter
from tests.trained import Trained, unseen_pairs

TURNED = Pair("c e a d b", LETTERS)  # the model looks for its letters wherever they stand


def values(found: Faithfulness, column: str = "attention") -> dict[str, float]:
    return {name: mean.value for (name, where), mean in found.figures.items() if where == column}


def test_attention_explains_a_model_that_copies_what_it_attends_to() -> None:
    found = faithfulness(counter(), [TURNED], bootstrap=0)
    own = values(found)
    for measure in ("erased", "gradient"):
        assert own[f"tau_{measure}"] == pytest.approx(1)
        assert own[f"top_{measure}"] == 1
        assert own[f"decisive_top_{measure}"] == 1
        assert values(found, "random")[f"top_{measure}"] == pytest.approx(1 / 5)
        assert values(found, "random")[f"tau_{measure}"] == 0
    assert own["decisive"] == own["at_word"] == 1
    # a stands at place 2, b at 4, c at 0, d at 3, e at 1: two steps onwards of four
    assert own["monotone"] == 0.5
    assert values(found, "diagonal")["monotone"] == 1
    assert values(found, "random")["monotone"] == pytest.approx(3 / 5)  # (n + 1) / 2n
    assert values(found, "own")["right"] == 1
    assert values(found, "uniform")["right"] == 0  # all letters alike, so that none of five is surely right
    assert found.verdict.answer == YES


def test_its_weights_are_those_set_by_hand() -> None:
    (probe,) = faithfulness(counter(), [TURNED], bootstrap=0).probes
    scores = (
        np.tanh(1) * 8 * np.array([0.9, 0.8, 0.7, 0.6, 0.5, -0.9])
    )  # the wanted letter, the next …, the end
    shares = np.exp(scores) / np.exp(scores).sum()
    by_letter = {letter: column for column, letter in enumerate(TURNED.source.split())}
    letters = LETTERS.split()
    for row in range(5):
        row_by_turn = [probe.weights[row, by_letter[letters[(row + turn) % 5]]] for turn in range(5)]
        assert row_by_turn == pytest.approx(shares[:5].tolist(), rel=1e-4)
    entropy = -(shares * np.log(shares)).sum()
    own = values(faithfulness(counter(), [TURNED], bootstrap=0))
    assert own["entropy"] == pytest.approx(entropy, rel=1e-4)
    assert own["spread"] == pytest.approx(math.exp(entropy), rel=1e-4)
    assert own["end"] == pytest.approx(shares[5], rel=1e-3)


def test_uniform_attention_explains_nothing() -> None:
    found = faithfulness(counter("uniform"), [TURNED, Pair("a b", "a b")], bootstrap=20)
    own = values(found)
    assert own["tau_erased"] == own["tau_gradient"] == 0
    assert own["top_erased"] == pytest.approx((5 * 1 / 5 + 2 * 1 / 2) / 7)  # chance, over seven tokens
    assert own["entropy"] == pytest.approx((5 * math.log(6) + 2 * math.log(3)) / 7)
    assert own["at_word"] == pytest.approx((5 * 5 / 6 + 2 * 2 / 3) / 7)
    for column in ("permuted", "uniform"):
        assert values(found, column)["distance"] == pytest.approx(0, abs=1e-6)
        assert values(found, column)["change"] == 0
    assert values(found, "uniform")["lost"] == 0
    assert found.verdict.answer == NO


def test_links_are_judged_as_evaluate_does(models: Trained) -> None:
    pairs = unseen_pairs(30)
    found = faithfulness(models.attention, pairs, sentences=30, bootstrap=0)
    judged = evaluate(models.attention, pairs, bootstrap=0, beam=1)
    assert values(found)["aer"] == pytest.approx(judged.aer.aer)
    assert values(found, "diagonal")["aer"] == pytest.approx(judged.diagonal_aer.aer)
    assert {"erased", "gradient", "random"} <= {column for name, column in found.figures if name == "aer"}
    assert "aer" not in values(faithfulness(models.attention, [replace(pairs[0], links=None)], bootstrap=0))


def test_its_own_translations_are_forced_where_there_are_no_targets(models: Trained) -> None:
    translator = regard.load(models.attention)
    sources = [pair.source for pair in unseen_pairs(6)]
    found = faithfulness(translator, [Pair(source, "") for source in sources], bootstrap=0)
    assert found.forced == "its own translations"
    written = translator.translate(sources)
    assert [probe.forced.text for probe in found.probes] == [one.text for one in written]
    likely = [value for one in written for value in one.log_probabilities[:-1]]  # without the end
    assert values(found, "own")["log_probability"] == pytest.approx(np.mean(likely), abs=1e-4)
    mixed = faithfulness(translator, [unseen_pairs(1)[0], Pair(sources[1], "")], bootstrap=0)
    assert mixed.forced == "references and its own translations"


def test_the_seed_draws_a_sample_and_every_sentence_is_reported(models: Trained) -> None:
    pairs = [*unseen_pairs(30), Pair("", "nothing"), Pair(" ", "")]
    heard: list[int] = []
    found = faithfulness(models.attention, pairs, sentences=10, seed=5, bootstrap=5, watch=heard.append)
    again = faithfulness(models.attention, pairs, sentences=10, seed=5, bootstrap=5)
    assert found.figures == again.figures
    numbers = [probe.number for probe in found.probes]
    assert numbers == sorted(numbers)
    assert [pairs[number - 1].source for number in numbers] == [probe.forced.source for probe in found.probes]
    assert sum(heard) == 10 == len(numbers) + found.num_left_out
    assert numbers != [
        p.number for p in faithfulness(models.attention, pairs, sentences=10, bootstrap=0).probes
    ]
    whole = faithfulness(models.attention, pairs, bootstrap=0)
    assert (len(whole.probes), whole.num_left_out) == (30, 2)
    assert whole.num_tokens == sum(len(pair.target.split()) for pair in pairs[:30])


def test_the_worst_differ_most_often(models: Trained) -> None:
    found = faithfulness(models.attention, unseen_pairs(30), bootstrap=0)
    worst = found.worst(5)
    counts = [
        sum(
            probe.erased[row].argmax() != probe.weights[row].argmax()
            for row in np.flatnonzero(probe.erased.max(axis=1) >= 0.1)
        )
        for probe in found.probes
    ]
    ranked = sorted(zip(counts, found.probes, strict=True), key=lambda pair: (-pair[0], pair[1].number))
    assert [probe.number for probe in worst] == [probe.number for _, probe in ranked[:5]]


def test_a_spelled_word_is_erased_letter_by_letter() -> None:
    translator = counter()
    (probe,) = faithfulness(translator, [Pair("b", "b")], bootstrap=0).probes
    assert probe.units.texts == ("b",)
    assert probe.weights.shape == (1, 1)
    found = faithfulness(translator, [Pair("b", "b"), TURNED], bootstrap=0)
    assert values(found)["top_erased"] == 1  # a single unit has no order and does not count


def test_what_can_hardly_be_measured_counts_as_nothing() -> None:
    assert effect_sizes(np.array([[-2.0, 5e-5, -5e-5, 0.3]])).tolist() == [[2.0, 0, 0, 0.3]]


def test_the_diagonal_prefers_what_stands_at_its_height() -> None:
    assert diagonal_weights(2, 4).argmax(axis=1).tolist() == [
        0,
        2,
    ]  # heights ¼ and ¾: places 0 and 1, 2 and 3, tie
    assert diagonal_weights(3, 3).argmax(axis=1).tolist() == [0, 1, 2]


def test_marks_are_punctuation() -> None:
    assert [text for text in (".", "?!", "„", "a.", "", "$", "—") if is_punctuation(text)] == [
        ".",
        "?!",
        "„",
        "—",
    ]


def test_what_cannot_be_measured_is_refused(models: Trained, tmp_path) -> None:
    pairs = unseen_pairs(2)
    with pytest.raises(SearchError, match="no attention that could explain anything"):
        faithfulness(models.fixed_vector, pairs)
    with pytest.raises(SearchError, match="no attention that could explain anything"):
        faithfulness(counter("none"), [TURNED])
    with pytest.raises(SearchError, match="expected a single model, got an ensemble of 2"):
        faithfulness(regard.load_ensemble([models.attention, models.attention]), pairs)
    written = tmp_path / "out.en"
    written.write_text("a\n")
    with pytest.raises(SearchError, match="got a file of translations; only a model has attention"):
        faithfulness(written, pairs)
    with pytest.raises(ConfigError, match="sentences: expected a number from 1 on, got 0"):
        faithfulness(models.attention, pairs, sentences=0)
    with pytest.raises(ConfigError, match="bootstrap: expected a number of samples from 0 on, got -1"):
        faithfulness(models.attention, pairs, bootstrap=-1)
    with pytest.raises(DataError, match="expected sentences with words on both sides, got none"):
        faithfulness(models.attention, [Pair(" ", "x")])
