"""What translations must begin with, must contain and must not contain: texts, turned into tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from regard.data.phrases import find_phrases, occurs_in
from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.text import UNKNOWN
from regard.search.banned import Banned
from regard.search.constraints import Wanted
from regard.search.phrases import Phrases
from regard.search.prefix import Prefixed
from regard.search.stepper import Stepper

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Restrictions:
    """Restrictions for some sentences, as texts; every text counts as its tokeniser normalises it.

    `prefixes` has one text a sentence, or none at all; `ban` the phrases never to be written; `glossary` the target
    term that must be written for each source term that stands in the source as whole words. Raises SearchError for
    an empty phrase, and for what is both banned and wanted.
    """

    source: Tokeniser
    target: Tokeniser
    prefixes: tuple[str, ...] = ()
    ban: tuple[str, ...] = ()
    glossary: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(phrase.strip() for phrase in [*self.ban, *self.glossary, *self.glossary.values()]):
            raise SearchError(
                "search: an empty text can be neither banned nor a term of a glossary; leave it out"
            )
        wanted = [("glossary", text) for text in self.glossary.values()]
        wanted += [("prefix", text) for text in self.prefixes]
        for phrase in self.ban:
            for what, text in wanted:
                if occurs_in(self.target.token_form(phrase), self.target.token_form(text)):
                    raise SearchError(
                        f"search: {phrase!r} is banned, but the {what} asks for {text!r}; leave out one of them"
                    )

    def apply(
        self, stepper: Stepper, rows: Sequence[int], limits: Sequence[int], device: torch.device | str
    ) -> Stepper:
        """A stepper for the sentences `rows` that begins as it must and writes nothing banned within the limits."""
        if self._banned is not None:
            stepper = Banned(stepper, self._banned, torch.tensor(limits, device=device))
        if self.prefixes:
            stepper = Prefixed.of(stepper, [self.prefix(row) for row in rows], device)
        return stepper

    def prefix(self, row: int) -> Ids:
        """The tokens that a translation must begin with."""
        return tuple(self.target.encode(self.prefixes[row])) if self.prefixes else ()

    def terms(self, source: str) -> list[str]:
        """The target terms that the translation of a text must contain, as their tokens spell them."""
        if not self.glossary:
            return []
        found = find_phrases(self._sources, self.source.normalise(source))
        return list(dict.fromkeys(self._sources[term] for term in found))

    def wanted(self, source: str) -> Wanted | None:
        """The same for a search; without the terms that the vocabulary cannot write. None if nothing is left."""
        terms = tuple(self.terms(source))
        if terms not in self._made:
            self._made[terms] = self._make_wanted(terms)
        return self._made[terms]

    def missing_terms(self, source: str, text: str) -> tuple[str, ...]:
        """The terms that are missing in the translation of a text."""
        spelt = self.target.token_form(text)
        return tuple(self.target.normalise(term) for term in self.terms(source) if not occurs_in(term, spelt))

    @cached_property
    def _made(self) -> dict[tuple[str, ...], Wanted | None]:
        """What follows a text remembers what it has seen, so sentences that want the same share it."""
        return {}

    @cached_property
    def _sources(self) -> dict[str, str]:
        normalise = self.source.normalise, self.target.token_form
        return {normalise[0](source): normalise[1](target) for source, target in self.glossary.items()}

    @cached_property
    def _spellings(self) -> list[bytes]:
        return self.target.token_bytes()

    @cached_property
    def _banned(self) -> Phrases | None:
        phrases = list(dict.fromkeys(self.target.token_form(phrase) for phrase in self.ban))
        return Phrases(phrases, self._spellings) if phrases else None

    def _make_wanted(self, terms: tuple[str, ...]) -> Wanted | None:
        tokens = {term: tuple(self.target.encode(term)) for term in terms}
        writable = [term for term in terms if tokens[term] and UNKNOWN not in tokens[term]]
        if not writable:
            return None
        begins = all(self._spellings[tokens[term][0]].startswith(b" ") for term in writable)
        gap = None if begins or b" " not in self._spellings else self._spellings.index(b" ")
        return Wanted(Phrases(writable, self._spellings), tuple(tokens[term] for term in writable), gap)
