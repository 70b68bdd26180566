"""A translator whose translations and attention are known by hand: it moves whole words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from regard.checkpoint import Tokenisers
from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.records.text import Translation, Words
from regard.translator import Translator

Order = Callable[[int], Sequence[int]]


class Copying:
    """Writes word `order(n)[j]` of the n source words, in capitals, as word j, attending only to it.

    All terms of a glossary are missing.
    """

    def __init__(
        self,
        order: Order = range,
        max_tokens: int = 50,
        attends: bool = True,
        kind: str = "words",
        features: Sequence[str] = (),
    ) -> None:
        tokeniser = Tokeniser.train(["a b c"], TokeniserConfig(kind=kind), features)
        self.tokenisers = Tokenisers(tokeniser, tokeniser)
        self.max_tokens = max_tokens
        self.requests: list[list[str]] = []
        self.search_options: dict[str, Any] = {}
        self._order, self._attends = order, attends

    def translate(
        self, texts: Sequence[str], watch: Callable[[int], None] | None = None, **search_options: Any
    ) -> list[Translation]:
        self.requests.append(list(texts))
        self.search_options = search_options
        for _ in texts:
            if watch is not None:
                watch(1)
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Translation:
        found = reordered(text, self._order(len(text.split())), self._attends)
        missing_terms = tuple(
            term for word, term in self.search_options.get("glossary", {}).items() if word in text.split()
        )
        return replace(found, missing_terms=missing_terms)


def copying(*arguments: Any, **options: Any) -> Translator:
    """`Copying`, typed as a translator."""
    return cast("Translator", Copying(*arguments, **options))


def reordered(text: str, order: Sequence[int], attends: bool = True) -> Translation:
    """The words of a text in another order, in capitals, as a translation with its attention."""
    words = text.split()
    if not words:
        return Translation("", 0.0, 0.0, (), None, text, ())
    weights = np.zeros((len(order) + 1, len(words) + 1), np.float32)
    weights[range(len(order)), list(order)] = 1
    weights[-1, -1] = 1
    return translation_of(
        text, " ".join(words[index].upper() for index in order), weights if attends else None
    )


def translation_of(text: str, written: str, weights: np.ndarray | None) -> Translation:
    """A translation with weights (target words and `</s>`, source words and `</s>`)."""
    words, target = text.split(), written.split()
    return Translation(
        text=written,
        log_probability=-float(len(target)),
        score=-1.0,
        tokens=(*target, "</s>"),
        attention=weights,
        source=text,
        source_tokens=(*words, "</s>"),
        words=Words(tuple(target), (*range(len(target)), -1)),
        source_words=Words(tuple(words), (*range(len(words)), -1)),
        log_probabilities=(-1.0,) * len(target) + (0.0,),
    )


def in_reverse(number: int) -> Sequence[int]:
    return range(number)[::-1]
