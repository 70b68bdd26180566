"""Files and streams translated; shards that are done once, never mixed, and joined at the end."""

from __future__ import annotations

import gzip
import io
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import regard
from regard.checkpoint import Tokenisers
from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.documents import Shards, TextOptions, files, streams, translate_file
from regard.errors import ConfigError, DataError, SearchError
from regard.translator import Translator
from tests.trained import Trained, trained, unseen_pairs

LINES = [pair.source for pair in unseen_pairs(10)]
THREE = Shards(num_shards=3)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def translator(models: Trained) -> Translator:
    return regard.load(models.attention)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """An input of ten lines, and where the output goes."""
    source = tmp_path / "in.txt"
    source.write_text("".join(line + "\n" for line in LINES), encoding="utf-8")
    return source, tmp_path / "out.txt"


@pytest.fixture(scope="module")
def expected(translator: Translator) -> str:
    return "".join(one.text + "\n" for one in translator.translate(LINES))


class Killed(BaseException):
    """Raised in place of a kill."""


def killing(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    """Raise Killed instead of translating another chunk after so many."""
    translate_lines = files.translate_lines
    done = iter(range(chunks))

    def dying(*arguments: Any, **options: Any) -> Iterator[regard.Translation]:
        if next(done, None) is None:
            raise Killed
        return translate_lines(*arguments, **options)

    monkeypatch.setattr(files, "translate_lines", dying)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_from_a_stream_to_a_stream(translator: Translator, expected: str) -> None:
    source, target = io.BytesIO("\r\n".join(LINES).encode()), io.StringIO()
    assert translate_file(translator, source, target) == 0
    assert target.getvalue() == expected


def test_a_model_may_be_named_by_its_folder(models: Trained, paths: tuple[Path, Path], expected: str) -> None:
    assert translate_file(models.attention, str(paths[0]), str(paths[1])) == 0
    assert paths[1].read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(("suffix", "unpack"), [(".gz", gzip.decompress), (".xz", lzma.decompress)])
@pytest.mark.parametrize("shards", [None, THREE])
def test_output_is_packed_by_its_name(
    translator: Translator,
    paths: tuple[Path, Path],
    expected: str,
    suffix: str,
    unpack: Any,
    shards: Shards | None,
) -> None:
    packed = []
    for name in ("a", "b"):
        target = paths[1].with_name(f"{name}{suffix}")
        translate_file(translator, paths[0], target, shards=shards)
        packed.append(target.read_bytes())
    assert unpack(packed[0]).decode() == expected
    assert packed[0] == packed[1]  # neither name nor time is in it


@pytest.mark.parametrize(
    "shards",
    [
        Shards(num_shards=1),
        THREE,
        Shards(num_shards=12),
        Shards(shard_size=4),
        Shards(shard_size=99, resume=True),
    ],
)
def test_shards_joined_are_the_file(
    translator: Translator, paths: tuple[Path, Path], expected: str, shards: Shards
) -> None:
    done: list[int] = []
    assert translate_file(translator, *paths, shards=shards, watch=done.append) == 0
    assert paths[1].read_text(encoding="utf-8") == expected
    assert sum(done) == len(LINES)
    assert names(paths[1].parent) == ["in.txt", "out.txt"]


def test_an_empty_file_has_an_empty_translation(translator: Translator, paths: tuple[Path, Path]) -> None:
    paths[0].write_bytes(b"")
    assert translate_file(translator, *paths, shards=Shards(resume=True)) == 0
    assert paths[1].read_bytes() == b""


def test_a_killed_run_goes_on_where_it_was(
    translator: Translator, paths: tuple[Path, Path], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths[1].write_text("from an earlier time")
    with monkeypatch.context() as patch:
        killing(patch, 2)
        with pytest.raises(Killed):
            translate_file(translator, *paths, shards=THREE)
    folder = paths[1].with_name("out.txt.shards")
    assert [name.split(".")[0] for name in names(folder)] == ["00001-of-00003", "00002-of-00003", "plan"]
    assert paths[1].read_text() == "from an earlier time"
    with pytest.raises(DataError, match="an earlier run left shards there; go on with --resume"):
        translate_file(translator, *paths, shards=THREE)
    killing(monkeypatch, 1)  # only one is missing
    assert translate_file(translator, *paths, shards=Shards(num_shards=3, resume=True)) == 0
    assert paths[1].read_text(encoding="utf-8") == expected
    assert not folder.exists()


def test_processes_share_the_work(translator: Translator, paths: tuple[Path, Path], expected: str) -> None:
    left = [translate_file(translator, *paths, shards=Shards(num_shards=3, only=only)) for only in (2, 3, 2)]
    assert left == [2, 1, 1]
    assert not paths[1].exists()
    assert translate_file(translator, *paths, shards=Shards(num_shards=3, only=1)) == 0
    assert paths[1].read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("what", ["input", "model", "search", "options", "shards", "version"])
def test_shards_of_something_else_are_refused(
    models: Trained, paths: tuple[Path, Path], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = regard.load(models.attention)
    translate_file(translator, *paths, shards=Shards(num_shards=3, only=1))
    options, shards, search_options = TextOptions(), Shards(num_shards=3, resume=True), {}
    match what:
        case "input":
            paths[0].write_text("etwas anderes\n" * 10)
        case "model":
            with torch.no_grad():
                translator.model.head.weight[0, 0] += 1
        case "search":
            search_options = {"beam": 7}
        case "options":
            options = TextOptions(language="de")
        case "shards":
            shards = Shards(num_shards=4, resume=True)
        case "version":
            monkeypatch.setattr(files, "version", lambda _: "99")
    with pytest.raises(
        DataError, match=rf"out.txt.shards: its shards were translated with another {what};.*remove"
    ):
        translate_file(translator, *paths, options, shards=shards, **search_options)
    assert not paths[1].exists()


def test_the_batch_size_changes_no_shard(
    translator: Translator, paths: tuple[Path, Path], expected: str
) -> None:
    translate_file(translator, *paths, shards=Shards(num_shards=2, only=1), batch_size=1)
    assert translate_file(translator, *paths, shards=Shards(num_shards=2, resume=True), batch_size=7) == 0
    assert paths[1].read_text(encoding="utf-8") == expected


def test_jsonl_has_every_sentence(translator: Translator) -> None:
    target = io.StringIO()
    line = f"{LINES[0]} {LINES[1]}"
    translate_file(translator, io.BytesIO(line.encode()), target, output_format="jsonl", num_best=2)
    record = json.loads(target.getvalue())
    one = next(regard.translate_lines(translator, [line], num_best=2))
    assert record["source"] == line
    assert record["tokens"] == list(one.tokens)
    assert [part["text"] for part in record["sentences"]] == [part.text for part in one.sentences]
    assert len(record["sentences"]) == 2
    assert [len(row) for row in record["attention"]] == [len(record["source_tokens"])] * len(record["tokens"])
    assert len(record["alternatives"]) == 1


@pytest.mark.parametrize(
    ("shards", "words"),
    [
        ({"num_shards": 0}, "expected 1 shard or more, got 0"),
        ({"shard_size": 0}, "expected 1 line or more in a shard, got 0"),
        ({"num_shards": 3, "only": 4}, "expected a shard from 1 to 3, got 4"),
        ({"only": 1}, "got only=1 without num_shards; give both"),
    ],
)
def test_shards_that_cannot_be(shards: dict[str, int], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Shards(**shards)  # type: ignore[arg-type]


def test_streams_have_no_shards(translator: Translator, paths: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="expected an input file and an output file, got a stream"):
        translate_file(translator, io.BytesIO(), paths[1], shards=THREE)


def test_missing_terms_are_warned_of_and_recorded(
    translator: Translator, paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_CHUNK_LINES", 3)
    messages: list[str] = []
    glossary = {word: "Ωmega" for line in LINES for word in line.split()}  # which the vocabulary cannot write
    paths[0].write_text("\n".join([*LINES, *LINES[:3]]) + "\n", encoding="utf-8")
    translate_file(translator, *paths, output_format="jsonl", warn=messages.append, glossary=glossary)
    warnings = [message for message in messages if "unknown" not in message]
    assert [message.split(": ")[0] for message in warnings[:10]] == [
        f"{paths[0]}, line {n}" for n in range(1, 11)
    ]
    assert all("'Ωmega'" in message for message in warnings[:10])
    assert warnings[10].startswith(f"{paths[0]}, 3 more lines")
    assert len(warnings) == 11
    records = [json.loads(line) for line in paths[1].read_text(encoding="utf-8").splitlines()]
    assert {tuple(record["missing_terms"]) for record in records} == {("Ωmega",)}
    translate_file(translator, *paths, output_format="jsonl")
    assert "missing_terms" not in json.loads(paths[1].read_text(encoding="utf-8").splitlines()[0])


def test_a_file_has_one_prefix(translator: Translator, paths: tuple[Path, Path]) -> None:
    with pytest.raises(SearchError, match="expected one text as the prefix of all lines"):
        translate_file(translator, *paths, prefix=["the"] * len(LINES))
    assert not paths[1].exists()


def test_a_line_without_features_is_named_with_its_file(
    translator: Translator, paths: tuple[Path, Path]
) -> None:
    source = Tokeniser.train(["walk"], TokeniserConfig(kind="characters"), ["V"])
    inflecting = Translator(
        translator.model, Tokenisers(source, translator.tokenisers.target), translator.search
    )
    paths[0].write_text("walk\tV\nwalk\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        translate_file(inflecting, *paths)
    assert str(caught.value).startswith(f"{paths[0]}, line 2: expected a source, a tab and its features")
    assert "\n" not in str(caught.value)
    assert not paths[1].exists()
