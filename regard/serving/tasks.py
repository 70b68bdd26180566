"""The tasks that requests put to the model; items of equal tasks are batched together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from regard.explain.trace_json import trace_to_json
from regard.records.text import Intervention, Scored, StreamedToken, Translation
from regard.translator import Translator

SentencePair = tuple[str, str]


class Task(Protocol):
    """A kind of task with its options, hashable; only items of equal tasks may share a batch.

    `name` is its label in the metrics.
    """

    name: ClassVar[str]

    @property
    def batched(self) -> bool:
        """Whether `run` may be given several items."""

    def run(self, translator: Translator, items: Sequence[Any]) -> Sequence[Any]:
        """Return a result for each item."""


@dataclass(frozen=True)
class TranslateTask:
    """Translate texts."""

    beam: int | None = None
    num_best: int = 1
    interventions: tuple[Intervention, ...] = ()
    name: ClassVar = "translate"

    @property
    def batched(self) -> bool:
        """Interventions apply to a single text."""
        return not self.interventions

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """Translate all texts in one batch."""
        options = _search_options(self.beam, self.interventions)
        return translator.translate(list(items), batch_size=len(items), num_best=self.num_best, **options)


@dataclass(frozen=True)
class StreamTask:
    """Translate one text, and pass each token to `put` as soon as it is certain."""

    put: Callable[[StreamedToken], None]
    beam: int | None = None
    num_best: int = 1
    interventions: tuple[Intervention, ...] = ()
    name: ClassVar = "stream"
    batched: ClassVar = False

    def run(self, translator: Translator, items: Sequence[str]) -> list[Translation]:
        """Translate the only text."""
        options = _search_options(self.beam, self.interventions)
        return translator.translate(list(items), follow=self.put, num_best=self.num_best, **options)


@dataclass(frozen=True)
class TraceTask:
    """Trace the translation of a text, or the forced decoding of `target`; the result is JSON."""

    target: str | None = None
    beam: int | None = None
    interventions: tuple[Intervention, ...] = ()
    alignment: bool = False
    name: ClassVar = "trace"
    batched: ClassVar = False

    def run(self, translator: Translator, items: Sequence[str]) -> list[str]:
        """Trace the only text."""
        options = _search_options(self.beam, self.interventions)
        traces = [translator.trace(text, self.target, alignment=self.alignment, **options) for text in items]
        return [json.dumps(trace_to_json(trace)) for trace in traces]


@dataclass(frozen=True)
class AlignTask:
    """Force targets, for their attention."""

    name: ClassVar = "align"
    batched: ClassVar = True

    def run(self, translator: Translator, items: Sequence[SentencePair]) -> list[Translation]:
        """Align all pairs in one batch."""
        sources, targets = zip(*items, strict=True)
        return translator.align(sources, targets, batch_size=len(items))


@dataclass(frozen=True)
class ScoreTask:
    """Force targets, for their log-probabilities."""

    name: ClassVar = "score"
    batched: ClassVar = True

    def run(self, translator: Translator, items: Sequence[SentencePair]) -> list[Scored]:
        """Score all pairs in one batch."""
        sources, targets = zip(*items, strict=True)
        return translator.score(sources, targets, batch_size=len(items))


def _search_options(beam: int | None, interventions: tuple[Intervention, ...]) -> Any:
    """Return the translator's keywords, leaving out those at their defaults."""
    options = {"beam": beam, "intervene": interventions}
    return {name: value for name, value in options.items() if value}
