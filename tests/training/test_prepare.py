"""Text becomes what the loop needs, and validation pairs are never trained on."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

from regard.config import Config, DataConfig, TokeniserConfig
from regard.data import Corpus
from regard.data.grammar import generate
from regard.errors import DataError, ModelError, RegardError
from regard.records.text import Pair
from regard.training import pairs, prepare, tokenisers
from regard.training.cache import cache_folder
from regard.training.prepared import Prepared, load_prepared, save_prepared

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
        assert prepared.tokenisers.source.tokens(ids) == ["satz", "<unk>"]


def test_validation_files_are_used_as_they_are(tmp_path: Path) -> None:
    train, validation = numbered(20), [("a", "b"), ("", "x"), ("c", " "), ("satz s1", "sentence t1")]
    prepared = made(write(tmp_path, "train", train), validation=write(tmp_path, "validation", validation))
    assert prepared.validation == (Pair("a", "b"), Pair("satz s1", "sentence t1"))
    assert trained_on(prepared) == train  # the files are the user's: nothing is taken away


def test_a_shared_vocabulary_is_learnt_on_both_sides(tmp_path: Path) -> None:
    files = write(tmp_path, "train", numbered(20))
    shared = made(files, replace(WORDS, shared=True), holdout_pairs=1).tokenisers
    assert shared.source is shared.target
    assert shared.source.tokens(shared.source.encode("satz sentence")) == ["satz", "sentence"]
    apart = made(files, holdout_pairs=1).tokenisers
    assert apart.source.tokens(apart.source.encode("satz sentence")) == ["satz", "<unk>"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    pairs = [*numbered(20), ("", "nothing"), ("viel " * 9, "much")]
    told: list[str] = []
    data = DataConfig(train=write(tmp_path, "train", pairs), holdout_pairs=1, max_tokens=8)
    data = replace(data, validation=write(tmp_path, "validation", [("a", "b")]))
    prepared = prepare(Config(data=data, tokeniser=WORDS), log=told.append)
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
    loaded = load_prepared(tmp_path / "data")
    assert (loaded.config, loaded.report) == (prepared.config, prepared.report)
    assert (loaded.tokenisers.source is loaded.tokenisers.target) == shared
    assert loaded.validation == prepared.validation
    assert loaded.origin == prepared.origin
    assert trained_on(loaded) == trained_on(prepared)
    np.testing.assert_array_equal(loaded.corpus.source_lengths, prepared.corpus.source_lengths)


def test_saved_data_that_is_gone_is_told(tmp_path: Path) -> None:
    prepared = made(write(tmp_path, "train", numbered(10)))
    save_prepared(tmp_path / "data", prepared)
    (tmp_path / "data" / "train.arrow").unlink()
    with pytest.raises(ModelError, match=r"cannot be read.*--overwrite"):
        load_prepared(tmp_path / "data", "train anew with --overwrite")


def test_ids_that_are_no_tokens_are_refused(tmp_path: Path) -> None:
    save_prepared(tmp_path / "data", made(write(tmp_path, "train", numbered(10))))
    few = made(write(tmp_path, "few", numbered(3)))
    few.tokenisers.target.save(tmp_path / "data" / "target.tokeniser.json")
    with pytest.raises(
        ModelError,
        match=r"cannot be read \(expected target ids from 0 to \d+, got 4 to \d+\); prepare it anew",
    ):
        load_prepared(tmp_path / "data")


@pytest.mark.parametrize(
    ("train", "data", "words"),
    [
        (["a b"], {}, "no sentence pair to train on"),
        (["a b", " ", "c d"], {"max_tokens": 1}, "no sentence pair to train on"),
        ([""], {}, "no sentence pair to train on: 1 empty; check the files and what data leaves out"),
        (["a", "b"], {"drop_equal": True}, "no sentence pair to train on: 2 source equals target"),
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
        ([source, target], "12 lines.* has 1;"),
        ([source, str(tmp_path / "trian.en")], "no such file; did you mean"),
        ([source, target, source], "got 3 files"),
    ):
        with pytest.raises(DataError, match=words):
            made(files)


def test_a_vocabulary_without_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"tokeniser.size"):
        made(write(tmp_path, "train", numbered(12)), TokeniserConfig(kind="words", size=4))


def told_of(train: list[str], tokeniser: TokeniserConfig = WORDS, **data: object) -> list[str]:
    told: list[str] = []
    config = Config(data=DataConfig(train=train, **data), tokeniser=tokeniser)  # type: ignore[arg-type]
    prepare(config, log=told.append)
    return told


def test_cleaning_is_counted_by_reason(tmp_path: Path) -> None:
    pairs = [
        *numbered(30),
        ("satz s3", "sentence t3"),
        ("", "x"),
        ("same", "same"),
        ("a\x07b", "bell"),
        ("ja", "x " * 9),
    ]
    files = write(tmp_path, "train", pairs)
    validation = write(tmp_path, "validation", [("a", "b")])
    gentle = made(files, validation=validation)
    assert gentle.report.left_out == {"empty": 1}
    assert gentle.report.changed == {"control characters stripped": 1}
    assert ("ab", "bell") in trained_on(gentle)
    strict = {"drop_duplicates": True, "drop_equal": True, "control_characters": "drop", "max_ratio": 3.0}
    report = made(files, validation=validation, **strict).report
    expected = {
        "empty": 1,
        "duplicate": 1,
        "source equals target": 1,
        "control characters": 1,
        "length ratio": 1,
    }
    assert report.left_out == expected
    assert report.num_training == 30
    assert report.num_read == {", ".join(files): 35}


def test_held_out_pairs_are_clean_and_no_twin_is_trained_on(tmp_path: Path) -> None:
    pairs = [*numbered(40), *((f"SATZ \x00 s{i}", f"twin {i}") for i in range(40))]
    prepared = made(write(tmp_path, "train", pairs), holdout_pairs=8)
    held_out = {pair.source.lower().replace("  ", " ") for pair in prepared.validation}
    assert not any("\x00" in pair.source for pair in prepared.validation)
    trained = {source.lower() for source, _ in trained_on(prepared)}
    assert len(held_out) >= 4
    assert held_out.isdisjoint(trained)


def test_weights_say_how_often_a_corpus_is_seen(tmp_path: Path) -> None:
    tsv = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    for file in tsv:
        file.write_text("".join(f"{file.stem}{i}\tx{i}\n" for i in range(200)))
    names = [str(file) for file in tsv]
    validation = write(tmp_path, "validation", [("a", "b")])
    weighted = made(names, weights=[2.0, 0.5], validation=validation)
    seen = [source for source, _ in trained_on(weighted)]
    assert sum(source.startswith("a") for source in seen) == 400
    halved = {source for source in seen if source.startswith("b")}
    assert 70 < len(halved) < 130
    assert len(seen) == 400 + len(halved)
    again = made(names, weights=[2.0, 0.5], validation=validation, cache=False)
    assert trained_on(again) == trained_on(weighted)
    for weights, words in (
        ([1.0], "as many numbers as there are corpora, 2 .* got 1"),
        ([1.0, 0.0], "above 0"),
    ):
        with pytest.raises(RegardError, match=words):
            made(names, weights=weights)


def test_features_follow_the_source(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("".join(f"walk{i % 7}\twalked{i}\tV;PST;{i % 3}\n" for i in range(60)))
    for shared in (False, True):
        characters = TokeniserConfig(kind="characters", shared=shared)
        prepared = made([str(file)], characters, features=3, holdout_pairs=3)
        source, target = prepared.tokenisers.source, prepared.tokenisers.target
        assert {"V", "PST", "0", "1", "2"} == set(source.features)
        assert source.tokens(source.encode("walk1\tV;PST;2")) == [*"walk1", "V", "PST", "2"]
        assert target.decode(target.encode("walked1")) == "walked1"
        assert all("\t" in pair.source for pair in prepared.validation)
        assert trained_on(prepared)[0][0].startswith("walk")
        assert len(source) == len(target) or not shared


def test_the_sides_may_differ(tmp_path: Path) -> None:
    tokeniser = TokeniserConfig(kind="characters", target_kind="words", target_size=9, normalise="NFD")
    prepared = made(write(tmp_path, "train", [(f"é{i}", f"ɑ̃ k{i}") for i in range(30)]), tokeniser)
    source, target = prepared.tokenisers.source, prepared.tokenisers.target
    assert source.tokens(source.encode("é")) == ["e", "◌\u0301"]
    assert target.tokens(target.encode("ɑ̃ k1")) == ["ɑ̃", "k1"]
    assert len(target) == 9
    assert prepared.report.kinds == {"source": "characters", "target": "words"}


def test_many_unknown_words_are_told(tmp_path: Path) -> None:
    told = told_of(write(tmp_path, "train", numbered(60)), replace(WORDS, size=6))
    assert any("of the source tokens are unknown: raise tokeniser.size" in line for line in told)
    assert not any("unknown" in line for line in told_of(write(tmp_path, "train", numbered(60))))


def test_validation_sources_seen_in_training_are_told(tmp_path: Path) -> None:
    validation = write(tmp_path, "validation", [("satz S1", "x"), ("ganz neu", "y")])
    told = told_of(write(tmp_path, "train", numbered(20)), validation=validation)
    assert "1 validation source of 2 also in training: validation will look too good" in told


def test_a_few_of_many_are_told_without_alarm(tmp_path: Path) -> None:
    validation = write(tmp_path, "validation", [("satz S1", "x"), *((f"neu {i}", "y") for i in range(199))])
    told = told_of(write(tmp_path, "train", numbered(20)), validation=validation)
    assert "1 validation source of 200 also in training" in told


def test_many_sentences_are_sampled_for_the_tokeniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path, "train", [(f"a{i}", f"b{i}") for i in range(50)])
    monkeypatch.setattr(tokenisers, "MAX_TEXTS", 10)
    told = told_of(files, TokeniserConfig(kind="bpe", size=400), holdout_pairs=5)
    assert "bpe: learnt on 10 sentences, evenly spaced" in told
    cleaned = pairs.read_and_clean(DataConfig(files), pairs.open_all(DataConfig(files)), tmp_path)
    assert len(pairs.Texts(cleaned, ["source"], 9, False, print)) == 9


def test_a_sentencepiece_model_is_used(tmp_path: Path) -> None:
    sentences = [text for pair in generate(200, 1) for text in (pair.source, pair.target)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_prefix=str(tmp_path / "a"), vocab_size=200, minloglevel=2
    )
    files = write(tmp_path, "train", [(pair.source, pair.target) for pair in generate(40, 2)])
    tokeniser = TokeniserConfig(kind="sentencepiece", shared=True, source_model=str(tmp_path / "a.model"))
    prepared = made(files, tokeniser)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "a.model"))
    ours = prepared.tokenisers.source
    assert ours.tokens(ours.encode(sentences[0])) == theirs.encode(sentences[0], out_type=str)
    assert str(tmp_path / "a.model") in prepared.origin


def entries() -> list[Path]:
    return sorted(cache_folder().iterdir())


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_same_content_is_prepared_once(tmp_path: Path, empty_cache: Path) -> None:
    files = write(tmp_path, "train", numbered(50))
    first = made(files)
    (tmp_path / "moved").mkdir()
    moved = [str(Path(file).rename(tmp_path / "moved" / Path(file).name)) for file in files]
    told = told_of(moved)
    assert "the same data was prepared before, reusing" in told[0]
    second = made(moved)
    assert trained_on(second) == trained_on(first)
    assert (second.validation, second.report) == (first.validation, first.report)
    assert set(second.origin) == set(moved)
    assert len(entries()) == 1
    Path(moved[0]).write_text(Path(moved[0]).read_text().replace("s7", "anders"))
    assert "reusing" not in told_of(moved)[0]
    assert "reusing" not in told_of(moved, replace(WORDS, lowercase=True))[0]
    assert len(entries()) == 3


def test_nothing_is_cached_where_that_is_not_wanted(tmp_path: Path, empty_cache: Path) -> None:
    prepared = made(write(tmp_path, "train", numbered(20)), cache=False)
    assert not empty_cache.exists()
    assert len(trained_on(prepared)) == 18


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "file"))
    told = told_of(write(tmp_path, "train", numbered(20)))
    assert "nothing is kept; REGARD_CACHE names another folder" in told[0]
    assert "18 to train on" in told[-1]


def test_a_broken_entry_is_prepared_anew(tmp_path: Path, empty_cache: Path) -> None:
    files = write(tmp_path, "train", numbered(50))
    first = trained_on(made(files))
    (entry,) = entries()
    whole = (entry / "train.arrow").read_bytes()
    (entry / "train.arrow").write_bytes(whole[:-9] + b"something")
    told = told_of(files)
    assert told[0] == f"cache: {entry} is broken; preparing anew"
    assert (entry / "train.arrow").read_bytes() == whole
    assert trained_on(made(files)) == first


def test_what_nobody_used_for_a_month_goes(tmp_path: Path, empty_cache: Path) -> None:
    made(write(tmp_path, "train", numbered(20)))
    (old,) = entries()
    os.utime(old, (0, 0))
    made(write(tmp_path, "other", numbered(30)))
    assert len(entries()) == 1
    assert not old.exists()


def test_nothing_but_our_own_goes(tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hexadecimal = "0123456789abcdef" * 2
    leftovers = [cache_folder() / f".{hexadecimal}.{'a' * 16}.{kind}" for kind in ("draft", "old")]
    theirs = [empty_cache / "prepared" / "mine", cache_folder() / "mine", cache_folder() / ("z" * 32)]
    for folder in (*leftovers, *theirs):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    made(write(tmp_path, "train", numbered(20)))
    assert all(folder.is_dir() for folder in theirs)
    assert not any(folder.exists() for folder in leftovers)


def test_of_two_who_prepare_the_same_the_first_to_end_is_kept(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write(tmp_path, "train", numbered(20))
    seen: list[int] = []
    encode = Corpus.encode

    def meanwhile(*arguments: Any, **more: Any) -> Corpus:
        monkeypatch.setattr(Corpus, "encode", encode)
        made(files)
        (entry,) = (entry for entry in entries() if not entry.name.startswith("."))
        seen.append(entry.stat().st_ino)
        return encode(*arguments, **more)

    monkeypatch.setattr(Corpus, "encode", meanwhile)
    assert len(trained_on(made(files))) == 18
    assert [entry.stat().st_ino for entry in entries()] == seen


@pytest.mark.parametrize("cache", [False, True])
def test_what_is_interrupted_leaves_nothing(
    tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    def interrupt(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(Corpus, "encode", interrupt)
    files = write(tmp_path, "train", numbered(20))
    config = Config(data=DataConfig(train=files, cache=cache), tokeniser=WORDS)
    with pytest.raises(KeyboardInterrupt):
        prepare(config, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not cache or entries() == []


def test_a_prepared_folder_has_a_report_to_read(tmp_path: Path) -> None:
    files = write(tmp_path, "train", [*numbered(40), ("", "x"), ("a\x00", "b")])
    config = Config(data=DataConfig(train=files), tokeniser=WORDS)
    prepare(config, out=tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text()
    for line in (
        "| pairs to train on | 37 |",
        "| empty | 1 |",
        "| control characters stripped | 1 |",
        "| vocabulary | 42 | 42 |",
        "| length: median | 2 | 2 |",
        f"| {files[0]}, {files[1]} | 42 |",
    ):
        assert line in report, report
    with pytest.raises(RegardError, match="already holds prepared data: --overwrite replaces it"):
        prepare(config, out=tmp_path / "out")
    prepare(config, out=tmp_path / "out", overwrite=True)
    (tmp_path / "other").mkdir()
    for folder in ("other", "out"):
        (tmp_path / folder / "thesis.txt").touch()
        for overwrite in (False, True):
            with pytest.raises(RegardError, match="something else: choose another --out"):
                prepare(config, out=tmp_path / folder, overwrite=overwrite)
