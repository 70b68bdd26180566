"""Text to tokens and back, over the `tokenizers` library: words, characters, BPE, Unigram, sentencepiece models.

White space is what `str.split` splits at. All kinds but characters see each run of it as one space and drop it at
both ends; characters keep it. In the library a space is a space, so a "▁" somebody typed stays a "▁": a token that
begins a word begins with a space, and only `tokens` shows it as "▁". (A sentencepiece model has its own rules.)

Features are symbols of their own behind a tab: `walk TAB V;PST` is the tokens of "walk", then V, then PST.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer, normalizers

from regard.config import TokeniserConfig
from regard.data.features import check_features, join_features, split_features
from regard.data.learning import STORED_SPECIALS, grow, learn, library_from
from regard.data.token_display import display_token
from regard.data.word_encoder import WordEncoder
from regard.errors import ConfigError, DataError, ModelError
from regard.records.text import END, PAD, SPECIALS, START, UNKNOWN

_FORMAT = "regard tokeniser 1"
NOT_TEXT = frozenset((PAD, START, END))  # the specials that stand for no text; an unknown token does
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_SPLIT_INTO_WORDS = ("words", "bpe", "unigram")
_NFC = normalizers.NFC()


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
        self._word_encoder = WordEncoder(library, config) if config.kind in _SPLIT_INTO_WORDS else None
        vocabulary = library.get_vocab(with_added_tokens=False)
        stored = sorted(vocabulary, key=vocabulary.__getitem__)
        if stored[: len(SPECIALS)] != STORED_SPECIALS:
            raise ModelError(f"a tokeniser's first tokens must be {', '.join(SPECIALS)}; got {stored[:4]}")
        self._first_feature = len(stored)
        self._texts = [*SPECIALS, *stored[len(SPECIALS) :], *self.features]
        self._feature_ids = {feature: self._first_feature + i for i, feature in enumerate(self.features)}

    @classmethod
    def train(cls, texts: Iterable[str], config: TokeniserConfig, features: Sequence[str] = ()) -> Tokeniser:
        """Learn the tokens of these texts; the same texts and config give the same tokeniser.

        With `features`, the list of all symbols, the tokeniser expects text with features from then on; `texts` have
        none. BPE and Unigram read the texts twice, so they keep those of an iterator in memory. They keep the most
        frequent characters as tokens (rarer ones become bytes). Raises ConfigError when `size` leaves no token for
        text, DataError for a sentencepiece model that cannot be read.
        """
        return cls(learn(texts, config), config, features)

    def without_features(self) -> Tokeniser:
        """Return the same vocabulary for text without features: the target's, where one vocabulary is shared."""
        return Tokeniser(self._library, self.config, self.features, reads_features=False)

    def grown(self, texts: Iterable[str]) -> Tokeniser:
        """Return this tokeniser with the unknown words or characters of these texts appended to its vocabulary.

        The most frequent come first, at most `size` of them, none rarer than `min_frequency`. Raises ConfigError for
        the other kinds, whose tokens are learnt together and spell any text.
        """
        if self.config.kind not in ("words", "characters"):
            raise ConfigError(
                f"training.grow_vocabulary: only tokenisers of words or characters can grow; {self.config.kind} "
                "writes new words with the tokens it has, so leave grow_vocabulary out"
            )
        if self.features:
            raise ConfigError(
                "training.grow_vocabulary: a tokeniser that reads features cannot grow, since features are the end "
                "of its vocabulary; leave grow_vocabulary out"
            )
        return Tokeniser(grow(self._library, self.config, texts), self.config)

    def normalise(self, text: str) -> str:
        """Return the text as `decode` gives it back: Unicode form (NFC for NFD tokens), case, white space.

        Words, BPE and Unigram have single spaces between words and none at the ends. Normalising is idempotent.
        """
        if self.reads_features:
            plain, symbols = split_features(text)
            return join_features(self._normalise(plain), symbols)
        return self._normalise(text)

    def _normalise(self, text: str) -> str:
        normalised: str = self._library.normalizer.normalize_str(text)
        if self.config.kind == "sentencepiece":  # its normaliser may put a space before the first word
            normalised = self._library.decoder.decode([normalised])
        return self.recompose(normalised)

    def recompose(self, text: str) -> str:
        """Put accents back on their letters where tokens are NFD."""
        composed: str = _NFC.normalize_str(text) if self._is_decomposed else text
        return composed

    @property
    def _is_decomposed(self) -> bool:
        return self.config.normalise == "NFD" and self.config.kind != "sentencepiece"

    def token_form(self, text: str) -> str:
        """Return the text in the form of its tokens: normalised, and decomposed where tokens are NFD."""
        normalised = self.normalise(text)
        if not self._is_decomposed:
            return normalised
        decomposed: str = self._library.normalizer.normalize_str(normalised)
        return decomposed

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without END. Raises DataError where features are expected and there is no tab."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Return the ids of many texts. Raises DataError as `encode` does.

        Words, BPE and Unigram look known words up in one thread; the library's threads tokenise new words, and all
        text of characters and sentencepiece models.
        """
        if not self.reads_features:
            return self._encode_plain(texts)
        for text in texts:
            self.check_features(text)
        split = [split_features(text) for text in texts]
        encoded = self._encode_plain([plain for plain, _ in split])
        return [
            [*ids, *(self._feature_ids.get(symbol, UNKNOWN) for symbol in symbols)]
            for ids, (_, symbols) in zip(encoded, split, strict=True)
        ]

    def check_features(self, text: str) -> None:
        """Raise DataError unless a text has exactly one tab where features are expected."""
        if self.reads_features:
            check_features(text, self.features)

    def _encode_plain(self, texts: list[str]) -> list[list[int]]:
        try:
            if self._word_encoder is not None:
                return self._word_encoder.encode(texts)
            return [encoding.ids for encoding in self._library.encode_batch_fast(texts)]
        except (UnicodeEncodeError, TypeError):  # the library raises either
            _check_half_characters(texts)
            raise

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens as they are shown: a space as "▁", a byte as <0xE4>, the specials by name.

        What NFD took apart is shown by itself: the letters of a Hangul syllable, an accent on a circle.
        """
        return [display_token(self._texts[i]) for i in ids]

    def id_of(self, token: str) -> int | None:
        """Return the first id that `tokens` shows as this token; None if there is none."""
        return self._ids_by_display.get(token)

    @cached_property
    def _ids_by_display(self) -> dict[str, int]:
        return {display_token(text): i for i, text in reversed(list(enumerate(self._texts)))}

    def token_bytes(self) -> list[bytes]:
        """Return the UTF-8 that each token adds to a text, with the space before a word; b"" for PAD, START, END."""
        space = " " if self.config.kind == "words" else ""
        return [b"" if i in NOT_TEXT else _utf8(space + text) for i, text in enumerate(self._texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of these ids, without padding, start and end; an unknown token stays visible as <unk>."""
        kept = [i for i in ids if i not in NOT_TEXT]
        first = next((index for index, i in enumerate(kept) if i >= self._first_feature), len(kept))
        texts, symbols = [self._texts[i] for i in kept[:first]], [self._texts[i] for i in kept[first:]]
        return join_features(self._decode_plain(texts), symbols)

    def _decode_plain(self, texts: list[str]) -> str:
        if self.config.kind == "words":
            return self.recompose(" ".join(texts))
        decoded: str = self._library.decoder.decode(texts)
        return self.recompose(decoded)

    def word_ids(self, ids: Iterable[int]) -> list[int]:
        """Return for each token the index of its word in the text, words being split at white space.

        A feature is a word by itself. -1 for a token that belongs to no word: padding, start, end, and a token that
        is only white space.
        """
        indices = []
        word, begins = -1, True
        for i in ids:
            text = self._texts[i]
            blank = text.isspace()
            begins = begins or blank or text.startswith(" ") or self._is_word(i)
            if blank or i in NOT_TEXT:
                indices.append(-1)
                continue
            word += begins
            begins = False
            indices.append(word)
        return indices

    def _is_word(self, i: int) -> bool:
        return self.config.kind == "words" or i >= self._first_feature

    def describe_difference(self, other: Tokeniser) -> str:
        """Say how another tokeniser differs; empty if it gives the same ids to every text."""
        for key, own in asdict(self.config).items():
            if key in ("kind", "lowercase", "normalise") and own != getattr(other.config, key):
                return f"tokeniser.{key} is {own} and {getattr(other.config, key)}"
        if len(self) != len(other):
            return f"{len(self)} and {len(other)} tokens"
        for i, (own, its) in enumerate(zip(self._texts, other._texts, strict=True)):
            if own != its:
                return f"token {i} is {own!r} and {its!r}"
        same = self._library.to_str() == other._library.to_str()
        return "" if same else "the same tokens, but texts are split differently"

    def __len__(self) -> int:
        return len(self._texts)

    def save(self, path: str | Path) -> None:
        """Write one JSON file: the library's own content, with the config it was learnt with."""
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
                raise ModelError(f"expected the format {_FORMAT!r}, got {content['format']!r}")
            config = TokeniserConfig(**content["config"])
            features, reads = content.get("features", ()), content.get("reads_features", False)
            return cls(library_from(content["library"]), config, features, reads)
        except FileNotFoundError:
            raise ModelError(f"{path}: no such file; expected a tokeniser") from None
        except Exception as error:  # the library raises bare Exception for JSON that is no tokeniser
            raise ModelError(
                f"{path}: not a tokeniser this version can read ({error}); save the model again"
            ) from None


def target_config(config: TokeniserConfig) -> TokeniserConfig:
    """Return what the recipe says about the target's tokeniser as a config of its own.

    Raises ConfigError where a shared vocabulary would have to differ between the sides.
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


def _check_half_characters(texts: Iterable[str]) -> None:
    """Raise DataError for an unpaired surrogate, which no text file can hold."""
    for text in texts:
        if half := _HALF_CHARACTER.search(text):
            raise DataError(
                f"half a character, \\u{ord(half[0]):x}, in {text[:40]!r}; expected whole ones, as in UTF-8"
            )


def _utf8(text: str) -> bytes:
    byte = _BYTE.fullmatch(text)  # no learnt token begins with "<" and has more characters
    return bytes([int(byte[1], 16)]) if byte else text.encode()
