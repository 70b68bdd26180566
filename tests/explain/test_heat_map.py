from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from regard.errors import ShapeError
from regard.explain import HeatMap
from tests.explain.screen import screen

SOURCE = ["die", "Frau", "</s>"]
TARGET = ["the", "woman"]
MATRIX = np.array([[0.8, 0.2, 0.0], [0.03, 0.6, 0.37]])


def diagonal(size: int) -> HeatMap:
    words = [f"w{number}" for number in range(1, size + 1)]
    return HeatMap(np.eye(size), words, words)


def test_with_room_columns_carry_their_words() -> None:
    lines = screen(HeatMap(MATRIX, SOURCE, TARGET)).splitlines()
    assert lines[0].split() == SOURCE
    assert lines[1].split() == ["the", "█", "80", "░", "20", "·"]
    assert lines[2].split() == ["woman", "·", "3", "▓", "60", "▒", "37"]
    assert lines[3].startswith("· below 5 %")


def test_numbers_stand_under_their_words() -> None:
    head, first, *_ = screen(HeatMap(MATRIX, SOURCE, TARGET)).splitlines()
    assert head.index("die") + len("die") == first.index("80") + len("80")
    assert head.index("Frau") + len("Frau") == first.index("20") + len("20")


def test_wide_characters_keep_the_columns_straight() -> None:
    head, first, *_ = screen(HeatMap(np.array([[0.25, 0.75]]), ["猫", "静かに"], ["寝る"])).splitlines()
    assert cell_len(head[: head.index("猫") + 1]) == cell_len(first[: first.index("25") + 2])
    assert cell_len(head[: head.index("に") + 1]) == cell_len(first[: first.index("75") + 2])


def test_with_less_room_columns_are_numbered_and_explained() -> None:
    words = ["Donaudampfschiff", "fahrt", "</s>"]
    lines = screen(HeatMap(MATRIX, words, TARGET), width=30).splitlines()
    assert lines[0].split() == ["1", "2", "3"]
    assert lines[1].split() == ["the", "█", "80", "░", "20", "·"]
    assert "1 Donaudampfschiff" in lines[3]
    assert "2 fahrt  3 </s>" in "  ".join(lines[3:])


def test_long_sentences_are_shades_with_the_best_word() -> None:
    lines = screen(diagonal(60), width=80).splitlines()
    assert lines[1].strip().startswith("1234567890")
    row = lines[2 + 41]
    assert row.split()[0] == "w42"
    assert row.split()[1] == "·" * 41 + "█" + "·" * 18
    assert row.split()[2:] == ["w42", "100"]


def test_sentences_longer_than_the_screen_go_on_below() -> None:
    text = screen(diagonal(90), width=60)
    panels = [line for line in text.splitlines() if line.split()[:1] == ["w90"]]
    assert len(panels) > 1
    assert sum(panel.split()[1].count("█") for panel in panels) == 1
    assert sum(len(panel.split()[1]) for panel in panels) == 90


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(1, 70), st.integers(40, 160), st.integers(0, 2**16))
def test_no_line_is_wider_than_the_screen(rows: int, columns: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    words = random.choice(["a", "Wort", "猫が寝る", "שלום", "außerordentlich"], rows + columns).tolist()
    heat_map = HeatMap(random.dirichlet(np.ones(columns), rows), words[:columns], words[columns:])
    assert all(cell_len(line) <= width for line in screen(heat_map, width=width).splitlines())


def test_plain_into_a_file_and_coloured_on_a_terminal() -> None:
    heat_map = HeatMap(MATRIX, SOURCE, TARGET)
    assert "\x1b" not in screen(heat_map)
    assert "\x1b[" in screen(heat_map, colour=True)


def test_without_unicode_shades_are_ascii() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=60, _environ={})
    console.print(HeatMap(MATRIX, SOURCE, TARGET))
    assert raw.getvalue().decode("ascii").splitlines()[1].split() == ["the", "@", "80", "-", "20", "."]


def test_words_are_neither_markup_nor_escape_sequences() -> None:
    text = screen(HeatMap(np.array([[1.0]]), ["[red]x[/red]"], ["\x1b[2Jy"]), colour=True)
    assert "[red]x[/red]" in text
    assert "␛[2Jy" in text
    assert "\x1b[2J" not in text


def test_no_target_words() -> None:
    assert "die" in screen(HeatMap(np.zeros((0, 3)), SOURCE, []))


def test_words_and_matrix_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"= \(2, 2\), got \(2, 3\)"):
        HeatMap(MATRIX, SOURCE[:2], TARGET)
