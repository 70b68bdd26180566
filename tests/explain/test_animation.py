"""Films of the steps: whole SVGs without script that end where the page's drawing ends, and GIFs."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from regard.errors import ConfigError, DataError
from regard.explain import animate, check_animation
from regard.explain.animation import WIDTH
from regard.explain.attention_page import example_trace
from regard.explain.example import softer_example
from tests.traces import HOSTILE, MODELS, toy_trace

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"rect", "text", "path", "circle"}


def film(trace: dict[str, object], folder: Path, step: int | None = None) -> ElementTree.Element:
    pytest.importorskip("quickjs", reason="films need QuickJS: pip install 'regard[animate]'")
    path = folder / "film.svg"
    animate(trace, path, step=step)
    return ElementTree.parse(path).getroot()


def texts(drawing: ElementTree.Element) -> set[str]:
    return {text.text or "" for text in drawing.iter(f"{SVG}text")}


@pytest.mark.parametrize("name", MODELS)
def test_a_film_moves_without_script(name: str, tmp_path: Path) -> None:
    drawing = film(toy_trace(**MODELS[name]), tmp_path, step=2)
    assert {element.tag.removeprefix(SVG) for element in drawing.iter()} <= {
        *SHAPES,
        "svg",
        "g",
        "style",
        "animate",
    }
    moves = list(drawing.iter(f"{SVG}animate"))
    assert len(moves) > 20
    for move in moves:
        times = [float(time) for time in move.get("keyTimes", "").split(";")]
        assert times[0] == 0
        assert times == sorted(times)
        assert times[-1] == 1 or move.get("calcMode") == "discrete"
        assert len(times) == len(move.get("values", "").split(";"))
        assert move.get("repeatCount") == "indefinite"


def test_its_numbers_are_the_traces(tmp_path: Path) -> None:
    trace = toy_trace()
    shown = texts(film(trace, tmp_path, step=2))
    weights = trace["steps"][1]["weights"]
    assert {f"{weight:.{3 if weight < 0.0995 else 2}f}" for weight in weights} <= shown
    assert {f"{score:.2f}".replace("-", "−") for score in trace["steps"][1]["scores"]} <= shown


def test_the_whole_film_writes_word_by_word(tmp_path: Path) -> None:
    shown = texts(film(toy_trace("die frau ."), tmp_path))
    assert {"…", "the", "the woman", "the woman .", "the woman . end of sentence"} <= shown


def test_the_worked_example_is_a_film(tmp_path: Path) -> None:
    shown = texts(film(example_trace(softer_example()), tmp_path))
    assert {"Attention by hand", "0.59", "0.22", "3.04", "1.28", "0.903"} <= shown
    assert (tmp_path / "film.svg").stat().st_size < 300_000


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    text = " ".join(HOSTILE)
    drawing = film(toy_trace(text, text), tmp_path, step=1)
    assert f"{SVG}script" not in {element.tag for element in drawing.iter()}
    assert "</script>" in texts(drawing)


@pytest.mark.slow
def test_a_gif_has_a_frame_for_every_moment(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    image_module = pytest.importorskip("PIL.Image")
    animate(toy_trace(), tmp_path / "film.gif", step=1)
    with image_module.open(tmp_path / "film.gif") as image:
        assert image.n_frames > 20
        assert image.size[0] == WIDTH


@pytest.mark.parametrize(
    ("name", "step", "words"),
    [
        ("film.mp4", None, "expected a name ending in .svg or .gif, got 'film.mp4'"),
        ("film.svg", 0, "--step: expected a number from 1 to 6, the number of tokens written, got 0"),
        ("film.svg", 7, "--step: expected a number from 1 to 6, the number of tokens written, got 7"),
    ],
)
def test_what_cannot_be_drawn_is_refused(name: str, step: int | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        animate(toy_trace(), tmp_path / name, step=step)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with pytest.raises(ConfigError, match=r"quickjs; install it with: pip install 'regard\[animate\]'"):
        animate(toy_trace(), tmp_path / "film.svg")


def test_the_name_is_checked_before_anything_is_translated() -> None:
    check_animation(Path("film.SVG"), step=3)
    with pytest.raises(ConfigError, match="from 1, got 0"):
        check_animation(Path("film.gif"), step=0)


def test_a_film_needs_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("quickjs")
    with pytest.raises(DataError, match="there is no folder"):
        animate(toy_trace(), tmp_path / "none" / "film.svg", step=1)
