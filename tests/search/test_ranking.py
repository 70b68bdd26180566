"""Rankings by hand, and beams that rank by coverage against all outputs there are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.errors import SearchError
from regard.records.text import END
from regard.search import Ranking, beam_search
from regard.search.ranking import MIN_COVERAGE
from tests.search.tables import Table, all_bodies, random_table, total_of, with_weights


def test_both_length_forms_by_hand() -> None:
    assert Ranking(1.0).score(-6.0, 3, None, 0) == -2.0
    assert Ranking(0.5).score(-6.0, 4, None, 0) == -3.0
    assert Ranking(1.0, "gnmt").score(-6.0, 1, None, 0) == -6.0  # (5 + 1) / 6
    assert Ranking(2.0, "gnmt").score(-8.0, 7, None, 0) == -2.0  # (12 / 6) squared
    assert Ranking(0.0, "gnmt").score(-8.0, 7, None, 0) == -8.0


def test_the_coverage_penalty_by_hand() -> None:
    # Coverage 1.5, 0.5 and 0.0 after two steps: log 1 + log 0.5 + log of the minimum; the fourth is padding.
    weights = np.array([[0.9, 0.1, 0.0, 0.0], [0.6, 0.4, 0.0, 0.0]])
    found = Ranking(0.0, coverage_penalty=2.0, source_lengths=(9, 3)).score(-1.0, 2, weights, 1)
    assert found == pytest.approx(-1.0 + 2 * (math.log(0.5) + math.log(MIN_COVERAGE)))


def test_many_score_as_each_does() -> None:
    weights = torch.rand(4, 3, 5, generator=torch.Generator().manual_seed(1))  # four outputs of three tokens
    for form in ("power", "gnmt"):
        ranking = Ranking(0.7, form, 0.3, (5,))
        totals = torch.tensor([-1.0, -2.0, -3.0, -4.0])
        together = ranking.scores(totals, torch.full((4,), 3), weights.sum(1))
        alone = [ranking.score(float(t), 3, one.numpy(), 0) for t, one in zip(totals, weights, strict=True)]
        assert together.tolist() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"length_penalty": -1.0}, r"search\.length_penalty: expected 0 or more, got -1"),
        ({"length_penalty": math.nan}, r"search\.length_penalty: expected 0 or more, got nan"),
        ({"coverage_penalty": -0.5}, r"search\.coverage_penalty: expected 0 or more, got -0\.5"),
        ({"length_form": "wu"}, "unknown form 'wu'; known forms: power, gnmt"),
    ],
)
def test_values_out_of_range_are_refused(how: dict, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        Ranking(**how)


@given(
    seed=st.integers(0, 10_000),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    coverage=st.sampled_from([0.1, 1.0]),
    form=st.sampled_from(["power", "gnmt"]),
    num_best=st.integers(1, 5),
)
@settings(max_examples=25, deadline=None)
def test_a_beam_as_wide_as_all_paths_ranks_all_outputs(
    seed: int, lengths: list[int], coverage: float, form: str, num_best: int
) -> None:
    table = with_weights(random_table(seed, len(lengths), size=6, steps=4), seed, lengths)
    ranking = Ranking(0.6, form, coverage, tuple(lengths))
    found = beam_search(table, [4] * len(lengths), 150, ranking, num_best)
    for sentence, hypotheses in enumerate(found):
        best = sorted((_score(table, sentence, body, ranking) for body in all_bodies(table, 3)), reverse=True)
        assert [one.score for one in hypotheses] == pytest.approx(best[:num_best], abs=1e-4)
        for one in hypotheses:
            assert one.score == pytest.approx(_score(table, sentence, one.ids[:-1], ranking), abs=1e-4)


def _score(table: Table, sentence: int, body: tuple[int, ...], ranking: Ranking) -> float:
    """Equation 14 with plain numbers."""
    ids = (*body, END)
    length = len(ids) if ranking.length_form == "power" else (5 + len(ids)) / 6
    coverage = table.coverage(sentence, ids)[: ranking.source_lengths[sentence]].tolist()
    covered = sum(math.log(min(max(one, MIN_COVERAGE), 1)) for one in coverage)
    penalty = ranking.coverage_penalty * covered
    return total_of(table, sentence, ids) / length**ranking.length_penalty + penalty


@given(seed=st.integers(0, 10_000), beam=st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_a_sentence_alone_scores_as_in_the_batch(seed: int, beam: int) -> None:
    lengths = (2, 5, 1)
    table = with_weights(random_table(seed, 3), seed, lengths)
    together = beam_search(
        table, [6, 3, 5], beam, Ranking(coverage_penalty=0.5, source_lengths=lengths), beam
    )
    for sentence, limit in enumerate((6, 3, 5)):
        ranking = Ranking(coverage_penalty=0.5, source_lengths=lengths[sentence : sentence + 1])
        alone_table = table.alone(sentence)
        weights = alone_table.weights
        assert weights is not None
        narrow = Table(alone_table.log_probabilities, 1, weights[..., : lengths[sentence]])
        (alone,) = beam_search(narrow, [limit], beam, ranking, beam)
        assert [one.ids for one in alone] == [one.ids for one in together[sentence]]
        for one, other in zip(alone, together[sentence], strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-5)


@given(seed=st.integers(0, 10_000), beam=st.integers(2, 8))
@settings(max_examples=25, deadline=None)
def test_the_early_stop_is_exact_with_coverage(seed: int, beam: int) -> None:
    # With num_best = beam, a search cannot stop before all hypotheses are finished or the limit is reached.
    table = with_weights(random_table(seed), seed, (3,))
    ranking = Ranking(0.8, coverage_penalty=0.7, source_lengths=(3,))
    (one,) = beam_search(table, [6], beam, ranking, 1)
    (all_of_them,) = beam_search(table, [6], beam, ranking, beam)
    assert one[0].ids == all_of_them[0].ids


def test_a_model_without_attention_covers_nothing() -> None:
    with pytest.raises(SearchError, match="no attention to measure coverage by; set it to 0"):
        beam_search(random_table(1), [3], 2, Ranking(coverage_penalty=0.5, source_lengths=(3,)))
