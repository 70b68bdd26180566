"""Trace files of every format, read the way their programs read them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.alignment import read_links
from regard.errors import ConfigError, DataError
from regard.explain import read_trace, write_trace
from regard.records.text import Candidate, Trace, TraceStep, Translation, Words
from tests.explain.test_trace_json import assert_equal, traces

WEIGHTS = np.array([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.0, 0.25, 0.75]], dtype=np.float32)
STATES = np.array([[3, 4], [0, 2], [1, 0]], dtype=np.float32)
SCORES = np.array([2.0, 1.5, -np.inf], dtype=np.float32)


def trace(attends: bool = True, tokens: tuple[str, ...] = ("woman", 'the"', "</s>")) -> Trace:
    """A trace of two words whose order is reversed in the translation."""
    translation = Translation(
        text="woman the",
        log_probability=-1.5,
        score=-0.5,
        tokens=tokens,
        attention=WEIGHTS if attends else None,
        source="die Frau",
        source_tokens=("die", "Frau", "</s>"),
        words=Words(tokens[:2], (0, 1, -1)),
        source_words=Words(("die", "Frau"), (0, 1, -1)),
        log_probabilities=(-0.5, -0.5, -0.5),
    )
    steps = tuple(
        TraceStep(
            token=token,
            id=4 + number,
            log_probability=-0.5,
            candidates=(Candidate(token, 0.6),),
            query=STATES[0] if attends else None,
            scores=SCORES if attends else None,
            weights=weights if attends else None,
            context=weights @ STATES if attends else None,
        )
        for number, (token, weights) in enumerate(zip(tokens, WEIGHTS, strict=True))
    )
    return Trace(translation, STATES, steps, {"decoder": "luong"})


@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz", "trace.json.xz"])
def test_a_file_of_json_is_read_back(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("trace") / name

    @given(trace=traces(), letters=st.characters(exclude_categories=["Cs"]))
    @settings(max_examples=30, deadline=None)
    def check(trace: Trace, letters: str) -> None:
        trace = replace(trace, translation=replace(trace.translation, text=letters))
        write_trace(trace, path)
        assert_equal(read_trace(path), trace)

    check()


def test_numpy_reads_the_arrays(tmp_path: Path) -> None:
    write_trace(trace(), tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as found:
        np.testing.assert_array_equal(found["weights"], WEIGHTS)
        np.testing.assert_array_equal(found["states"], STATES)
        np.testing.assert_array_equal(found["scores"], np.stack([SCORES] * 3))
        np.testing.assert_array_equal(found["context"], WEIGHTS @ STATES)
        assert found["tokens"].tolist() == ["woman", 'the"', "</s>"]
        assert found["source_tokens"].tolist() == ["die", "Frau", "</s>"]
        assert found["ids"].tolist() == [4, 5, 6]
        assert found["source"].item() == "die Frau"
        assert "alignment" not in found
        assert found["weights"].dtype == np.float32


def test_a_table_has_a_line_for_each_weight(tmp_path: Path) -> None:
    write_trace(trace(), tmp_path / "trace.csv")
    with (tmp_path / "trace.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 9
    expected = {
        "step": "1",
        "token": 'the"',
        "source_position": "2",
        "source_token": "</s>",
        "score": "-inf",
        "weight": "0.1",
    }
    assert lines[5] == expected
    assert [float(line["weight"]) for line in lines] == pytest.approx(WEIGHTS.flatten().tolist())


@pytest.mark.parametrize("suffix", ["pharaoh", "align"])
def test_links_are_those_of_words(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"trace.{suffix}"
    write_trace(trace(), path)
    assert path.read_text(encoding="utf-8") == "0-1 1-0\n"
    assert read_links(path)[0].sure == {(0, 1), (1, 0)}


def test_softalignments_reads_tokens_and_weights(tmp_path: Path) -> None:
    path = tmp_path / "trace.softalign"
    write_trace(trace(tokens=("the woman", "|||", "</s>")), path)
    head, *rows = path.read_text(encoding="utf-8").split("\n")
    assert head == "0 ||| the▁woman &#124;&#124;&#124; ||| -0.5 ||| die Frau ||| 3 3"
    assert rows[-2:] == ["", ""]  # one empty line
    np.testing.assert_array_equal(np.loadtxt(rows[:-2], dtype=np.float32), WEIGHTS)


def test_what_was_cut_off_has_all_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / "trace.softalign"
    write_trace(trace(tokens=("the", "old", "woman")), path)
    assert path.read_text(encoding="utf-8").startswith("0 ||| the old woman ||| -0.5 ||| die Frau ||| 3 3\n")


@pytest.mark.parametrize("suffix", ["csv", "pharaoh", "align", "softalign"])
def test_without_attention_there_is_nothing_to_write(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(
        DataError, match=rf"there is no attention to write as \.{suffix}; a file ending in .json"
    ):
        write_trace(trace(attends=False), tmp_path / f"trace.{suffix}")
    assert list(tmp_path.iterdir()) == []
    write_trace(trace(attends=False), tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as found:
        assert "weights" not in found


@pytest.mark.parametrize("name", ["trace.txt", "trace", "trace.npz.gz", "trace.gz"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a trace file ending in .json, .npz, .csv"):
        write_trace(trace(), tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "cannot be read: .*check the path"),
        ("a.json", b"[1", "expected a trace as JSON"),
        ("a.json", b"\xff", "expected a trace as JSON"),
        ("a.json", b"{}", "expected a trace of schema .*, got None"),
        ("a.json.gz", b"no", "cannot be read"),
        ("a.json.xz", b"no", "cannot be read"),
    ],
)
def test_an_unreadable_trace_is_refused_with_its_path(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: {words}"):
        read_trace(tmp_path / name)
