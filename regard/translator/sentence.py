"""A sentence on its way through the translator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regard.checkpoint import Tokenisers
from regard.records.text import END
from regard.search import LexicalConstraints

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Sentence:
    """One source text and what its search needs.

    `index` is its position among the texts of the call; `ids` are its tokens and `target` those of a known
    translation, both with END. A search writes at most `max_length` tokens, begins with `prefix` and meets
    `constraints`.
    """

    index: int
    text: str
    ids: Ids
    target: Ids = ()
    prefix: Ids = ()
    constraints: LexicalConstraints | None = None
    max_length: int = 0

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to translate."""
        return not self.text.strip()


def encode_sentences(
    tokenisers: Tokenisers, texts: Sequence[str], targets: Sequence[str] | None = None
) -> list[Sentence]:
    """Tokenise source texts, and known translations if there are any."""
    sources = tokenisers.source.encode_batch(list(texts))
    encoded = (
        [()] * len(texts) if targets is None else _with_end(tokenisers.target.encode_batch(list(targets)))
    )
    return [
        Sentence(index, text, ids, target)
        for index, (text, ids, target) in enumerate(zip(texts, _with_end(sources), encoded, strict=True))
    ]


def _with_end(encoded: Sequence[Sequence[int]]) -> list[Ids]:
    return [(*ids, END) for ids in encoded]
