"""Restrictions on the text of translations, turned into tokens: prefixes, banned phrases, glossaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from regard.data.phrases import find_phrases, occurs_in
from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.text import UNKNOWN
from regard.search.banned_phrases import BannedPhrases
from regard.search.constraints import LexicalConstraints
from regard.search.phrase_matcher import PhraseMatcher
from regard.search.prefixed import Prefixed
from regard.search.stepper import Stepper

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Restrictions:
    """What translations must begin with, must contain and must not contain; texts are normalised by their tokeniser.

    `prefixes` has one text per sentence, or is empty; `ban` are phrases that must not be written; `glossary` maps a
    source term to the target term that must be written where the source contains it as whole words. Raises
    SearchError for an empty phrase, and for one that is both banned and required.
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
        required = [("glossary", text) for text in self.glossary.values()]
        required += [("prefix", text) for text in self.prefixes]
        for phrase in self.ban:
            for what, text in required:
                if occurs_in(self.target.token_form(phrase), self.target.token_form(text)):
                    raise SearchError(
                        f"search: {phrase!r} is banned, but the {what} asks for {text!r}; leave out one of them"
                    )

    def apply(
        self,
        stepper: Stepper,
        prefixes: Sequence[Ids],
        limits: Sequence[int],
        device: torch.device | str,
    ) -> Stepper:
        """Return a stepper that writes these prefixes and, within the limits, nothing banned."""
        if self._banned is not None:
            stepper = BannedPhrases(stepper, self._banned, torch.tensor(limits, device=device))
        if self.prefixes:
            stepper = Prefixed.of(stepper, prefixes, device)
        return stepper

    def prefix(self, index: int) -> Ids:
        """Return the tokens that the translation of the sentence at `index` must begin with."""
        return tuple(self.target.encode(self.prefixes[index])) if self.prefixes else ()

    def terms(self, source: str) -> list[str]:
        """Return the target terms that the translation of a text must contain, as the target tokens spell them."""
        if not self.glossary:
            return []
        found = find_phrases(self._normalised_glossary, self.source.normalise(source))
        return list(dict.fromkeys(self._normalised_glossary[term] for term in found))

    def constraints(self, source: str) -> LexicalConstraints | None:
        """Return the constraints of a text for a search; None without terms that the vocabulary can write."""
        terms = tuple(self.terms(source))
        if terms not in self._constraints_of:
            self._constraints_of[terms] = self._build_constraints(terms)
        return self._constraints_of[terms]

    def missing_terms(self, source: str, text: str) -> tuple[str, ...]:
        """Return the terms that are missing from the translation of a text."""
        token_form = self.target.token_form(text)
        return tuple(
            self.target.normalise(term) for term in self.terms(source) if not occurs_in(term, token_form)
        )

    @cached_property
    def _constraints_of(self) -> dict[tuple[str, ...], LexicalConstraints | None]:
        """A cache: a phrase matcher remembers its states, so sentences with the same terms should share one."""
        return {}

    @cached_property
    def _normalised_glossary(self) -> dict[str, str]:
        return {
            self.source.normalise(term): self.target.token_form(text) for term, text in self.glossary.items()
        }

    @cached_property
    def _spellings(self) -> list[bytes]:
        return self.target.token_bytes()

    @cached_property
    def _banned(self) -> PhraseMatcher | None:
        phrases = list(dict.fromkeys(self.target.token_form(phrase) for phrase in self.ban))
        return PhraseMatcher(phrases, self._spellings) if phrases else None

    def _build_constraints(self, terms: tuple[str, ...]) -> LexicalConstraints | None:
        tokens = {term: tuple(self.target.encode(term)) for term in terms}
        writable = [term for term in terms if tokens[term] and UNKNOWN not in tokens[term]]
        if not writable:
            return None
        has_own_spaces = all(self._spellings[tokens[term][0]].startswith(b" ") for term in writable)
        gap = None if has_own_spaces or b" " not in self._spellings else self._spellings.index(b" ")
        matcher = PhraseMatcher(writable, self._spellings)
        return LexicalConstraints(matcher, tuple(tokens[term] for term in writable), gap)
