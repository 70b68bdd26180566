"""Text to ids and back: exact where it can be, and the same after a file was written and read."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regard.config import TokeniserConfig
from regard.data import word_encoder
from regard.data.tokeniser import Tokeniser, target_config
from regard.errors import ConfigError, DataError, ModelError
from regard.records.text import END, PAD, SPECIALS, START, UNKNOWN
from tests.data.tokenisers import KINDS, TEXTS, train

# letters of many kinds, what looks like specials and bytes, spaces of all sorts, controls, combining marks, emoji
HARD_PARTS = [*SPECIALS, "<0x41>", "<0x0A>", "▁", "▁die", " ", "  ", "\t", "\n", "\r\n", "\x00", "\x1b", "\x1c",
              "\x85", "\u2028", "\u00a0", "\u3000", "\u200d", "\ufeff", "\u0301", "\u0323", "e\u0301", "İ", "ß", "Σ",
              "ﬁ", "¨", "Å", "👩‍👩‍👧", "🇩🇪", "中文", "שלום", "العربية", "\u202e", "\ue000",
              "\U0010ffff", "die", "alte"]  # fmt: skip
hard_texts = st.one_of(st.text(), st.lists(st.sampled_from(HARD_PARTS), max_size=8).map("".join))


BPE = train("bpe")
BPE_FORMS = [
    train("bpe", normalise=form, lowercase=lowercase)
    for form in ("none", "NFC", "NFKC", "NFD")
    for lowercase in (False, True)
]
UNIGRAM = train("unigram")
EXACT = [*BPE_FORMS, UNIGRAM, train("unigram", normalise="NFD", lowercase=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_tokens_are_the_specials(kind: str) -> None:
    assert train(kind).tokens(range(4)) == list(SPECIALS)


@given(text=hard_texts)
@example(text="".join(HARD_PARTS))
@example(text=" ".join(HARD_PARTS))
def test_byte_fallback_is_exact_on_any_text(text: str) -> None:
    for tokeniser in EXACT:
        ids = tokeniser.encode(text)
        assert tokeniser.decode(ids) == tokeniser.normalise(text)
        assert all(i >= len(SPECIALS) for i in ids)


@given(text=hard_texts, form=st.sampled_from(["none", "NFC", "NFKC", "NFD"]), lowercase=st.booleans())
def test_characters_are_exact_on_characters_seen_in_training(text: str, form: str, lowercase: bool) -> None:
    characters = train("characters", [text], normalise=form, lowercase=lowercase)
    assert characters.decode(characters.encode(text)) == characters.normalise(text)
    assert len(characters.encode(text)) == len(characters._library.normalizer.normalize_str(text))


@given(text=hard_texts, lowercase=st.booleans())
def test_words_are_exact_where_every_word_is_known(text: str, lowercase: bool) -> None:
    words = train("words", [text], lowercase=lowercase)
    ids = words.encode(text)
    assert words.decode(ids) == words.normalise(text)
    assert all(i >= len(SPECIALS) for i in ids)
    assert [words.token_bytes()[i].decode() for i in ids] == [
        f" {word}" for word in words.normalise(text).split()
    ]


@given(text=hard_texts)
def test_normalising_twice_is_the_same_as_once(text: str) -> None:
    for tokeniser in EXACT:
        once = tokeniser.normalise(text)
        assert tokeniser.normalise(once) == once
        assert " ".join(once.split()) == once


def test_normalising_twice_is_the_same_for_every_character_that_changes() -> None:
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    changing = [c for c in characters if c.lower() != c or unicodedata.normalize("NFKD", c) != c]
    joined = "x\u0323".join(changing)  # a dot below before the next: what can compose or reorder does
    joined += "\u0323".join(changing)
    for bpe in BPE_FORMS:
        once = bpe.normalise(joined)
        assert bpe.normalise(once) == once


@given(text=st.text(st.characters(max_codepoint=0x24F)))
def test_unicode_form_and_case_are_those_of_python(text: str) -> None:
    # up to Latin Extended-B, long unchanged in Unicode; Σ is not among them (its lower case looks at what follows)
    nfc = train("characters", normalise="NFC", lowercase=True)
    assert nfc.normalise(text) == unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def test_white_space_is_what_python_splits_at() -> None:
    words = train("words", normalise="none")
    for code in [*range(0x3001), 0xFEFF]:
        assert words.normalise(f"a{chr(code)}b") == " ".join(f"a{chr(code)}b".split())


def test_case_is_kept_unless_told_otherwise() -> None:
    assert train("words").normalise(" Die  ALTE\tFrau ") == "Die ALTE Frau"
    assert train("words", lowercase=True).normalise("Die ALTE") == "die alte"
    assert train("characters").normalise(" a  b ") == " a  b "


@pytest.mark.parametrize("kind", KINDS)
def test_typed_specials_are_plain_text(kind: str) -> None:
    tokeniser = train(kind)
    for special in SPECIALS:
        assert not set(tokeniser.encode(special)) & set(range(4))
        assert tokeniser.decode(tokeniser.encode(special)) == special


@pytest.mark.parametrize("kind", ["words", "characters", "bpe", "unigram"])
def test_a_token_is_found_as_it_is_shown(kind: str) -> None:
    tokeniser = train(kind)
    shown = tokeniser.tokens(range(len(tokeniser)))
    for i, token in enumerate(shown):
        assert tokeniser.id_of(token) == shown.index(token) <= i
    assert [tokeniser.id_of(special) for special in SPECIALS] == [PAD, UNKNOWN, START, END]
    assert tokeniser.id_of("no such token") is None


def test_unknown_words_and_characters() -> None:
    words, characters = train("words", ["a b a"], size=5), train("characters", ["aab"])
    assert words.encode("a b c") == [4, UNKNOWN, UNKNOWN]
    assert words.decode(words.encode("a b")) == "a <unk>"
    assert characters.encode("abcc") == [4, 5, UNKNOWN, UNKNOWN]
    assert BPE.tokens(BPE.encode("ж")) == ["▁", "<0xD0>", "<0xB6>"]  # U+0436 in UTF-8


def test_specials_are_left_out_of_the_text() -> None:
    for kind in KINDS:
        tokeniser = train(kind)
        ids = [START, *tokeniser.encode("die alte"), END, PAD, PAD]
        assert tokeniser.decode(ids) == "die alte"
    assert BPE.decode([]) == ""


def test_encode_batch_is_encode_of_each() -> None:
    for kind in KINDS:
        tokeniser = train(kind)
        texts = [*TEXTS, "", " ", "quite new"]
        assert tokeniser.encode_batch(texts) == [tokeniser.encode(text) for text in texts]


@given(texts=st.lists(hard_texts, max_size=3))
def test_word_by_word_is_what_the_library_encodes(texts: list[str]) -> None:
    lower = [train("words", texts, lowercase=True, normalise="NFKC"), train("unigram", lowercase=True)]
    for tokeniser in [*EXACT, *lower]:
        assert tokeniser.encode_batch(texts) == [tokeniser._library.encode(text).ids for text in texts]


def test_words_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    tokeniser, texts = train("bpe"), [f"wort{i} wort{i % 3}" for i in range(30)]
    expected = [tokeniser._library.encode(text).ids for text in texts]
    monkeypatch.setattr(word_encoder, "_CACHE_SIZE", 5)
    assert [tokeniser.encode(text) for text in texts] == expected
    assert tokeniser._word_encoder is not None
    assert len(tokeniser._word_encoder._cache) <= 7


def test_words_of_tokens_by_hand() -> None:
    words, characters = train("words"), train("characters")
    assert words.word_ids([*words.encode("die neue frau"), END, PAD]) == [0, 1, 2, -1, -1]
    assert characters.word_ids([START, *characters.encode(" da  lacht"), END]) == [
        -1, -1, 0, 0, -1, -1, 1, 1, 1, 1, 1, -1,
    ]  # fmt: skip
    assert BPE.tokens(BPE.encode("ж frau <")) == [
        "▁",
        "<0xD0>",
        "<0xB6>",
        *BPE.tokens(BPE.encode("frau")),
        "▁",
        "<",
    ]
    num_frau = len(BPE.encode("frau"))
    assert BPE.word_ids(BPE.encode("ж frau <")) == [-1, 0, 0, *[1] * num_frau, -1, 2]


@given(text=hard_texts)
def test_the_tokens_of_a_word_spell_it(text: str) -> None:
    for tokeniser in (BPE, UNIGRAM, train("characters", [text]), train("words", [text])):
        ids = tokeniser.encode(text)
        word_ids = tokeniser.word_ids(ids)
        words = tokeniser.normalise(text).split()
        assert set(word_ids) - {-1} == set(range(len(words)))
        for index, word in enumerate(words):
            own = [i for i, own_word in zip(ids, word_ids, strict=True) if own_word == index]
            assert tokeniser.decode(own) == word


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_behaves_the_same(kind: str, tmp_path: Path) -> None:
    tokeniser = train(kind, lowercase=True, normalise="NFKC")
    tokeniser.save(tmp_path / "t.json")
    loaded = Tokeniser.load(tmp_path / "t.json")
    assert loaded.config == tokeniser.config
    assert len(loaded) == len(tokeniser)
    for text in [*TEXTS, *HARD_PARTS, "quite new"]:
        ids = tokeniser.encode(text)
        assert loaded.encode(text) == ids
        assert loaded.tokens(ids) == tokeniser.tokens(ids)
        assert loaded.decode(ids) == tokeniser.decode(ids)
        assert loaded.normalise(text) == tokeniser.normalise(text)
        assert loaded.word_ids(ids) == tokeniser.word_ids(ids)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    with pytest.raises(ModelError, match=r"t\.json: no such file"):
        Tokeniser.load(file)
    BPE.save(file)
    good = json.loads(file.read_text())
    foreign = json.loads(json.dumps(good).replace("<unk> ", "[UNK]"))
    wrong = [
        good | {"format": "other"},
        good | {"library": {}},
        good | {"config": {"no": 1}},
        foreign,
        {},
        [],
    ]
    for content in ["", "{", "\udcff", *map(json.dumps, wrong)]:
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(ModelError, match=r"t\.json: not a tokeniser") as caught:
            Tokeniser.load(file)
        assert "\n" not in str(caught.value)


def test_syllables_are_taken_apart_and_composed_again() -> None:
    characters = train("characters", ["한국 é"], normalise="NFD")
    assert characters.tokens(characters.encode("한국")) == ["ㅎ", "ㅏ", "ㄴ", "ㄱ", "ㅜ", "ㄱ"]
    assert characters.tokens(characters.encode("é")) == ["e", "◌\u0301"]
    for text in ("한국", unicodedata.normalize("NFD", "한국 é")):
        assert characters.decode(characters.encode(text)) == unicodedata.normalize("NFC", text)


def test_what_the_recipe_says_of_the_target() -> None:
    config = TokeniserConfig(kind="characters", normalise="NFD", size=500)
    assert target_config(config) == config
    other = TokeniserConfig("characters", 500, target_kind="words", target_size=90, target_normalise="none")
    assert target_config(other) == TokeniserConfig("words", 90, normalise="none")
    models = TokeniserConfig("sentencepiece", source_model="a.model", target_model="b.model")
    assert target_config(models).source_model == "b.model"
    with pytest.raises(ConfigError, match="one vocabulary has one kind"):
        target_config(TokeniserConfig(shared=True, target_size=90))


def test_features_are_tokens_of_their_own(tmp_path: Path) -> None:
    tokeniser = Tokeniser.train(["walk", "Pak"], TokeniserConfig("characters"), ["PST", "V", "P"])
    ids = tokeniser.encode("walk\tV;PST")
    assert tokeniser.tokens(ids) == [*"walk", "V", "PST"]
    assert tokeniser.encode("P\tP") == [*tokeniser.encode("P\t"), *tokeniser.encode("\tP")]
    assert tokeniser.encode("P\t") != tokeniser.encode("\tP")  # the letter is not the feature
    assert tokeniser.word_ids([*ids, END]) == [0, 0, 0, 0, 1, 2, -1]
    assert (
        tokeniser.decode([*ids, END, PAD])
        == tokeniser.normalise(" walk\t V ;PST;; ".strip())
        == "walk\tV;PST"
    )
    assert tokeniser.encode("walk\tV;FUT")[-1] == UNKNOWN
    assert tokeniser.encode("walk\t") == ids[:4]
    assert tokeniser.encode_batch(["", "walk\tV"]) == [[], ids[:5]]
    tokeniser.save(tmp_path / "t.json")
    loaded = Tokeniser.load(tmp_path / "t.json")
    assert (loaded.encode("walk\tV;PST"), loaded.features) == (ids, tokeniser.features)


def test_text_without_its_features_is_refused() -> None:
    tokeniser = Tokeniser.train(["walk"], TokeniserConfig("characters"), ["V", "PST"])
    with pytest.raises(DataError, match="as in walk TAB V;PST; got 'walked' with no tab"):
        tokeniser.encode("walked")
    plain = tokeniser.without_features()
    assert plain.encode("walk") == tokeniser.encode("walk\t")
    assert len(plain) == len(tokeniser)
    assert plain.decode(plain.encode("walk")) == "walk"


@given(text=hard_texts)
@example(text="".join(HARD_PARTS))
def test_token_bytes_add_up_to_the_text(text: str) -> None:
    for subwords in (BPE, UNIGRAM):
        added = subwords.token_bytes()
        normalised = subwords.normalise(text)
        written = b"".join(added[i] for i in subwords.encode(text))
        assert written == (f" {normalised}".encode() if normalised else b"")
        assert [added[i] for i in (PAD, START, END)] == [b""] * 3
    for form in ("NFC", "NFD"):
        characters = train("characters", [text], normalise=form)
        written = b"".join(characters.token_bytes()[i] for i in characters.encode(text))
        assert written == characters.token_form(text).encode()


@pytest.mark.parametrize("text", TEXTS)
def test_words_are_spelt_with_the_space_before_them(text: str) -> None:
    words = train("words")
    assert b"".join(words.token_bytes()[i] for i in words.encode(text)) == f" {text}".encode()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ""),
        ({"lowercase": True}, "tokeniser.lowercase is False and True"),
        ({"normalise": "NFD"}, "tokeniser.normalise is NFC and NFD"),
        ({"kind": "characters"}, "tokeniser.kind is words and characters"),
        ({"size": 9}, " and 9 tokens"),
    ],
)
def test_a_difference_is_named(settings: dict, expected: str) -> None:
    found = train("words").describe_difference(train(**({"kind": "words"} | settings)))
    assert found.endswith(expected)
    assert bool(found) == bool(expected)


def test_a_difference_of_tokens_is_named() -> None:
    one, other = train("words", ["a a b"]), train("words", ["a a c"])
    assert one.describe_difference(other) == "token 5 is 'b' and 'c'"


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_character_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match=r"half a character, \\ud800, in"):
        train(kind).encode("die \ud800 frau")
