from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.alignment import alignment_error_rate, parse_links, read_links
from regard.errors import DataError
from regard.records.text import Links
from tests.real_data import DATA

HANSARDS = DATA / "hansards"
PUBLISHED = [  # in percent; the reverse files have the target word first
    ("giza.forward", False, 8.0),
    ("giza.reverse", True, 9.8),
    ("giza.grow-diagonal", False, 5.9),
    ("giza.grow-diagonal-final", False, 6.2),
    ("fastalign.forward", False, 16.4),
    ("fastalign.reverse", True, 15.9),
    ("fastalign.grow-diagonal", False, 10.5),
    ("fastalign.grow-diagonal-final", False, 12.1),
]
Pairs = frozenset[tuple[int, int]]
PAIRS = st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)


def test_worked_by_hand() -> None:
    # 3 found: one sure, one possible, one wrong; 2 sure to be found: 1 - (1 + 2) / (3 + 2)
    score = alignment_error_rate([parse_links("0-0 1-1 3-3")], [parse_links("0-0 2-2 1p1")])
    assert score.aer == pytest.approx(1 - 3 / 5)
    assert score.precision == pytest.approx(2 / 3)
    assert score.recall == pytest.approx(1 / 2)
    assert (score.num_found, score.num_sure) == (3, 2)


def test_counts_are_summed_over_the_corpus() -> None:
    # perfect on one link, all wrong on three: 1 - (1 + 1) / (4 + 4), not the mean 1/2
    found = [parse_links("0-0"), parse_links("0-1 1-2 2-3")]
    gold = [parse_links("0-0"), parse_links("0-0 1-1 2-2")]
    assert alignment_error_rate(found, gold).aer == pytest.approx(3 / 4)


def test_nothing_found_and_nothing_sought() -> None:
    assert alignment_error_rate([Links()], [parse_links("0-0")]).aer == 1
    assert alignment_error_rate([Links()], [parse_links("0-0")]).precision == 1
    assert alignment_error_rate([Links()], [Links()]).aer == 0
    assert alignment_error_rate([parse_links("0-0")], [parse_links("0p0")]).aer == 0


@given(PAIRS, PAIRS)
def test_perfect_when_all_sure_and_nothing_impossible(sure: Pairs, possible: Pairs) -> None:
    gold = Links(sure, possible)
    assert alignment_error_rate([Links(sure)], [gold]).aer == 0
    assert alignment_error_rate([Links(gold.possible)], [gold]).aer == 0


@given(PAIRS.filter(bool), PAIRS)
def test_without_possible_links_it_is_one_minus_f(sure: Pairs, found: Pairs) -> None:
    score = alignment_error_rate([Links(found)], [Links(sure)])
    assert score.aer == pytest.approx(1 - 2 * len(sure & found) / (len(sure) + len(found)))


def test_corpora_of_unequal_length_are_refused() -> None:
    with pytest.raises(DataError, match="got 1 lines of found links and 2 of gold"):
        alignment_error_rate([Links()], [Links(), Links()])
    with pytest.raises(DataError, match="got 2 lines of found links and 1 of gold"):
        alignment_error_rate([Links(), Links()], [Links()])
    with pytest.raises(DataError, match="at least one"):
        alignment_error_rate([], [])


@pytest.mark.skipif(not HANSARDS.is_dir(), reason=f"no Hansards links in {HANSARDS}; set REGARD_DATA")
@pytest.mark.parametrize(("aligner", "flipped", "published"), PUBLISHED)
def test_published_figures_are_reproduced(aligner: str, flipped: bool, published: float) -> None:
    gold = read_links(HANSARDS / "test.en-fr.gold", one_indexed=True)
    found = read_links(HANSARDS / f"{aligner}.links", flipped=flipped)
    assert 100 * alignment_error_rate(found, gold).aer == pytest.approx(published, abs=0.1)
