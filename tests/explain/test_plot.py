from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import pytest
from matplotlib.image import imread

from regard.errors import ConfigError, DataError, ShapeError
from regard.explain import font_advice, plot_attention, plot_bleu_by_length
from regard.explain.plot import _add_new_fonts, _spread, fonts_for
from regard.metrics import LengthBin

STARTS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
UNASSIGNED = "\U000e0fff"  # no font has a glyph for a code that is no character
BINS = [LengthBin("≤ 10", 40, 30.0, 50.0, 5.0), LengthBin("> 10", 60, 20.0, 40.0, 0.0)]


@pytest.mark.parametrize("suffix", STARTS)
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str) -> None:
    for path in (tmp_path / f"attention{suffix}", tmp_path / "new folder" / f"length{suffix}"):
        if path.stem == "attention":
            plot_attention(np.eye(3), ["a", "b", "</s>"], ["x", "y", "</s>"], path, "eye")
        else:
            plot_bleu_by_length({"model": BINS}, path)
        assert path.read_bytes().startswith(STARTS[suffix])
        assert list(path.parent.glob(".*")) == []


def test_cells_have_the_colours_of_their_weights(tmp_path: Path) -> None:
    path = tmp_path / "eye.png"
    plot_attention(np.eye(4), list("abcd"), list("abcd"), path)
    pixels = imread(path)[..., :3].reshape(-1, 3)
    dark, bright = np.array([0x44, 0x01, 0x54]) / 255, np.array([0xFD, 0xE7, 0x25]) / 255  # viridis' two ends
    num_dark, num_bright = (
        int((np.abs(pixels - colour) < 0.01).all(axis=1).sum()) for colour in (dark, bright)
    )
    assert 2.5 < num_dark / num_bright < 3.5  # 12 cells to 4, and a little of the colour bar


def test_labels_are_text_and_not_formulas(tmp_path: Path) -> None:
    assert plot_attention(np.eye(2), ["$x_1", "^{$"], ["\\frac", "a_b"], tmp_path / "a.png", "$$") == ()


def test_right_to_left_labels_need_no_further_font(tmp_path: Path) -> None:
    assert plot_attention(np.eye(2), ["שלום", "مرحبا"], ["a", "b"], tmp_path / "a.svg") == ()


def test_characters_without_a_glyph_are_returned(tmp_path: Path) -> None:
    words = ["a" + UNASSIGNED, "b"]
    assert plot_attention(np.eye(2), words, ["c", "d"], tmp_path / "a.png") == (UNASSIGNED,)
    assert (tmp_path / "a.png").is_file()
    assert plot_bleu_by_length({UNASSIGNED: BINS}, tmp_path / "b.png") == (UNASSIGNED,)


def test_scripts_are_drawn_or_reported(tmp_path: Path) -> None:
    words = ["猫", "강아지", "ข้าว", "हिन्दी"]
    missing = plot_attention(np.eye(4), words, words, tmp_path / "a.pdf")
    families, unknown = fonts_for("".join(words))
    assert missing == unknown
    assert set(missing) <= set("".join(words))
    assert bool(set("".join(words)) - set(missing)) == (len(families) > 1)


def test_fonts_installed_later_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = matplotlib.font_manager
    new, broken = tmp_path / "new.ttf", tmp_path / "broken.ttf"
    new.write_bytes(Path(fonts.findfont("DejaVu Sans Mono")).read_bytes())
    broken.write_bytes(b"no font")
    monkeypatch.setattr(fonts.fontManager, "ttflist", list(fonts.fontManager.ttflist))
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: [str(new), str(broken)])
    _add_new_fonts()
    known = {font.fname for font in fonts.fontManager.ttflist}
    assert str(new) in known
    assert str(broken) not in known


def test_advice_names_the_package() -> None:
    assert "fonts-noto-cjk" in font_advice(("猫",))
    assert "fonts-noto-core" in font_advice(("ก",))
    both = font_advice(("ก", "猫"))
    assert "fonts-noto-core" in both
    assert "fonts-noto-cjk" in both
    assert "\n" not in both


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    def draw(number: int) -> bytes:
        path = tmp_path / f"{number}.png"
        plot_attention(
            np.eye(2 + number % 2), list("abc")[: 2 + number % 2], list("xyz")[: 2 + number % 2], path
        )
        return path.read_bytes()

    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(draw, range(8)))
    assert len(set(pictures[0::2])) == len(set(pictures[1::2])) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
def test_odd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    rows, columns = shape
    plot_attention(np.ones(shape), ["source"] * columns, ["target"] * rows, tmp_path / "a.png", "long " * 9)
    assert imread(tmp_path / "a.png").size


def test_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png, \.pdf, \.svg, got '\.gif'"):
        plot_attention(np.eye(1), ["a"], ["b"], tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="got ''"):
        plot_bleu_by_length({"model": BINS}, tmp_path / "picture")


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        plot_attention(np.eye(1), ["a"], ["b"], tmp_path / "file" / "a.png")


def test_words_and_matrix_must_fit(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"= \(2, 1\), got \(2, 2\)"):
        plot_attention(np.eye(2), ["a"], ["b", "c"], tmp_path / "a.png")
    with pytest.raises(DataError, match="nothing to draw"):
        plot_attention(np.ones((0, 1)), ["a"], [], tmp_path / "a.png")


def test_systems_must_share_their_bins(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got 2 different sets"):
        plot_bleu_by_length({"a": BINS, "b": BINS[:1]}, tmp_path / "a.png")
    with pytest.raises(DataError, match="at least one"):
        plot_bleu_by_length({}, tmp_path / "a.png")
    with pytest.raises(DataError, match="at least one"):
        plot_bleu_by_length({"a": []}, tmp_path / "a.png")


def test_names_of_lines_that_end_together_are_moved_apart() -> None:
    assert _spread([50, 20, 51], 6) == [50, 20, 56]
    assert _spread([10, 10, 10], 5) == [10, 15, 20]
