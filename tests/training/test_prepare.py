"""Text becomes what the loop needs, and validation pairs are never trained on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regard.config import Config, DataConfig, TokeniserConfig
from regard.errors import DataError, ModelError, RegardError
from regard.records import Pair
from regard.training.prepare import Prepared, load_prepared, prepare, save_prepared

WORDS = TokeniserConfig(kind="words")


def write(folder: Path, name: str, pairs: list[tuple[str, str]]) -> list[str]:
    files = [folder / f"{name}.de", folder / f"{name}.en"]
    for side, file in enumerate(files):
        file.write_text("".join(pair[side] + "\n" for pair in pairs), encoding="utf-8")
    return [str(file) for file in files]


def numbered(number: int) -> list[tuple[str, str]]:
    return [(f"satz s{i}", f"sentence t{i}") for i in range(number)]


def made(train: list[str], tokeniser: TokeniserConfig = WORDS, **data: object) -> Prepared:
    return prepare(Config(data=DataConfig(train=train, **data), tokeniser=tokeniser))  # type: ignore[arg-type]


def trained_on(prepared: Prepared) -> list[tuple[str, str]]:
    """The training pairs, read back from their ids."""
    found = []
    for row in range(len(prepared.corpus)):
        batch = prepared.corpus.batch([row])
        source = prepared.tokenisers.source.decode(batch.source[0].tolist())
        found.append((source, prepared.tokenisers.target.decode(batch.target[0].tolist())))
    return found


def test_what_is_held_out_is_not_trained_on(tmp_path: Path) -> None:
    pairs = numbered(50)
    prepared = made(write(tmp_path, "train", pairs), holdout_pairs=4)
    held_out = [(pair.source, pair.target) for pair in prepared.validation]
    assert len(held_out) == 4
    assert trained_on(prepared) == [pair for pair in pairs if pair not in held_out]


def test_at_most_a_tenth_is_held_out(tmp_path: Path) -> None:
    assert len(made(write(tmp_path, "train", numbered(50)), holdout_pairs=1000).validation) == 5


def test_the_same_pairs_are_held_out_every_time(tmp_path: Path) -> None:
    files = write(tmp_path, "train", numbered(80))
    first, second = made(files, holdout_pairs=5), made(files, holdout_pairs=5)
    assert first.validation == second.validation
    assert trained_on(first) == trained_on(second)


def test_twins_of_what_is_held_out_are_left_out(tmp_path: Path) -> None:
    pairs = [*numbered(30), *[(source, f"another {target}") for source, target in numbered(30)]]
    prepared = made(write(tmp_path, "train", pairs), holdout_pairs=6)
    held_out = {pair.source for pair in prepared.validation}
    assert held_out
    assert held_out.isdisjoint(source for source, _ in trained_on(prepared))
    assert len(prepared.corpus) == 2 * (30 - len(held_out))


def test_tokenisers_do_not_see_what_is_held_out(tmp_path: Path) -> None:
    prepared = made(write(tmp_path, "train", numbered(50)), holdout_pairs=3)
    for pair in prepared.validation:
        ids = prepared.tokenisers.source.encode(pair.source)
        assert prepared.tokenisers.source.pieces(ids) == ["satz", "<unk>"]


def test_validation_files_are_used_as_they_are(tmp_path: Path) -> None:
    train, validation = numbered(20), [("a", "b"), ("", "x"), ("c", " "), ("satz s1", "sentence t1")]
    prepared = made(write(tmp_path, "train", train), validation=write(tmp_path, "validation", validation))
    assert prepared.validation == (Pair("a", "b"), Pair("satz s1", "sentence t1"))
    assert trained_on(prepared) == train  # the files are the user's: nothing is taken away


def test_a_shared_vocabulary_is_learnt_on_both_sides(tmp_path: Path) -> None:
    files = write(tmp_path, "train", numbered(20))
    shared = made(files, replace(WORDS, shared=True), holdout_pairs=1).tokenisers
    assert shared.source is shared.target
    assert shared.source.pieces(shared.source.encode("satz sentence")) == ["satz", "sentence"]
    apart = made(files, holdout_pairs=1).tokenisers
    assert apart.source.pieces(apart.source.encode("satz sentence")) == ["satz", "<unk>"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    pairs = [*numbered(20), ("", "nothing"), ("viel " * 9, "much")]
    told: list[str] = []
    data = DataConfig(train=write(tmp_path, "train", pairs), holdout_pairs=1, max_pieces=8)
    data = replace(data, validation=write(tmp_path, "validation", [("a", "b")]))
    prepared = prepare(Config(data=data, tokeniser=WORDS), told.append)
    assert len(prepared.corpus) == 20
    assert "1 empty" in told[-1]
    assert "1 too long" in told[-1]
    assert "20 to train on, 1 to validate on" in told[-1]


def test_the_grammar_is_the_corpus_where_no_files_are_given() -> None:
    prepared = made([], grammar_pairs=30, holdout_pairs=5, grammar_seed=4)
    assert (len(prepared.corpus), len(prepared.validation)) == (30, 5)
    assert prepared.origin == {"embedded grammar": "seed 4, 30 pairs"}
    sources = {source for source, _ in trained_on(prepared)}
    assert sources.isdisjoint(pair.source for pair in prepared.validation)


def test_validation_files_are_used_beside_the_grammar(tmp_path: Path) -> None:
    files = write(tmp_path, "validation", [("die frau lacht .", "the woman laughs .")])
    prepared = made([], validation=files, grammar_pairs=10)
    assert prepared.validation == (Pair("die frau lacht .", "the woman laughs ."),)
    assert {*files, "embedded grammar"} == set(prepared.origin)


def test_the_origin_names_each_file_with_its_checksum(tmp_path: Path) -> None:
    files = write(tmp_path, "train", numbered(20))
    origin = made(files).origin
    assert origin == {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_saved_is_loaded_again(tmp_path: Path, shared: bool) -> None:
    pairs = [*numbered(30), ("ein\u2028satz", "a\u2028sentence")]
    prepared = made(write(tmp_path, "train", pairs), replace(WORDS, shared=shared), holdout_pairs=3)
    save_prepared(tmp_path / "data", prepared)
    (tmp_path / "format.json").write_text('{"format": 1}')
    prepared.tokenisers.source.save(tmp_path / "source.tokeniser.json")
    prepared.tokenisers.target.save(tmp_path / "target.tokeniser.json")
    loaded = load_prepared(tmp_path, tmp_path / "data")
    assert loaded.validation == prepared.validation
    assert loaded.origin == prepared.origin
    assert trained_on(loaded) == trained_on(prepared)
    np.testing.assert_array_equal(loaded.corpus.source_lengths, prepared.corpus.source_lengths)


def test_saved_data_that_is_gone_is_told(tmp_path: Path) -> None:
    prepared = made(write(tmp_path, "train", numbered(10)))
    save_prepared(tmp_path / "data", prepared)
    (tmp_path / "data" / "train.arrow").unlink()
    with pytest.raises(ModelError, match=r"cannot be read.*--overwrite"):
        load_prepared(tmp_path, tmp_path / "data")


@pytest.mark.parametrize(
    ("train", "data", "words"),
    [
        (["a b"], {}, "no sentence pair to train on"),
        (["a b", " ", "c d"], {"max_pieces": 1}, "no sentence pair to train on"),
        ([""], {}, "no pair with text on both sides"),
    ],
)
def test_a_corpus_that_leaves_nothing_is_refused(
    tmp_path: Path, train: list[str], data: dict[str, int], words: str
) -> None:
    files = write(tmp_path, "train", [(line, line) for line in train])
    with pytest.raises(DataError, match=words):
        made(files, **data)


def test_files_that_do_not_match_are_refused(tmp_path: Path) -> None:
    source, target = write(tmp_path, "train", numbered(12))
    Path(target).write_text("one line\n")
    for files, words in (
        ([source, target], "12 lines.* has 1:"),
        ([source, str(tmp_path / "trian.en")], "no such file; did you mean"),
        ([source, target, source], "came 3 files"),
    ):
        with pytest.raises(DataError, match=words):
            made(files)


def test_a_vocabulary_without_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"tokeniser.size"):
        made(write(tmp_path, "train", numbered(12)), TokeniserConfig(kind="words", size=4))
