"""Text to pieces and back, over the `tokenizers` library: words, characters or byte-pair encoding.

White space is what `str.split` splits at. Words and BPE see each run of it as one space and drop it at both
ends; characters keep it. Inside, a space is a space, so that a "▁" somebody typed stays a "▁": a BPE piece that
begins a word begins with a space, and only `pieces` shows it as "▁".

The library is never told that the special pieces are special, and stores each with a space at its end, which
no piece of text has: "</s>" typed by a user is plain text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from regard.config import TokeniserConfig
from regard.errors import ConfigError, ModelError
from regard.records import END, PAD, SPECIALS, START, UNKNOWN

_FORMAT = "regard tokeniser 1"
_STORED_SPECIALS = [special + " " for special in SPECIALS]
_MARKS = frozenset((PAD, START, END))  # the specials that stand for no text; an unknown piece does
_SPACE_BYTES = b" \t\n\v\f\r"
# BPE's text holds no white space of one byte but the space itself, so a decoded line never breaks in two
_BYTES = [f"<0x{byte:02X}>" for byte in range(256) if byte not in _SPACE_BYTES]


class Tokeniser:
    """Turns text into ids and back.

    Ids 0 to 3 are SPECIALS in their order. `decode(encode(text)) == normalise(text)` whenever no piece is
    unknown: always for BPE, which writes a character it does not know as its UTF-8 bytes.
    """

    def __init__(self, library: Tokenizer, config: TokeniserConfig) -> None:
        self.config = config
        self._library = library
        vocabulary = library.get_vocab(with_added_tokens=False)
        stored = sorted(vocabulary, key=vocabulary.__getitem__)
        if stored[: len(SPECIALS)] != _STORED_SPECIALS:
            raise ModelError(f"a tokeniser's first pieces must be {', '.join(SPECIALS)}; came {stored[:4]}")
        self._texts = [*SPECIALS, *stored[len(SPECIALS) :]]

    @classmethod
    def train(cls, texts: Iterable[str], config: TokeniserConfig) -> Tokeniser:
        """Learn the pieces of these texts; the same texts and config give the same tokeniser.

        BPE reads the texts twice, so it keeps those of an iterator in memory; a few million lines are plenty.
        It keeps the most frequent characters as pieces (rarer ones become bytes), then joins what stands
        together at least twice. Raises ConfigError when `size` has no room for a single piece of text.
        """
        fixed = len(SPECIALS) + (len(_BYTES) if config.kind == "bpe" else 0)
        if config.size <= fixed:
            raise ConfigError(
                f"tokeniser.size: expected more than {fixed} for {config.kind} "
                f"({fixed} pieces are always there), came {config.size}; raise it"
            )
        learn = {"words": _learn_words, "characters": _learn_characters, "bpe": _learn_bpe}[config.kind]
        return cls(learn(texts, config, config.size - fixed), config)

    def normalise(self, text: str) -> str:
        """The text as the tokeniser sees it: Unicode form, lower case if asked, white space.

        Words and BPE have single spaces between words and none at the ends. Twice is the same as once.
        """
        normalised: str = self._library.normalizer.normalize_str(text)
        return normalised

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without END."""
        return self._library.encode(text).ids

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """The ids of many texts, on all cores."""
        return [encoding.ids for encoding in self._library.encode_batch_fast(texts)]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The pieces as they are shown: a space as "▁", a byte as <0xE4>, the specials by name."""
        return [self._texts[i].replace(" ", "▁") for i in ids]

    def spellings(self) -> list[bytes]:
        """What each piece adds to a text, as UTF-8 with the space before a word; nothing for the marks."""
        gap = " " if self.config.kind == "words" else ""
        return [b"" if i in _MARKS else _spelling(gap + text) for i, text in enumerate(self._texts)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids, without padding, start and end; an unknown piece stays visible as <unk>."""
        texts = [self._texts[i] for i in ids if i not in _MARKS]
        if self.config.kind == "words":
            return " ".join(texts)
        decoded: str = self._library.decoder.decode(texts)
        return decoded

    def word_of(self, ids: Iterable[int]) -> list[int]:
        """For each piece the place of its word in the text, words being split at white space, from 0.

        -1 for a piece that belongs to none: padding, start, end, and a piece that is only white space.
        """
        places = []
        word, begins = -1, True
        for i in ids:
            text = self._texts[i]
            blank = text.isspace()
            begins = begins or blank or text.startswith(" ") or self.config.kind == "words"
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
            return f"{len(self)} and {len(other)} pieces"
        for i, (own, its) in enumerate(zip(self._texts, other._texts, strict=True)):
            if own != its:
                return f"piece {i} is {own!r} and {its!r}"
        same = self._library.to_str() == other._library.to_str()
        return "" if same else "the same pieces, but texts are cut otherwise"

    def __len__(self) -> int:
        return len(self._texts)

    def save(self, path: str | Path) -> None:
        """Write everything into one JSON file: the library's own, and beside it the config it was learnt with."""
        content = {
            "format": _FORMAT,
            "config": asdict(self.config),
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
            return cls(_library_from(content["library"]), TokeniserConfig(**content["config"]))
        except FileNotFoundError:
            raise ModelError(f"{path}: no such file; expected a tokeniser") from None
        except Exception as error:  # the library raises bare Exception for JSON that is no tokeniser
            raise ModelError(
                f"{path}: not a tokeniser this version can read ({error}); save the model anew"
            ) from None


def _spelling(text: str) -> bytes:
    is_byte = text.startswith("<0x") and text in _BYTES  # no learnt piece begins with "<" and goes on
    return bytes([int(text[3:5], 16)]) if is_byte else text.encode()


def _learn_words(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    library = _new_library(config)
    counts = Counter(word for text in _normalised(library, texts) for word in text.split())
    vocabulary = _vocabulary(_most_frequent(counts, room, config.min_frequency))
    library.model = models.WordLevel(vocabulary, unk_token=_STORED_SPECIALS[UNKNOWN])
    library.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return library


def _learn_characters(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    """BPE that joins nothing. A character is one code point, so in NFD an accent is a piece of its own."""
    library = _new_library(config)
    counts = _count_characters(_normalised(library, texts))
    vocabulary = _vocabulary(_most_frequent(counts, room, config.min_frequency))
    library.model = models.BPE(vocabulary, [], unk_token=_STORED_SPECIALS[UNKNOWN], cache_capacity=0)
    library.decoder = decoders.Fuse()
    return library


def _learn_bpe(texts: Iterable[str], config: TokeniserConfig, room: int) -> Tokenizer:
    """Byte-pair encoding (Sennrich et al. 2016) with byte fallback.

    "<" always stands alone, so that no learnt piece can be mistaken for one of the byte pieces.
    """
    texts = texts if isinstance(texts, Sequence) else list(texts)
    library = _new_library(config)
    counts = _count_characters(_normalised(library, texts))
    counts.pop(" ", None)  # the space is always kept: every text begins with one
    alphabet = [" ", *_most_frequent(counts, room - 1, config.min_frequency)]
    library.model = models.BPE(unk_token=_STORED_SPECIALS[UNKNOWN], byte_fallback=True)
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(replacement=" "), pre_tokenizers.Split("<", "isolated")]
    )
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=config.size,
        min_frequency=max(2, config.min_frequency),
        special_tokens=[*_STORED_SPECIALS, *_BYTES],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    return _library_from(json.loads(library.to_str()) | {"added_tokens": []})


def _library_from(content: dict[str, Any]) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(content))


def _new_library(config: TokeniserConfig) -> Tokenizer:
    library = Tokenizer(models.BPE())
    library.normalizer = _normaliser(config)
    return library


def _normaliser(config: TokeniserConfig) -> normalizers.Normalizer:
    """Unicode form, lower case, and the form again, for a lower-case letter may compose anew; then white space."""
    form = [] if config.normalise == "none" else [getattr(normalizers, config.normalise)()]
    steps = [*form, normalizers.Lowercase(), *form] if config.lowercase else form
    if config.kind != "characters":
        steps = [*steps, normalizers.Replace(Regex(r"[\s\x1c-\x1f]+"), " "), normalizers.Strip()]
    return normalizers.Sequence(steps)


def _normalised(library: Tokenizer, texts: Iterable[str]) -> Iterator[str]:
    return map(library.normalizer.normalize_str, texts)


def _count_characters(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return counts


def _most_frequent(counts: Counter[str], room: int, min_frequency: int) -> list[str]:
    """The most frequent first; of equally frequent ones the smaller code points first."""
    frequent = [piece for piece, count in counts.items() if count >= min_frequency]
    return sorted(frequent, key=lambda piece: (-counts[piece], piece))[:room]


def _vocabulary(pieces: Iterable[str]) -> dict[str, int]:
    return {piece: i for i, piece in enumerate([*_STORED_SPECIALS, *pieces])}
