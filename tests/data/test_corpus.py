from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.config import TokeniserConfig
from regard.data import corpus as corpus_module
from regard.data.corpus import Corpus
from regard.data.tokeniser import Tokeniser
from regard.errors import DataError
from regard.records.text import END, PAD, UNKNOWN, Pair

# ids in order of frequency: a 4, b 5, c 6
LETTERS = Tokeniser.train(["aaabbc"], TokeniserConfig(kind="characters"))
A, B, C = 4, 5, 6


def encode(pairs: list[tuple[str, str]], max_tokens: int = 10) -> Corpus:
    return Corpus.encode((Pair(*pair) for pair in pairs), LETTERS, LETTERS, max_tokens)


def test_a_batch_by_hand() -> None:
    batch = encode([("abc", "b"), ("b", "ca"), ("x", "aaaa")]).batch([1, 0])
    assert batch.source.tolist() == [[B, END, PAD, PAD], [A, B, C, END]]
    assert batch.source_valid.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.target.tolist() == [[C, A, END], [B, END, PAD]]
    assert batch.target_valid.tolist() == [[True, True, True], [True, True, False]]
    assert batch.source.dtype == batch.target.dtype == torch.int64
    assert batch.source_valid.dtype == torch.bool


def test_an_unknown_character_is_kept_as_unknown() -> None:
    assert encode([("axb", "a")]).batch([0]).source.tolist() == [[A, UNKNOWN, B, END]]


def test_lengths_count_the_end() -> None:
    corpus = encode([("abc", "b"), ("b", "ca")])
    assert corpus.source_lengths.tolist() == [4, 2]
    assert corpus.target_lengths.tolist() == [2, 3]
    assert len(corpus) == 2


def test_pairs_left_out_are_counted_by_reason() -> None:
    corpus = encode(
        [("a", "b"), ("", "b"), ("a", ""), ("", ""), ("aaaa", "b"), ("b", "aaaa"), ("aaa", "bbb")], 3
    )
    assert corpus.left_out == {"empty": 3, "too long": 2}
    assert corpus.batch([0, 1]).source.tolist() == [[A, END, PAD, PAD], [A, A, A, END]]


def test_a_pair_is_counted_under_its_first_reason() -> None:
    assert encode([("a", "b"), ("", "aaaa")], 3).left_out == {"empty": 1, "too long": 0}


def test_a_side_may_be_exactly_max_ratio_times_longer() -> None:
    pairs = [Pair("aa", "bbbb"), Pair("aa", "bbbbb"), Pair("bbbbb", "aa"), Pair("aaaa", "bb")]
    corpus = Corpus.encode(pairs, LETTERS, LETTERS, 10, max_ratio=2)
    assert corpus.left_out == {"empty": 0, "too long": 0, "length ratio": 2}
    assert corpus.source_lengths.tolist() == [3, 5]  # with END


def test_unknown_shares_are_of_tokens_without_the_end() -> None:
    assert encode([("axx", "b"), ("a", "bx")]).unknown_shares == (2 / 4, 1 / 3)


def test_a_corpus_without_a_pair_is_refused() -> None:
    with pytest.raises(DataError, match="1 had an empty side, 1 were longer than 2 tokens"):
        encode([("", "a"), ("aaa", "a")], 2)
    with pytest.raises(DataError, match="no sentence pair"):
        encode([])


sides = st.text("abcx", min_size=1, max_size=6)


@given(pairs=st.lists(st.tuples(sides, sides), min_size=1, max_size=9), data=st.data())
def test_a_batch_holds_what_was_encoded(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=12))
    batch = encode(pairs).batch(rows)
    for place, row in enumerate(rows):
        for side, ids, valid in (
            (0, batch.source, batch.source_valid),
            (1, batch.target, batch.target_valid),
        ):
            expected = [*LETTERS.encode(pairs[row][side]), END]
            assert ids[place][valid[place]].tolist() == expected
            assert ids[place].tolist() == expected + [PAD] * (ids.shape[1] - len(expected))
    assert batch.source.shape[1] == max(len(pairs[row][0]) for row in rows) + 1


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [("a" * (i % 5), "b" * (i % 4 + 1)) for i in range(23)]
    whole = encode(pairs, 3)
    monkeypatch.setattr(corpus_module, "_CHUNK_PAIRS", 4)
    chunked = encode(pairs, 3)
    assert chunked.left_out == whole.left_out
    assert len(chunked) == len(whole)
    everything = range(len(whole))
    assert torch.equal(chunked.batch(everything).source, whole.batch(everything).source)
    assert torch.equal(chunked.batch(everything).target, whole.batch(everything).target)


def test_saved_and_mapped_back_it_is_the_same(tmp_path: Path) -> None:
    corpus = encode([("abc", "b"), ("b", "ca"), ("", "a")])
    corpus.save(tmp_path / "train.arrow")
    loaded = Corpus.load(tmp_path / "train.arrow")
    assert loaded.left_out == {"empty": 1, "too long": 0}
    assert torch.equal(loaded.batch([0, 1]).source, corpus.batch([0, 1]).source)
    assert torch.equal(loaded.batch([0, 1]).target, corpus.batch([0, 1]).target)
    assert loaded.source_lengths.tolist() == corpus.source_lengths.tolist()


def test_a_mapped_corpus_is_not_copied(tmp_path: Path) -> None:
    encode([("abc", "b")] * 10_000).save(tmp_path / "train.arrow")
    before = pa.total_allocated_bytes()
    loaded = Corpus.load(tmp_path / "train.arrow")
    loaded.batch([9_999])
    assert pa.total_allocated_bytes() - before < 10_000  # the ids alone are 160 kB
    assert not loaded._source.values.flags.owndata
    assert not loaded._target.values.flags.owndata


def test_another_arrow_program_reads_the_file(tmp_path: Path) -> None:
    encode([("abc", "b"), ("b", "ca")]).save(tmp_path / "train.arrow")
    with pa.OSFile(str(tmp_path / "train.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
    assert table.to_pydict() == {"source": [[A, B, C], [B]], "target": [[B], [C, A]]}


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train.arrow"
    with pytest.raises(DataError, match=r"train\.arrow: no such file"):
        Corpus.load(file)
    encode([("abc", "b")]).save(file)
    whole = file.read_bytes()
    for content in (b"", b"no arrow", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"train\.arrow: not an encoded corpus") as caught:
            Corpus.load(file)
        assert "\n" not in str(caught.value)


def test_an_arrow_file_of_something_else_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"]})
    with pa.ipc.new_file(str(tmp_path / "other.arrow"), table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataError, match=r"other\.arrow: not an encoded corpus \(its columns are text\)"):
        Corpus.load(tmp_path / "other.arrow")


def saved(path: Path, columns: list[pa.Array]) -> Path:
    """A file with the columns of a corpus, whatever they hold."""
    schema = corpus_module._SCHEMA.with_metadata({"left_out": "{}"})
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    with pa.ipc.new_file(str(path), schema) as file:
        file.write_batch(batch)
    return path


def column(ends: list[int], values: list[int | None]) -> pa.Array:
    """Sentences that end at these places, which the library does not come to see."""
    offsets = np.zeros(len(ends) + 1, np.int64)
    flat = pa.array(values, pa.int32())
    buffers = [None, pa.py_buffer(offsets)]
    made = pa.Array.from_buffers(pa.large_list(pa.int32()), len(ends), buffers, children=[flat])
    offsets[1:] = ends
    return made


@pytest.mark.parametrize(
    "wrong",
    [
        column([10**12, 2], [A, B]),
        column([-5, 2], [A, B]),
        column([1, 2], [A, None]),
        pa.array([None, [A]], pa.large_list(pa.int32())),
    ],
    ids=["beyond the end", "before the beginning", "no id", "no sentence"],
)
@pytest.mark.parametrize("side", [0, 1])
def test_what_would_read_beyond_the_file_is_refused(tmp_path: Path, wrong: pa.Array, side: int) -> None:
    columns = [column([1, 2], [A, B]), column([1, 2], [A, B])]
    file = saved(tmp_path / "train.arrow", columns)
    assert len(Corpus.load(file)) == 2
    columns[side] = wrong
    with pytest.raises(DataError, match=r"train\.arrow: not an encoded corpus") as caught:
        Corpus.load(saved(file, columns))
    assert "\n" not in str(caught.value)


def test_a_corpus_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pairs"):
        Corpus.load(saved(tmp_path / "train.arrow", [column([], []), column([], [])]))


def test_ids_beyond_the_vocabulary_are_refused(tmp_path: Path) -> None:
    corpus = encode([("abc", "b")])
    corpus.check_ids(7, 6)
    for sizes, words in (((6, 6), "source ids .* got 4 to 6"), ((7, 5), "target ids .* got 5 to 5")):
        with pytest.raises(DataError, match=words):
            corpus.check_ids(*sizes)
    below = saved(tmp_path / "train.arrow", [column([1], [-1]), column([1], [A])])
    with pytest.raises(DataError, match=r"source ids .* got -1"):
        Corpus.load(below).check_ids(7, 7)
