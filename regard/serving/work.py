"""What the model can be asked to do; equal kinds of work are done together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from regard.explain.trace_json import trace_to_json
from regard.records.text import Intervention, Scored, StreamedToken, Translation
from regard.translator import Translator

Pair = tuple[str, str]
Interventions = tuple[Intervention, ...]


class Work(Protocol):
    """One kind of work, hashable: what differs between two that may not be done together is in it.

    `name` is its label in the metrics.
    """

    name: ClassVar[str]

    @property
    def alone(self) -> bool:
        """Whether its items are done one by one."""

    def run(self, translator: Translator, items: Sequence[Any]) -> Sequence[Any]:
        """A result for each item."""


@dataclass(frozen=True)
class Translating:
    """Texts to translations."""

    beam: int | None = None
    num_best: int = 1
    interventions: Interventions = ()
    name: ClassVar = "translate"

    @property
    def alone(self) -> bool:
        """Interventions change one text."""
        return bool(self.interventions)

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """All in one batch."""
        how = _how(self.beam, self.interventions)
        return translator.translate(list(items), batch_size=len(items), num_best=self.num_best, **how)


@dataclass(frozen=True)
class Following:
    """A text to its translation, token by token."""

    tell: Callable[[StreamedToken], None]
    beam: int | None = None
    num_best: int = 1
    interventions: Interventions = ()
    name: ClassVar = "stream"
    alone: ClassVar = True

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """One text."""
        how = _how(self.beam, self.interventions)
        return translator.translate(list(items), follow=self.tell, num_best=self.num_best, **how)


@dataclass(frozen=True)
class Tracing:
    """A text, or one with a given translation, to the JSON of its trace."""

    target: str | None = None
    beam: int | None = None
    interventions: Interventions = ()
    alignment: bool = False
    name: ClassVar = "trace"
    alone: ClassVar = True

    def run(self, translator: Translator, items: Sequence[str]) -> list[str]:
        """One text."""
        how = _how(self.beam, self.interventions)
        traces = [translator.trace(text, self.target, alignment=self.alignment, **how) for text in items]
        return [json.dumps(trace_to_json(trace)) for trace in traces]


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


def _how(beam: int | None, interventions: Interventions) -> Any:
    """As the translator takes it; what was not asked for is left out."""
    asked = {"beam": beam, "intervene": interventions}
    return {name: value for name, value in asked.items() if value}
