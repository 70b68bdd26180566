"""`regard explain`: the worked example, and a model's own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

import regard
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained, unseen_pairs

SENTENCE = unseen_pairs(1)[0].source


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_worked_example_is_written_out(run: Shell) -> None:
    answer = run("explain", "--example")
    assert (answer.status, answer.err) == (0, "")
    for words in (
        "10×0 + 5×1 + 10×1 = 15",
        "10×5 + 5×0 + 10×1 = 60",
        "10×1 + 5×1 + 10×0 = 15",
        "10×0 + 5×5 + 10×1 = 35",
        "0 + 5 + 0 + 0 = 5",
        "[5, 0, 1]",
    ):
        assert words in answer.out, words
    for name, score in regard.SCORES.items():
        if name != "none":
            assert score.formula in answer.out, name


def test_the_numbers_are_those_of_the_model(run: Shell, models: Trained) -> None:
    answer = run("explain", models.attention, SENTENCE, "--top", 3)
    assert (answer.status, answer.err) == (0, "")
    trace = regard.load(models.attention).trace(SENTENCE, num_candidates=3)
    assert f"translation: {trace.translation.text}" in answer.out
    parts = answer.out.split("\nword ")[1:]
    assert len(parts) == len(trace.steps)
    for part, step in zip(parts, trace.steps, strict=True):
        assert step.weights is not None
        assert step.scores is not None
        lines = part.splitlines()
        for place in step.weights.argsort()[::-1][:3]:
            shown = f"{place + 1} {trace.translation.source_tokens[place]}"
            line = next(line for line in lines if line.split()[:2] == shown.split())
            assert f"{step.scores[place]:.3f}" in line
            assert f"{step.weights[place]:.4f}" in line
        for candidate in step.candidates:
            assert any(
                line.split()[:2] == [candidate.token, f"{candidate.probability:.4f}"] for line in lines
            )


def test_a_given_target_is_explained(run: Shell, models: Trained) -> None:
    answer = run("explain", models.attention, SENTENCE, "--target", "the man laughs .")
    assert "translation: the man laughs ." in answer.out
    assert "word 5: </s>" in answer.out


def test_a_sentence_needs_no_quotes(run: Shell, models: Trained) -> None:
    quoted = run("explain", models.attention, "die frau lacht", "--top", 2)
    assert quoted.status == 0
    assert run("explain", models.attention, "die", "frau", "lacht", "--top", 2) == quoted
    assert run("explain", models.attention, "--top", 2, "die", "frau", "lacht") == quoted
    assert run("explain", "--top", 2, models.attention, "die frau lacht") == quoted


def test_only_the_matrix(run: Shell, models: Trained) -> None:
    answer = run("explain", models.attention, SENTENCE, "--matrix-only")
    assert answer.out.splitlines()[0] == regard.load(models.attention).translate(SENTENCE).text
    assert "Step" not in answer.out


def test_a_fixed_vector_model_says_that_it_has_no_attention(run: Shell, models: Trained) -> None:
    answer = run("explain", models.fixed_vector, SENTENCE)
    assert answer.status == 0
    assert "this decoder has no attention" in answer.out
    assert run("explain", models.fixed_vector, SENTENCE, "--matrix-only").status == 0


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_picture_is_drawn(run: Shell, models: Trained, tmp_path: Path, suffix: str, magic: bytes) -> None:
    picture = tmp_path / f"attention.{suffix}"
    answer = run("explain", models.attention, SENTENCE, "--matrix-only", "--plot", picture)
    assert answer.err == f"drawn: {picture}\n"
    assert picture.read_bytes().startswith(magic)


@pytest.mark.parametrize("name", ["trace.json", "trace.npz", "trace.csv", "trace.pharaoh", "trace.softalign"])
def test_a_trace_is_written(run: Shell, models: Trained, tmp_path: Path, name: str) -> None:
    answer = run("explain", models.attention, SENTENCE, "--matrix-only", "--trace", tmp_path / name)
    assert (answer.status, answer.err) == (0, f"written: {tmp_path / name}\n")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_trace_of_json_is_the_one_of_python(run: Shell, models: Trained, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    run("explain", models.attention, SENTENCE, "--trace", path, "--alignment", "--top", 3)
    expected = regard.load(models.attention).trace(SENTENCE, num_candidates=3, alignment=True)
    assert regard.trace_to_json(regard.read_trace(path)) == regard.trace_to_json(expected)
    assert run("explain", models.fixed_vector, SENTENCE, "--trace", path).status == 0
    assert regard.read_trace(path).translation.attention is None


def test_a_page_is_written(run: Shell, models: Trained, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    answer = run("explain", models.attention, SENTENCE, "--html", page)
    assert answer.out.strip() == regard.load(models.attention).translate(SENTENCE).text
    assert answer.err == f"written: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text
    assert SENTENCE in text
    assert run("explain", models.fixed_vector, SENTENCE, "--html", page).status == 0


def test_the_worked_example_is_a_page_and_a_film(run: Shell, tmp_path: Path) -> None:
    pytest.importorskip("quickjs")
    page, film = tmp_path / "page.html", tmp_path / "film.svg"
    answer = run("explain", "--example", "--html", page, "--animate", film)
    assert (answer.status, answer.out) == (0, "")
    assert answer.err == f"written: {page}\ndrawn: {film}\n"
    assert "Attention by hand" in page.read_text(encoding="utf-8")
    assert "<animate" in film.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["expected MODEL and SENTENCE, or --example"]),
        (["{model}"], ["expected MODEL and SENTENCE"]),
        (["{model}", "--faithful", "a.de", "a.en"], ["regard faithful MODEL SOURCE [TARGET]"]),
        (["{model}", " "], ["SENTENCE is empty", "in quotes"]),
        (["{model}", "die \udcff frau"], ["expected UTF-8"]),
        (["{model}", "die frau", "--target", "\udcff"], ["expected UTF-8"]),
        (["{model}", "die frau", "--top", "0"], ["--top: expected a number from 1 on"]),
        (["{model}", "die frau", "--plot", "{folder}/x.gif"], [".png, .pdf, .svg", "'.gif'"]),
        (["{fixed}", "die frau", "--plot", "{folder}/x.png"], ["this model has no attention to draw"]),
        (["{model}", "die frau", "--trace", "{folder}/x.txt"], [".json, .npz, .csv", "'.txt'"]),
        (["{model}", "die frau", "--trace", "{folder}/no/x.json"], ["there is no folder"]),
        (["{fixed}", "die frau", "--trace", "{folder}/x.csv"], ["there is no attention to write as .csv"]),
        (["{model}", "die frau", "--alignment"], ["expected --trace FILE too, got none"]),
        (["{model}", "die frau", "--step", "2"], ["--step: expected --animate FILE too"]),
        (["{model}", "die frau", "--animate", "{folder}/x.mp4"], [".svg or .gif", "'x.mp4'"]),
        (
            ["{model}", "die frau", "--animate", "{folder}/x.svg", "--step", "0"],
            ["--step: expected a number from 1"],
        ),
        (["{model}", "die frau", "--html", "{folder}/none/x.html"], ["there is no folder"]),
        (["--example", "--animate", "{folder}/x.svg", "--step", "2"], ["from 1 to 1", "got 2"]),
        (["{folder}/none", "die frau"], ["no such model folder"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    places = {"model": models.attention, "fixed": models.fixed_vector, "folder": tmp_path}
    check_refused(run("explain", *(argument.format(**places) for argument in arguments)), *words)
    assert list(tmp_path.iterdir()) == []
