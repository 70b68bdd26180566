"""Encoding word by word, each different word once: most words of a text have been seen before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer

from regard.config import TokeniserConfig
from regard.data.normalisation import unicode_normaliser

_CACHE_SIZE = 500_000  # words whose ids are remembered


class WordEncoder:
    """Encodes texts with the ids of known words in a cache.

    The ids are the library's own. The library spends most of its time on work that is the same for every occurrence
    of a word.
    """

    def __init__(self, library: Tokenizer, config: TokeniserConfig) -> None:
        self._library = library
        self._normaliser = unicode_normaliser(config)
        self._leaves_ascii_alone = not config.lowercase
        self._cache: dict[str, list[int]] = {}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode many texts; new words are tokenised in the library's threads."""
        split = [self._words(text) for text in texts]
        if len(self._cache) > _CACHE_SIZE:
            self._cache = {}
        cache = self._cache  # stays the same one even if another thread empties `self._cache` meanwhile
        new = list({word for words in split for word in words if word not in cache})
        cache.update(zip(new, (one.ids for one in self._library.encode_batch_fast(new)), strict=True))
        return [list(chain.from_iterable([cache[word] for word in words])) for words in split]

    def _words(self, text: str) -> list[str]:
        if self._leaves_ascii_alone and text.isascii():
            return text.split()
        normalised: str = self._normaliser.normalize_str(text)
        return normalised.split()
