"""Corpora of every form give the same pairs; what is wrong in them is named with its place."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import re
import sys
from pathlib import Path

import datasets
import pytest

from regard.data.sources import open_sources, read_pairs
from regard.errors import ConfigError, DataError
from regard.records.text import Pair

PAIRS = [Pair("ja", "yes"), Pair("größe", "size"), Pair("", "empty")]
TSV = "".join(f"{pair.source}\t{pair.target}\tmore\n" for pair in PAIRS)
JSONL = "".join(json.dumps({"source": p.source, "target": p.target, "id": 1}) + "\n" for p in PAIRS)


def write(path: Path, content: str | bytes) -> Path:
    raw = content.encode() if isinstance(content, str) else content
    pack = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(raw))
    return path


def message(*files: Path | str, **how: object) -> str:
    """What reading these complains of, on one line."""
    with pytest.raises(DataError) as caught:
        list(read_pairs(files, **how))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("packed", ["", ".gz", ".xz"])
@pytest.mark.parametrize("form", ["two files", "tsv", "jsonl"])
def test_every_form_gives_the_same_pairs(tmp_path: Path, form: str, packed: str) -> None:
    if form == "two files":
        files = [
            write(tmp_path / f"a.de{packed}", "".join(f"{pair.source}\n" for pair in PAIRS)),
            write(tmp_path / f"a.en{packed}", "".join(f"{pair.target}\n" for pair in PAIRS)),
        ]
    else:
        files = [write(tmp_path / f"a.{form}{packed}", TSV if form == "tsv" else JSONL)]
    assert list(read_pairs(files)) == PAIRS


def test_columns_are_chosen_by_number_name_and_key(tmp_path: Path) -> None:
    write(tmp_path / "plain.tsv", "7\tyes\tja\n")
    write(tmp_path / "named.tsv", "id\ten\tde\n7\tyes\tja\n")
    write(tmp_path / "flat.jsonl", '{"en": "yes", "de": "ja"}\n\n')
    write(tmp_path / "deep.jsonl", '{"translation": {"en": "yes", "de": "ja"}}\n')
    for name, columns in {
        "plain.tsv": [3, "2"],
        "named.tsv": ["de", "en"],
        "flat.jsonl": ["de", "en"],
        "deep.jsonl": ["translation.de", "translation.en"],
    }.items():
        assert list(read_pairs(tmp_path / name, columns)) == [Pair("ja", "yes")], name  # type: ignore[arg-type]


def test_features_stand_behind_the_source_s_tab(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "walk\twalked\tV;PST\n")
    assert list(read_pairs(file, features=3)) == [Pair("walk\tV;PST", "walked")]
    file = write(tmp_path / "a.jsonl", '{"source": "go\\tup", "target": "went\\nup", "tags": "V;PST"}\n')
    assert list(read_pairs(file, features="tags")) == [Pair("go up\tV;PST", "went up")]
    assert list(read_pairs(file)) == [Pair("go up", "went up")]


def test_several_corpora_are_read_in_turn(tmp_path: Path) -> None:
    de, en = write(tmp_path / "a.de", "eins\n"), write(tmp_path / "a.en", "one\n")
    tsv, jsonl = write(tmp_path / "b.tsv.gz", "zwei\ttwo\n"), write(tmp_path / "c.jsonl", JSONL)
    names = [str(source.name) for source in open_sources([tsv, de, en, jsonl, tsv])]
    assert names == [str(tsv), f"{de}, {en}", str(jsonl), str(tsv)]
    assert list(read_pairs([tsv, de, en]))[:2] == [Pair("zwei", "two"), Pair("eins", "one")]
    assert "a.de: has no partner, got 2 files" in message(de, tsv)
    assert "a.en: has no partner, got 3 files" in message(de, en, en)


def test_two_tables_are_two_corpora_and_a_single_file_is_a_table(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a.tsv", "a\tb\n"), write(tmp_path / "b.tsv", "c\td\n")
    assert list(read_pairs([one, two])) == [Pair("a", "b"), Pair("c", "d")]
    assert list(read_pairs(write(tmp_path / "c.txt", "e\tf\n"))) == [Pair("e", "f")]


def test_each_file_has_its_checksum(tmp_path: Path) -> None:
    de, en = write(tmp_path / "a.de", "eins\n"), write(tmp_path / "a.en", "one\n")
    (source,) = open_sources([de, en])
    assert source.checksums() == {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in (de, en)}


@pytest.mark.parametrize(
    ("name", "content", "how", "words"),
    [
        ("a.tsv", "a\tb\nc d\n", {}, "a.tsv, line 2: expected source TAB target"),
        ("a.tsv", "a\tb\tc\nd\te\n", {"features": 3}, "a.tsv, line 2: expected at least 3 columns .* got 2"),
        ("a.tsv", "a\tb\n", {"columns": [1, 4]}, "line 1: expected at least 4 columns between tabs, got 2"),
        ("a.tsv", "a\tb\n", {"columns": [0, 1]}, "line 1: no column '0', columns are counted from 1"),
        ("a.tsv", "de\ten\na\tb\n", {"columns": ["de", "fr"]}, "line 1: no column 'fr', its columns are de, en"),
        ("a.tsv", "de\ten\n", {"columns": ["de", "en"]}, "expected lines after the header"),
        ("a.tsv", "de\tde\ten\na\tb\tc\n", {"columns": ["de", "en"]}, "line 1: 2 columns are named 'de'; rename"),
        ("a.jsonl", "[" * 100_000 + "\n", {}, "line 1: broken JSON"),
        ("a.tsv", "a\tb\n", {"columns": [1, 2, 3]}, "data.columns: expected two, .* got 3"),
        ("a.tsv", "a\tb\nü\tb\n".encode("latin-1"), {}, "a.tsv, line 2: byte 0xFC at offset 4 is not UTF-8"),
        ("a.tsv.gz", "a\tb\nü\tb\n".encode("latin-1"), {}, "a.tsv.gz, line 2: byte 0xFC at offset 4"),
        ("a.jsonl", '{"source": "a"}\n', {}, "a.jsonl, line 1: no key 'target'; its keys are source"),
        ("a.jsonl", '{"a": {"de": "x"}, "id": 1}\n', {}, "its keys are a.de, id; choose with data.columns"),
        ("a.jsonl", JSONL + '{"source": "a",\n', {}, "a.jsonl, line 4: broken JSON"),
        ("a.jsonl", '["a", "b"]\n', {}, "line 1: expected a JSON object"),
        ("a.jsonl", '{"source": 1, "target": "b"}\n', {}, "line 1: expected text under 'source', got 1"),
        ("a.jsonl", '{"source": "\\ud83d", "target": "b"}\n', {}, "line 1: half a character .*ud83d. under 'source'"),
        ("a.jsonl", "", {}, "a.jsonl: expected at least one line"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, how: dict[str, object], words: str
) -> None:
    assert re.search(words, message(write(tmp_path / name, content), **how))


def test_features_need_a_table(tmp_path: Path) -> None:
    de, en = write(tmp_path / "a.de", "eins\n"), write(tmp_path / "a.en", "one\n")
    assert "without columns; put source, target and features into one TSV" in message(de, en, features="3")


@pytest.fixture
def dataset() -> datasets.Dataset:
    rows = [{"translation": {"de": p.source, "en": p.target}, "id": i} for i, p in enumerate(PAIRS)]
    return datasets.Dataset.from_list(rows)


COLUMNS = ["translation.de", "translation.en"]


def test_a_saved_data_set_is_read(tmp_path: Path, dataset: datasets.Dataset) -> None:
    dataset.save_to_disk(str(tmp_path / "one"))
    assert list(read_pairs(f"hub:{tmp_path / 'one'}", COLUMNS)) == PAIRS
    (source,) = open_sources(f"hub:{tmp_path / 'one'}", COLUMNS)
    (digest,) = source.checksums().values()
    assert len(digest) == 64
    assert open_sources(f"hub:{tmp_path / 'one'}", COLUMNS[::-1])[0].checksums() != source.checksums()


def test_a_split_is_chosen(tmp_path: Path, dataset: datasets.Dataset) -> None:
    splits = {"train": dataset, "validation": dataset.select([1])}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "all"))
    name = f"hub:{tmp_path / 'all'}"
    assert list(read_pairs(name, COLUMNS)) == PAIRS
    assert list(read_pairs(name, COLUMNS, split="validation")) == PAIRS[1:2]
    assert list(read_pairs(f"{name}@validation", COLUMNS)) == PAIRS[1:2]
    assert "no split 'dev', it has train, validation" in message(f"{name}@dev", columns=COLUMNS)
    assert "no column 'source'; its columns are translation.de, translation.en, id" in message(name)


def test_a_folder_of_data_files_is_read_as_the_hub_would(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write(tmp_path / "set" / "train.jsonl", JSONL)
    assert list(read_pairs(f"hub:{tmp_path / 'set'}")) == PAIRS


def test_without_the_library_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"hub:wmt/wmt14:de-en: .* pip install 'regard\[hub\]'"):
        open_sources(["hub:wmt/wmt14:de-en"])
