"""Models of sentencepiece give the same tokens here as there."""

from __future__ import annotations

import io
import random
import sys
from functools import cache
from pathlib import Path

import pytest
import sentencepiece

from regard.config import TokeniserConfig
from regard.data.grammar import generate
from regard.data.tokeniser import Tokeniser
from regard.errors import ConfigError, DataError
from regard.records.text import SPECIALS, UNKNOWN

SENTENCES = [text for pair in generate(400, 1) for text in (pair.source, pair.target)]
ODD = ["", "  ", " a  b ", "▁", "▁a", "a ▁ b", "a▁", "<0x41>", "</s> <s> <unk>", "e\u0301", "ﬁ ½ ㌀", "中文 עברית",
       "x\u200by\u00adz", "\t a\tb", "각", "Ａ１", "👩‍👩‍👧 🇩🇪", "\x00\x07", "…", "<", "a<b", "İß", "\u2028x",
       "क्षि", "ｶﾞ", "a\u0323\u0301b", "\u3000x\u00a0y", "Größe", "ǅ", "ῂ", "\u1100\u1161\u11a8"]  # fmt: skip


@cache
def trained(**options: object) -> bytes:
    """A small model, as the bytes of its file."""
    written = io.BytesIO()
    fixed = {"vocab_size": 420, "minloglevel": 2, "num_threads": 1, "hard_vocab_limit": False}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=written, **(fixed | options)
    )
    return written.getvalue()


def read(folder: Path, model: bytes) -> Tokeniser:
    (folder / "a.model").write_bytes(model)
    return Tokeniser.train([], TokeniserConfig("sentencepiece", source_model=str(folder / "a.model")))


def texts() -> list[str]:
    """Sentences, oddities, and both mixed."""
    random_ = random.Random(1)
    mixed = ["".join(random_.choices([*ODD, " ", "die", "frau"], k=6)) for _ in range(200)]
    return [*SENTENCES, *(text.upper() for text in SENTENCES[:50]), *ODD, *mixed]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize(
    "options",
    [
        {"byte_fallback": True},
        {"normalization_rule_name": "identity", "byte_fallback": True},
        {"normalization_rule_name": "nfkc_cf"},
        {"remove_extra_whitespaces": False, "add_dummy_prefix": False},
        {"pad_id": 0, "unk_id": 3, "bos_id": 1, "eos_id": 2, "control_symbols": "<de>"},
    ],
    ids=["nmt_nfkc", "identity", "nfkc_cf", "no prefix", "other ids"],
)
def test_tokens_agree(tmp_path: Path, kind: str, options: dict[str, object]) -> None:
    model = trained(model_type=kind, **options)
    theirs, ours = sentencepiece.SentencePieceProcessor(model_proto=model), read(tmp_path, model)
    own = [i for i in range(len(theirs)) if not theirs.is_control(i) and not theirs.is_unknown(i)]
    own = [i for i in own if theirs.id_to_piece(i) != "<0x0A>"]  # a text here is one line
    new_id = {old: len(SPECIALS) + place for place, old in enumerate(own)} | {theirs.unk_id(): UNKNOWN}
    assert ours.tokens(range(4, len(ours))) == [theirs.id_to_piece(i) for i in own]
    for text in texts():
        assert ours.encode(text) == [new_id[i] for i in theirs.encode(text)], text
        if UNKNOWN not in ours.encode(text):
            assert ours.decode(ours.encode(text)) == ours.normalise(text)


def test_symbols_defined_by_the_user_win_over_spelling(tmp_path: Path) -> None:
    model = trained(model_type="unigram", user_defined_symbols="<sep>,XY")
    theirs, ours = sentencepiece.SentencePieceProcessor(model_proto=model), read(tmp_path, model)
    for text in ("die <sep> frau", "die<sep>frau XYX"):
        tokens = [p if theirs.piece_to_id(p) else "<unk>" for p in theirs.encode(text, out_type=str)]
        assert ours.tokens(ours.encode(text)) == tokens


def test_the_saved_tokeniser_needs_neither_file_nor_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read(tmp_path, trained(model_type="bpe", byte_fallback=True))
    made.save(tmp_path / "t.json")
    (tmp_path / "a.model").unlink()
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    loaded = Tokeniser.load(tmp_path / "t.json")
    for text in [*SENTENCES[:20], *ODD]:
        assert loaded.encode(text) == made.encode(text)
        assert loaded.word_ids(loaded.encode(text)) == made.word_ids(made.encode(text))


def test_lower_case_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.model").write_bytes(trained(model_type="unigram"))
    config = TokeniserConfig("sentencepiece", lowercase=True, source_model=str(tmp_path / "a.model"))
    assert Tokeniser.train([], config).normalise("DIE Frau") == "die frau"


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"expected the \.model file of each side"):
        Tokeniser.train([], TokeniserConfig("sentencepiece"))
    with pytest.raises(DataError, match="No such file or directory; expected a sentencepiece"):
        Tokeniser.train([], TokeniserConfig("sentencepiece", source_model=str(tmp_path / "no.model")))
    for content in (b"", b"die\t-1.0\nfrau\t-2.0\n"):
        with pytest.raises(DataError, match=r"a\.model: not a sentencepiece \.model file") as caught:
            read(tmp_path, content)
        assert "\n" not in str(caught.value)
    for model, words in {
        trained(model_type="char"): "use tokeniser.kind words or characters",
        trained(model_type="unigram", split_by_whitespace=False): "go beyond one word",
        trained(model_type="bpe", user_defined_symbols="<sep>"): "unigram models only",
    }.items():
        with pytest.raises(DataError, match=words):
            read(tmp_path, model)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ConfigError, match=r"pip install 'regard\[sentencepiece\]'"):
        read(tmp_path, b"")
