from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from regard.data.stats import Bin, CorpusStats, Distribution, LongLine, corpus_stats
from regard.errors import DataError


def write(path: Path, *lines: str) -> Path:
    path.write_bytes("".join(line + "\n" for line in lines).encode())
    return path


def shown(stats: CorpusStats) -> str:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as capture:
        console.print(stats)
    return capture.get()


def test_one_text_by_hand(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.txt", "die alte frau", "die frau", "", "die frau", "ja\ufffd \x07 \ue000 \u0378"
    )
    (side,) = corpus_stats([file]).sides
    assert side.name == str(file)
    assert (side.num_sentences, side.num_empty, side.num_duplicates) == (5, 1, 1)
    # die 3, frau 3, alte, ja?, bell, private, unassigned
    assert (side.num_words, side.num_types, side.num_singletons) == (11, 7, 5)
    assert side.type_token_ratio == 7 / 11
    assert side.num_characters == 13 + 8 + 0 + 8 + 9
    # d i e space a l t f r u j, and the four odd ones
    assert side.num_character_types == 15
    assert side.lengths == Distribution(smallest=0, median=2, mean=11 / 5, percentile_95=4, largest=4)
    assert side.histogram == (Bin(0, 0, 1), Bin(1, 1, 0), Bin(2, 3, 3), Bin(4, 7, 1))
    assert side.odd == {"replacement": 1, "control": 1, "private use": 1, "unassigned": 1}
    assert side.frequent[:3] == (("die", 3), ("frau", 3), ("\x07", 1))
    assert side.longest == (LongLine(5, 4), LongLine(1, 3), LongLine(2, 2))


def test_a_parallel_corpus_by_hand(tmp_path: Path) -> None:
    source = write(tmp_path / "a.de", "a b", "a b", "c", "", "a b")
    target = write(tmp_path / "a.en", "x", "x", "x y z", "x", "y")
    stats = corpus_stats([source, target])
    assert [side.num_duplicates for side in stats.sides] == [2, 2]
    assert stats.num_duplicate_pairs == 1
    # ratios of the four pairs with words on both sides: 1/2 1/2 3 1/2
    assert stats.ratios == Distribution(smallest=0.5, median=0.5, mean=4.5 / 4, percentile_95=3, largest=3)


def test_a_singleton_occurs_once_and_ten_words_are_listed(tmp_path: Path) -> None:
    (side,) = corpus_stats([write(tmp_path / "a", "a b b c c c", "d e f g h i j k")]).sides
    assert side.num_singletons == 9  # all but b and c
    assert [word for word, _ in side.frequent] == ["c", "b", *"adefghij"]


def test_pairs_without_a_target_have_no_ratio(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a", "a b", "c"), write(tmp_path / "b", "", "d e")
    stats = corpus_stats([source, target])
    assert stats.ratios == Distribution(smallest=2, median=2, mean=2, percentile_95=2, largest=2)
    assert stats.num_duplicate_pairs == 0


def test_a_tab_is_not_unusual_and_a_full_bar_has_twenty_blocks(tmp_path: Path) -> None:
    stats = corpus_stats([write(tmp_path / "a", "a", "b\tc")])
    assert stats.sides[0].odd == {}
    assert "█" * 20 + " 2" in shown(corpus_stats([write(tmp_path / "b", "a", "b")]))
    assert "█" * 21 not in shown(corpus_stats([write(tmp_path / "b", "a", "b")]))


def test_a_tsv_is_a_pair_corpus(tmp_path: Path) -> None:
    source, target = write(tmp_path / "a.de", "a b", "c"), write(tmp_path / "a.en", "x", "y z")
    both = corpus_stats([source, target])
    tsv = corpus_stats([write(tmp_path / "a.tsv", "a b\tx", "c\ty z")])
    assert [side.name for side in tsv.sides] == ["source", "target"]
    assert [side.num_words for side in tsv.sides] == [side.num_words for side in both.sides] == [3, 3]
    assert tsv.ratios == both.ratios


def test_a_corpus_of_empty_lines_is_described_too(tmp_path: Path) -> None:
    empty = write(tmp_path / "a", "", "")
    stats = corpus_stats([empty, empty])
    assert stats.ratios is None
    assert stats.sides[0].type_token_ratio == 0
    assert stats.sides[0].num_duplicates == stats.num_duplicate_pairs == 0
    assert "empty" in shown(stats)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(DataError, match="empty: expected at least one line"):
        corpus_stats([tmp_path / "empty"])
    with pytest.raises(DataError, match="got 0 files"):
        corpus_stats([])
    with pytest.raises(DataError, match="no such file"):
        corpus_stats([tmp_path / "missing"])


def test_shown_as_tables_with_what_was_counted(tmp_path: Path) -> None:
    source = write(tmp_path / "a.de", *["[bold]wort[/bold]"] * 1200, "\x1b[31mrot")
    target = write(tmp_path / "a.en", *["zwei wörter"] * 1201)
    text = shown(corpus_stats([source, target]))
    for expected in (
        "1,201",
        "[bold]wort[/bold] 1,200",
        "wörter 1,201",
        "<U+001B>[31mrot 1",
        "duplicate pairs",
    ):
        assert expected in text
    assert "\x1b" not in text


@given(numbers=st.lists(st.integers(0, 60), min_size=1, max_size=50))
def test_distributions_agree_with_numpy(numbers: list[int]) -> None:
    spread = Distribution.from_counts(Counter(numbers))
    assert spread.smallest == min(numbers)
    assert spread.largest == max(numbers)
    assert spread.mean == pytest.approx(np.mean(numbers))
    assert spread.median == np.percentile(numbers, 50, method="inverted_cdf")
    assert spread.percentile_95 == np.percentile(numbers, 95, method="inverted_cdf")


@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_the_histogram_counts_every_line_in_its_bin(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = write(tmp_path_factory.mktemp("stats") / "a", *[" ".join("w" * n) for n in lengths])
    (side,) = corpus_stats([file]).sides
    for found in side.histogram:
        assert found.count == sum(found.low <= n <= found.high for n in lengths)
    assert sum(found.count for found in side.histogram) == len(lengths)
    assert side.histogram[-1].high >= max(lengths)


def test_what_one_may_not_see_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffa\u00a0b\r\nc\u200bd\r\ne\u00adf \ufeff\n".encode())
    (side,) = corpus_stats([tmp_path / "a.txt"]).sides
    assert side.odd == {
        "no-break space": 1,
        "zero-width space": 1,
        "soft hyphen": 1,
        "byte-order mark": 2,
        "Windows line end": 2,
    }
    assert "2 Windows line end" in shown(corpus_stats([tmp_path / "a.txt"]))


def test_every_form_of_corpus_is_described(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", "7\tx y\ta", "8\tz\tb c d")
    write(tmp_path / "b.jsonl", '{"source": "a", "target": "x y"}', '{"source": "b c d", "target": "z"}')
    tsv = corpus_stats([tmp_path / "a.tsv"], [3, 2])
    assert [side.num_words for side in tsv.sides] == [4, 3]
    assert corpus_stats([tmp_path / "b.jsonl"]).ratios == tsv.ratios
    both = corpus_stats([tmp_path / "b.jsonl", tmp_path / "b.jsonl"])
    assert [side.num_sentences for side in both.sides] == [4, 4]
    assert [side.name for side in both.sides] == ["source", "target"]
