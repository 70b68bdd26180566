"""Text to tokens and back, over the `tokenizers` library: words, characters, BPE, Unigram, sentencepiece models.

White space is what `str.split` splits at. All but characters see each run of it as one space and drop it at both
ends; characters keep it. Inside, a space is a space, so that a "▁" somebody typed stays a "▁": a token that begins a
word begins with a space, and only `tokens` shows it as "▁". (A sentencepiece model has its own idea of all this.)

The library is never told that the special tokens are special, and stores each with a space at its end, which
no token of text has: "</s>" typed by a user is plain text.

Features are symbols of their own that follow a tab: `walk TAB V;PST` is the tokens of "walk", then V, then PST.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from regard.config import TokeniserConfig
from regard.data.sentencepiece import read_model
from regard.errors import ConfigError, DataError, ModelError
from regard.records.text import END, PAD, SPECIALS, START, UNKNOWN

_FORMAT = "regard tokeniser 1"
_STORED_SPECIALS = [special + " " for special in SPECIALS]
_MARKS = frozenset((PAD, START, END))  # the specials that stand for no text; an unknown token does
_SPACE_BYTES = b" \t\n\v\f\r"
# a fallback's text holds no white space of one byte but the space itself, so a decoded line never breaks in two
_BYTES = [f"<0x{byte:02X}>" for byte in range(256) if byte not in _SPACE_BYTES]
_HALF = re.compile("[\ud800-\udfff]")
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_WITH_BYTES = ("bpe", "unigram")
# a sign, or letters and digits with the apostrophe before them (don't: don + 't), each with the space before it
_SIGN_OR_LETTERS = r" ?['’]?[\p{L}\p{M}\p{N}]+| ?[\p{P}\p{S}]"
_NFC = normalizers.NFC()
_SCORE_STEP = 1e-4
_MOST_WORDS = 500_000  # whose ids are remembered
_LONGEST_WORD = (
    1000  # characters that are learnt from together: longer is data, not words, and takes the square of it
)
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD}}}")


class Tokeniser:
    """Turns text into ids and back.

    Ids 0 to 3 are SPECIALS in their order; features come last. `decode(encode(text)) == normalise(text)` whenever no
    token is unknown: always for BPE and Unigram, which write a character they do not know as its UTF-8 bytes.
    """

    def __init__(
        self,
        library: Tokenizer,
        config: TokeniserConfig,
        features: Sequence[str] = (),
        reads_features: bool | None = None,
    ) -> None:
        self.config = config
        self.features = tuple(features)
        self.reads_features = bool(features) if reads_features is None else reads_features
        self._library = library
        self._words = _Words(library, config) if config.kind in ("words", *_WITH_BYTES) else None
        vocabulary = library.get_vocab(with_added_tokens=False)
        stored = sorted(vocabulary, key=vocabulary.__getitem__)
        if stored[: len(SPECIALS)] != _STORED_SPECIALS:
            raise ModelError(f"a tokeniser's first tokens must be {', '.join(SPECIALS)}; came {stored[:4]}")
        self._first_feature = len(stored)
        self._texts = [*SPECIALS, *stored[len(SPECIALS) :], *self.features]
        self._feature_ids = {feature: self._first_feature + i for i, feature in enumerate(self.features)}

    @classmethod
    def train(cls, texts: Iterable[str], config: TokeniserConfig, features: Sequence[str] = ()) -> Tokeniser:
        """Learn the tokens of these texts; the same texts and config give the same tokeniser.

        With `features`, the symbols there are, it reads text with features afterwards; `texts` come without.
        BPE and Unigram read the texts twice, so they keep those of an iterator in memory. They keep the most
        frequent characters as tokens (rarer ones become bytes). Raises ConfigError when `size` has no room for a
        single token of text, DataError for a sentencepiece model that cannot be read.
        """
        if config.kind == "sentencepiece":
            return cls(_read_sentencepiece(config), config, features)
        fixed = len(SPECIALS) + (len(_BYTES) if config.kind in _WITH_BYTES else 0)
        if config.size <= fixed:
            raise ConfigError(
                f"tokeniser.size: expected more than {fixed} for {config.kind} "
                f"({fixed} tokens are always there), came {config.size}; raise it"
            )
        return cls(_LEARN[config.kind](texts, config, config.size - fixed), config, features)

    def without_features(self) -> Tokeniser:
        """The same vocabulary for text without features: the target's, where one vocabulary is shared."""
        return Tokeniser(self._library, self.config, self.features, reads_features=False)

    def grown(self, texts: Iterable[str]) -> Tokeniser:
        """This tokeniser with the words or characters of these texts that it does not know added at its end.

        The most frequent first, at most `size` of them, none rarer than `min_frequency`. Raises ConfigError for
        the other kinds: their tokens are learnt together, and theirs write any text.
        """
        if self.config.kind not in ("words", "characters"):
            raise ConfigError(
                f"training.grow_vocabulary: only tokenisers of words or characters can grow; {self.config.kind} "
                "writes new words with the tokens it has, so leave grow_vocabulary out"
            )
        if self.features:
            raise ConfigError(
                "training.grow_vocabulary: a tokeniser that reads features cannot grow, for they stand at the end of "
                "its vocabulary; leave grow_vocabulary out"
            )
        normalised = _normalised(self._library, texts)
        split = str.split if self.config.kind == "words" else iter
        counts = Counter(token for text in normalised for token in split(text))
        known = set(self._texts[len(SPECIALS) :])
        frequent = [p for p, n in counts.items() if n >= self.config.min_frequency and p not in known]
        added = sorted(frequent, key=lambda token: (-counts[token], token))[: self.config.size]
        content = json.loads(self._library.to_str())
        content["model"]["vocab"] |= {token: i for i, token in enumerate(added, start=len(self))}
        return Tokeniser(Tokenizer.from_str(json.dumps(content)), self.config)

    def normalise(self, text: str) -> str:
        """The text as it comes back: Unicode form (NFC if its tokens are NFD), lower case if asked, white space.

        Words, BPE and Unigram have single spaces between words and none at the ends. Twice is the same as once.
        """
        if self.reads_features:
            plain, symbols = split_features(text)
            return "\t".join([self._normalise(plain), *([";".join(symbols)] if symbols else [])])
        return self._normalise(text)

    def _normalise(self, text: str) -> str:
        normalised: str = self._library.normalizer.normalize_str(text)
        if self.config.kind == "sentencepiece":  # whose normaliser may put a space before the first word
            normalised = self._library.decoder.decode([normalised])
        return self.composed(normalised)

    def composed(self, text: str) -> str:
        """The text as it is shown: accents on their letters again where the tokens are NFD."""
        composed: str = _NFC.normalize_str(text) if self._is_apart else text
        return composed

    @property
    def _is_apart(self) -> bool:
        return self.config.normalise == "NFD" and self.config.kind != "sentencepiece"

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without END. Raises DataError where features are expected and there is no tab."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """The ids of many texts. Raises DataError as `encode` does.

        Words, BPE and Unigram look words up in one thread, and cut only new ones in the library's threads, which cut
        all text of characters and sentencepiece models.
        """
        if not self.reads_features:
            return self._encode_plain(texts)
        for text in texts:
            self.check(text)
        split = [split_features(text) for text in texts]
        encoded = self._encode_plain([plain for plain, _ in split])
        return [
            [*ids, *(self._feature_ids.get(symbol, UNKNOWN) for symbol in symbols)]
            for ids, (_, symbols) in zip(encoded, split, strict=True)
        ]

    def check(self, text: str) -> None:
        """Raise DataError unless a text has one tab where features are expected."""
        if self.reads_features and text.count("\t") != 1 and text.strip():
            tabs = "more than one tab" if "\t" in text else "no tab"
            raise DataError(
                f"expected a source, a tab and its features between semicolons, as in {_example(self.features)}; "
                f"came {text[:40]!r} with {tabs}"
            )

    def _encode_plain(self, texts: list[str]) -> list[list[int]]:
        try:
            if self._words is not None:
                return self._words.encode(texts)
            return [encoding.ids for encoding in self._library.encode_batch_fast(texts)]
        except (UnicodeEncodeError, TypeError):  # the library says the one or the other
            _check_halves(texts)
            raise

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """The tokens as they are shown: a space as "▁", a byte as <0xE4>, the specials by name.

        What NFD took apart stands by itself: the letters of a Hangul syllable, an accent on a circle.
        """
        return [_shown(self._texts[i]) for i in ids]

    def id_of(self, token: str) -> int | None:
        """The id of a token given as `tokens` shows it, the first of those that look alike; None if there is none."""
        return self._ids_by_shown.get(token)

    @cached_property
    def _ids_by_shown(self) -> dict[str, int]:
        return {_shown(text): i for i, text in reversed(list(enumerate(self._texts)))}

    def spelt(self, text: str) -> str:
        """The text as its tokens spell it: normalised, and left apart where they are NFD."""
        normalised = self.normalise(text)
        taken_apart: str = (
            self._library.normalizer.normalize_str(normalised) if self._is_apart else normalised
        )
        return taken_apart

    def spellings(self) -> list[bytes]:
        """What each token adds to a text, as UTF-8 with the space before a word; nothing for the marks."""
        gap = " " if self.config.kind == "words" else ""
        return [b"" if i in _MARKS else _spelling(gap + text) for i, text in enumerate(self._texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids, without padding, start and end; an unknown token stays visible as <unk>."""
        kept = [i for i in ids if i not in _MARKS]
        first = next((place for place, i in enumerate(kept) if i >= self._first_feature), len(kept))
        texts, symbols = [self._texts[i] for i in kept[:first]], [self._texts[i] for i in kept[first:]]
        return "\t".join([self._joined(texts), *([";".join(symbols)] if symbols else [])])

    def _joined(self, texts: list[str]) -> str:
        if self.config.kind == "words":
            return self.composed(" ".join(texts))
        decoded: str = self._library.decoder.decode(texts)
        return self.composed(decoded)

    def word_of(self, ids: Iterable[int]) -> list[int]:
        """For each token the place of its word in the text, words being split at white space, from 0.

        A feature is a word by itself. -1 for a token that belongs to none: padding, start, end, and a token that is
        only white space.
        """
        places = []
        word, begins = -1, True
        for i in ids:
            text = self._texts[i]
            blank = text.isspace()
            begins = begins or blank or text.startswith(" ") or self._is_word(i)
            if blank or i in _MARKS:
                places.append(-1)
                continue
            word += begins
            begins = False
            places.append(word)
        return places

    def difference(self, other: Tokeniser) -> str:
        """In words what another tokeniser does otherwise; empty if it gives the same ids to every text."""
        for key, own in asdict(self.config).items():
            if key in ("kind", "lowercase", "normalise") and own != getattr(other.config, key):
                return f"tokeniser.{key} is {own} and {getattr(other.config, key)}"
        if len(self) != len(other):
            return f"{len(self)} and {len(other)} tokens"
        for i, (own, its) in enumerate(zip(self._texts, other._texts, strict=True)):
            if own != its:
                return f"token {i} is {own!r} and {its!r}"
        same = self._library.to_str() == other._library.to_str()
        return "" if same else "the same tokens, but texts are cut otherwise"

    def _is_word(self, i: int) -> bool:
        return self.config.kind == "words" or i >= self._first_feature

    def __len__(self) -> int:
        return len(self._texts)

    def save(self, path: str | Path) -> None:
        """Write everything into one JSON file: the library's own, and beside it the config it was learnt with."""
        content = {
            "format": _FORMAT,
            "config": asdict(self.config),
            "features": self.features,
            "reads_features": self.reads_features,
            "library": json.loads(self._library.to_str()),
        }
        Path(path).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Tokeniser:
        """Read what `save` wrote. Raises ModelError, naming the file, if it is missing or broken."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ModelError(f"expected the format {_FORMAT!r}, came {content['format']!r}")
            config = TokeniserConfig(**content["config"])
            features, reads = content.get("features", ()), content.get("reads_features", False)
            return cls(_library_from(content["library"]), config, features, reads)
        except FileNotFoundError:
            raise ModelError(f"{path}: no such file; expected a tokeniser") from None
        except Exception as error:  # the library raises bare Exception for JSON that is no tokeniser
            raise ModelError(
                f"{path}: not a tokeniser this version can read ({error}); save the model anew"
            ) from None


def _check_halves(texts: Iterable[str]) -> None:
    """Raise DataError for half a character, which no text file can hold."""
    for text in texts:
        if half := _HALF.search(text):
            raise DataError(
                f"half a character, \\u{ord(half[0]):x}, in {text[:40]!r}; expected whole ones, as in UTF-8"
            )


def _shown(text: str) -> str:
    accent = len(text) == 1 and unicodedata.combining(text)
    return "◌" + text if accent else text.replace(" ", "▁").translate(_HANGUL_LETTERS)


def _hangul_letters() -> dict[int, str]:
    """The letter, as it is written alone, of each part of a syllable: ㄱ of the first ᄀ and of the last ᆨ."""
    parts = {code: unicodedata.name(chr(code)).split(" ", 2) for code in range(0x1100, 0x1200)}
    letters = {unicodedata.name(chr(code), ""): chr(code) for code in range(0x3131, 0x318F)}
    found = {code: letters.get(f"HANGUL LETTER {name[-1]}") for code, name in parts.items()}
    return {code: letter for code, letter in found.items() if letter is not None}


_HANGUL_LETTERS = _hangul_letters()


def _spelling(text: str) -> bytes:
    byte = _BYTE.fullmatch(text)  # no learnt token begins with "<" and goes on
    return bytes([int(byte[1], 16)]) if byte else text.encode()


def target_config(config: TokeniserConfig) -> TokeniserConfig:
    """What the recipe says of the target, as a config of its own.

    Raises ConfigError where a shared vocabulary should differ between the sides.
    """
    own = replace(
        config,
        kind=config.kind if config.target_kind == "same" else config.target_kind,
        size=config.target_size or config.size,
        normalise=config.normalise if config.target_normalise == "same" else config.target_normalise,
        source_model=config.target_model,
        target_kind="same",
        target_size=0,
        target_normalise="same",
        target_model="",
    )
    if config.shared and (own.kind, own.size, own.normalise) != (config.kind, config.size, config.normalise):
        raise ConfigError(
            "tokeniser.shared: one vocabulary has one kind, size and form; "
            "leave out target_kind, target_size and target_normalise, or set shared to false"
        )
    return own


def split_features(text: str) -> tuple[str, list[str]]:
    """What stands before the tab, and the features after it, split at semicolons."""
    plain, _, after = text.partition("\t")
    symbols = (" ".join(symbol.split()) for symbol in after.split(";"))
    return plain, [symbol for symbol in symbols if symbol]


def _example(features: Sequence[str]) -> str:
    return f"walk TAB {';'.join(features[:2])}"


def _read_sentencepiece(config: TokeniserConfig) -> Tokenizer:
    if not config.source_model:
        raise ConfigError(
            "tokeniser.kind sentencepiece: expected the .model file of each side in tokeniser.source_model and "
            "tokeniser.target_model; name them (a shared model is the source's)"
        )
    library = read_model(config.source_model, _STORED_SPECIALS)
    if config.lowercase:
        library.normalizer = normalizers.Sequence([normalizers.Lowercase(), library.normalizer])
    return library


def _learn_words(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    library = _new_library(config)
    counts = Counter(word for text in _normalised(library, texts) for word in text.split())
    vocabulary = _vocabulary(_most_frequent(counts, room, config.min_frequency))
    library.model = models.WordLevel(vocabulary, unk_token=_STORED_SPECIALS[UNKNOWN])
    library.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return library


def _learn_characters(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    """BPE that joins nothing. A character is one code point, so in NFD an accent is a token of its own."""
    library = _new_library(config)
    counts = _count_characters(_normalised(library, texts))
    vocabulary = _vocabulary(_most_frequent(counts, room, config.min_frequency))
    library.model = models.BPE(vocabulary, [], unk_token=_STORED_SPECIALS[UNKNOWN], cache_capacity=0)
    library.decoder = decoders.Fuse()
    return library


def _learn_bpe(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    """Byte-pair encoding (Sennrich et al. 2016) with byte fallback."""
    texts = _repeatable(texts)
    library = _new_fallback_library(config)
    alphabet = _alphabet(library, texts, config, room)
    library.model = models.BPE(unk_token=_STORED_SPECIALS[UNKNOWN], byte_fallback=True)
    trainer = trainers.BpeTrainer(
        vocab_size=config.size,
        min_frequency=max(2, config.min_frequency),
        special_tokens=[*_STORED_SPECIALS, *_BYTES],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    library.train_from_iterator(_cut(texts), trainer)
    return _library_from(json.loads(library.to_str()) | {"added_tokens": []})


def _learn_unigram(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    """The unigram language model (Kudo 2018) with byte fallback; a token's score is its log-probability."""
    texts = _repeatable(texts)
    library = _new_fallback_library(config)
    alphabet = _alphabet(library, texts, config, room)
    kept = _Only(frozenset(alphabet))
    unknown = _STORED_SPECIALS[UNKNOWN]
    learnt: list[tuple[str, float]] = []
    if len(alphabet) > 1:  # the trainer refuses to learn from nothing
        trainer = trainers.UnigramTrainer(
            vocab_size=room + 1, unk_token=unknown, special_tokens=[unknown], show_progress=False
        )
        library.model = models.Unigram()
        library.train_from_iterator(
            (text.translate(kept) for text in _normalised(library, _cut(texts))), trainer
        )
        learnt = json.loads(library.to_str())["model"]["vocab"]
    fixed = [(token, 0.0) for token in [*_STORED_SPECIALS, *_BYTES]]
    tokens = _settled({token: score for token, score in learnt if token != unknown}, alphabet, room)
    library = _new_fallback_library(config)  # the trainer has told the old one that unknown is special
    library.model = models.Unigram([*fixed, *tokens], unk_id=UNKNOWN, byte_fallback=True)
    return library


def _cut(texts: Iterable[str]) -> Iterator[str]:
    """The texts with what has no space for long cut in parts."""
    return (_LONG_WORD.sub(r"\g<0> ", text) if len(text) > _LONGEST_WORD else text for text in texts)


class _Only(dict[int, int]):
    """For `str.translate`: characters that are not kept become spaces."""

    def __init__(self, kept: frozenset[str]) -> None:
        super().__init__({ord(character): ord(character) for character in kept})

    def __missing__(self, code: int) -> int:
        self[code] = ord(" ")
        return self[code]


def _settled(scores: dict[str, float], alphabet: Sequence[str], room: int) -> list[tuple[str, float]]:
    """Tokens by falling score, at most `room`, the alphabet always; the same in every process.

    The library gives characters that are no tokens of the model the lowest scores, a step apart, in an order that
    changes from run to run, and sums probabilities in one that does; here such characters share the lowest
    score, and scores are rounded.
    """
    lowest = min(scores.values(), default=0.0)
    rare = lowest + _SCORE_STEP * (len(alphabet) + 1)
    settled = dict.fromkeys(alphabet, lowest) | scores
    for token, score in settled.items():
        settled[token] = round(lowest if len(token) == 1 and score <= rare else score, 4)
    ranked = sorted(settled.items(), key=lambda item: (-item[1], item[0]))
    longer = [item for item in ranked if len(item[0]) > 1][: room - len(alphabet)]
    kept = set(alphabet).union(token for token, _ in longer)
    return [item for item in ranked if item[0] in kept]


def _repeatable(texts: Iterable[str]) -> Iterable[str]:
    return list(texts) if isinstance(texts, Iterator) else texts


def _alphabet(library: Tokenizer, texts: Iterable[str], config: TokeniserConfig, room: int) -> list[str]:
    """The characters that become tokens; the space is always one, for every text begins with it."""
    counts = _count_characters(_normalised(library, texts))
    counts.pop(" ", None)
    return [" ", *_most_frequent(counts, room - 1, config.min_frequency)]


def _new_fallback_library(config: TokeniserConfig) -> Tokenizer:
    """Words begin with a space, and no token joins letters with punctuation, so that "dog." is "dog" and ".".

    "<" always stands alone, so that no learnt token can be mistaken for a byte token.
    """
    library = _new_library(config)
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=" "),
            pre_tokenizers.Split("<", "isolated"),
            pre_tokenizers.Split(Regex(_SIGN_OR_LETTERS), "isolated"),
        ]
    )
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return library


_LEARN = {
    "words": _learn_words,
    "characters": _learn_characters,
    "bpe": _learn_bpe,
    "unigram": _learn_unigram,
}


def _library_from(content: dict[str, Any]) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(content))


def _new_library(config: TokeniserConfig) -> Tokenizer:
    library = Tokenizer(models.BPE())
    library.normalizer = _normaliser(config)
    return library


def _normaliser(config: TokeniserConfig) -> normalizers.Normalizer:
    """Unicode form and case, then white space."""
    steps = _form(config)
    if config.kind != "characters":
        steps = [*steps, normalizers.Replace(Regex(r"[\s\x1c-\x1f]+"), " "), normalizers.Strip()]
    return normalizers.Sequence(steps)


def _form(config: TokeniserConfig) -> list[normalizers.Normalizer]:
    """Unicode form, lower case, and the form again, for a lower-case letter may compose anew."""
    form = [] if config.normalise == "none" else [getattr(normalizers, config.normalise)()]
    return [*form, normalizers.Lowercase(), *form] if config.lowercase else form


def _normalised(library: Tokenizer, texts: Iterable[str]) -> Iterator[str]:
    return map(library.normalizer.normalize_str, texts)


class _Words:
    """Encodes text word by word, each different word once: most words of a text have been seen before.

    The same ids as the library's, which spends most of its time on what is the same for every occurrence.
    """

    def __init__(self, library: Tokenizer, config: TokeniserConfig) -> None:
        self._library = library
        self._form = normalizers.Sequence(_form(config))
        self._leaves_ascii = not config.lowercase
        self._ids: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        split = [
            (text if self._leaves_ascii and text.isascii() else self._form.normalize_str(text)).split()
            for text in texts
        ]
        if len(self._ids) > _MOST_WORDS:
            self._ids = {}
        known = self._ids  # also if another thread starts anew meanwhile
        new = list({word for words in split for word in words if word not in known})
        known.update(zip(new, (one.ids for one in self._library.encode_batch_fast(new)), strict=True))
        return [list(chain.from_iterable([known[word] for word in words])) for words in split]


def _count_characters(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return counts


def _most_frequent(counts: Counter[str], room: int, min_frequency: int) -> list[str]:
    """The most frequent first; of equally frequent ones the smaller code points first."""
    frequent = [token for token, count in counts.items() if count >= min_frequency]
    return sorted(frequent, key=lambda token: (-counts[token], token))[:room]


def _vocabulary(tokens: Iterable[str]) -> dict[str, int]:
    return {token: i for i, token in enumerate([*_STORED_SPECIALS, *tokens])}
