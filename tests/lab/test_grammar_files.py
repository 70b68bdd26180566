"""The embedded corpus as files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from regard.alignment import read_links
from regard.data import read_pairs
from regard.data.grammar import HELD_OUT, generate
from regard.errors import DataError
from regard.lab import grammar_files
from regard.lab.grammar_files import write_grammar

SETS = ["train", "validation", "test", "test.lengths", *(f"test.{name}" for name in HELD_OUT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus with few pairs in every set."""
    folder = tmp_path_factory.mktemp("grammar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grammar_files, "NUM_HELD_OUT", 20)
        patch.setattr(grammar_files, "NUM_PER_LENGTH", 2)
        write_grammar(folder, 50, seed=3)
    return folder


def test_every_set_has_its_three_files(folder: Path) -> None:
    expected = {name + suffix for name in SETS for suffix in (".de", ".en", ".links")}
    assert {file.name for file in folder.iterdir()} == expected


@pytest.mark.parametrize("name", SETS)
def test_files_are_line_parallel_and_links_lie_inside(folder: Path, name: str) -> None:
    pairs = list(read_pairs([folder / f"{name}.de", folder / f"{name}.en"]))
    links = read_links(folder / f"{name}.links")
    assert len(links) == len(pairs) >= 20
    for pair, gold in zip(pairs, links, strict=True):
        assert gold.sure
        assert all(s < len(pair.source.split()) for s, _ in gold.possible)
        assert all(t < len(pair.target.split()) for _, t in gold.possible)


def test_files_hold_what_the_grammar_generates(folder: Path) -> None:
    pairs = list(generate(50, 3))
    assert (folder / "train.de").read_bytes() == "".join(f"{p.source}\n" for p in pairs).encode()
    assert read_links(folder / "train.links") == [pair.links for pair in pairs]


def test_no_sentence_is_in_two_splits(folder: Path) -> None:
    for suffix in (".de", ".en"):
        train, validation, *tests = (set((folder / (n + suffix)).read_text().splitlines()) for n in SETS)
        assert train.isdisjoint(validation)
        for test in tests:
            assert test.isdisjoint(train | validation)


def test_there_are_sentences_of_every_length(folder: Path) -> None:
    lengths = Counter(len(line.split()) for line in (folder / "test.lengths.de").read_text().splitlines())
    assert set(lengths) == set(range(2, 61))
    assert set(lengths.values()) <= {1, 2}


def test_it_writes_again_into_its_own_folder_but_not_elsewhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(grammar_files, "NUM_HELD_OUT", 3)
    monkeypatch.setattr(grammar_files, "NUM_PER_LENGTH", 1)
    write_grammar(tmp_path / "new" / "folder", 3, 1)
    first = {file.name: file.read_bytes() for file in (tmp_path / "new" / "folder").iterdir()}
    with pytest.raises(DataError, match="already contains a generated corpus; replace it with --overwrite"):
        write_grammar(tmp_path / "new" / "folder", 3, 1)
    write_grammar(tmp_path / "new" / "folder", 3, 1, overwrite=True)
    assert {file.name: file.read_bytes() for file in (tmp_path / "new" / "folder").iterdir()} == first
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("thesis")
    for place in ("other", "other/thesis.txt"):
        with pytest.raises(DataError, match="expected a new or empty folder"):
            write_grammar(tmp_path / place, 3, 1)
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_what_is_interrupted_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar_files, "NUM_HELD_OUT", 3)
    monkeypatch.setattr(grammar_files, "NUM_PER_LENGTH", 1)
    write_grammar(tmp_path, 3, 1)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    heard: list[int] = []

    def interrupt(number: int) -> None:
        heard.append(number)
        if len(heard) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_grammar(tmp_path, 4, 2, overwrite=True, watch=interrupt)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
