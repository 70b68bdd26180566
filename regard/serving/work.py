"""What the model can be asked to do; equal kinds of work are done together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from regard.records import Scored, Trace, Translation, Written
from regard.translator import Translator

Pair = tuple[str, str]


class Work(Protocol):
    """One kind of work, hashable: what differs between two that may not be done together is in it.

    `alone`: its items are done one by one. `name` is its label in the metrics.
    """

    name: ClassVar[str]
    alone: ClassVar[bool]

    def run(self, translator: Translator, items: Sequence[Any]) -> Sequence[Any]:
        """A result for each item."""


@dataclass(frozen=True)
class Translating:
    """Texts to translations."""

    beam: int | None = None
    num_best: int = 1
    name: ClassVar = "translate"
    alone: ClassVar = False

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """All in one batch."""
        return translator.translate(list(items), batch_size=len(items), **_how(self.beam, self.num_best))


@dataclass(frozen=True)
class Following:
    """A text to its translation, piece by piece."""

    tell: Callable[[Written], None]
    beam: int | None = None
    num_best: int = 1
    name: ClassVar = "stream"
    alone: ClassVar = True

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """One text."""
        return translator.translate(list(items), follow=self.tell, **_how(self.beam, self.num_best))


@dataclass(frozen=True)
class Tracing:
    """A text, with a translation or without, to its trace."""

    name: ClassVar = "trace"
    alone: ClassVar = True

    def run(self, translator: Translator, items: Sequence[tuple[str, str | None]]) -> list[Trace]:
        """One by one."""
        return [translator.trace(text, target) for text, target in items]


@dataclass(frozen=True)
class Aligning:
    """Pairs to what was attended to."""

    name: ClassVar = "align"
    alone: ClassVar = False

    def run(self, translator: Translator, items: Sequence[Pair]) -> list[Translation]:
        """All in one batch."""
        sources, targets = zip(*items, strict=True)
        return translator.align(sources, targets, batch_size=len(items))


@dataclass(frozen=True)
class Scoring:
    """Pairs to probabilities."""

    name: ClassVar = "score"
    alone: ClassVar = False

    def run(self, translator: Translator, items: Sequence[Pair]) -> list[Scored]:
        """All in one batch."""
        sources, targets = zip(*items, strict=True)
        return translator.score(sources, targets, batch_size=len(items))


def _how(beam: int | None, num_best: int) -> Any:
    """As `Translator.translate` takes it; a beam not asked for is the recipe's."""
    return {"num_best": num_best} if beam is None else {"num_best": num_best, "beam": beam}
