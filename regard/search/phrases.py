"""Watching for phrases while a text is written token by token, whatever tokens it is cut into."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from regard.data.phrases import is_word_character
from regard.records.text import END

_Partial = tuple[int, int]  # a phrase, and how many of its bytes are written
_Place = tuple[frozenset[_Partial], bool]  # what has begun, and whether the last character joins the next one


class Phrases:
    """Says of every place in a text which phrases the next token completes, as whole words (see `data.phrases`).

    `spellings` are the bytes of each token of the vocabulary. A phrase is complete when what follows it joins no
    more; so the token that completes it may be the one after it, or END. Places are numbers, `start` the first: a
    row of a search carries its place in a tensor.
    """

    start = 0

    def __init__(self, phrases: Sequence[str], spellings: Sequence[bytes]) -> None:
        self.texts = [phrase.encode() for phrase in phrases]
        self.edges = [
            (is_word_character(phrase[0]), is_word_character(phrase[-1])) for phrase in phrases
        ]  # where a letter may not touch
        self.spellings = spellings
        self._places: list[_Place] = [(frozenset(), False)]
        self._number_of = {self._places[0]: 0}
        self._steps: dict[tuple[int, int], tuple[int, frozenset[int]]] = {}
        self._symbols_of: dict[int, list[tuple[int, bool]]] = {}
        self._completing: dict[int, Tensor] = {}
        self._closing: dict[int, list[int]] = {}

    def after(self, place: int, token: int) -> int:
        """The place after one more token."""
        return self._step(place, token)[0]

    def completed(self, place: int, token: int) -> frozenset[int]:
        """The phrases that this token completes."""
        return self._step(place, token)[1]

    def completing(self, place: int) -> Tensor:
        """All tokens that complete a phrase, as a Boolean (V,)."""
        if place not in self._completing:
            mask = torch.zeros(len(self.spellings), dtype=torch.bool)
            hits = [token for token in self._candidates(place) if self.completed(place, token)]
            mask[torch.tensor(hits, dtype=torch.long)] = True
            self._completing[place] = mask
        return self._completing[place]

    def closing(self, place: int) -> list[int]:
        """The tokens after which a phrase is complete unless its last word goes on."""
        if place not in self._closing:
            rests = [self.texts[phrase][done:] for phrase, done in self._places[place][0]]
            candidates = {*self._holding, *(p for rest in rests for p in self._tokens_spelt.get(rest, ()))}
            self._closing[place] = sorted(p for p in candidates if self._waits(self.after(place, p)))
        return self._closing[place]

    def joined(self, place: int) -> bool:
        """Whether the last character written is one that a letter would join."""
        return self._places[place][1]

    def _step(self, place: int, token: int) -> tuple[int, frozenset[int]]:
        known = self._steps.get((place, token))
        if known is None:
            after, completed = self._follow(self._places[place], token)
            number = self._number_of.setdefault(after, len(self._places))
            if number == len(self._places):
                self._places.append(after)
            known = self._steps[place, token] = number, completed
        return known

    def _waits(self, place: int) -> bool:
        return any(done == len(self.texts[phrase]) for phrase, done in self._places[place][0])

    def _follow(self, place: _Place, token: int) -> tuple[_Place, frozenset[int]]:
        """Byte after byte; END is a character that joins nothing."""
        begun, joined = place
        completed: set[int] = set()
        for byte, touches in self._symbols(token):
            if not touches:
                completed.update(phrase for phrase, done in begun if done == len(self.texts[phrase]))
            starting = [p for p in self._by_first.get(byte, ()) if not (joined and self.edges[p][0])]
            longer = {(p, done + 1) for p, done in begun if self.texts[p][done : done + 1] == bytes([byte])}
            longer.update((phrase, 1) for phrase in starting)
            at_once = {p for p, done in longer if done == len(self.texts[p]) and not self.edges[p][1]}
            completed |= at_once
            begun, joined = frozenset(one for one in longer if one[0] not in at_once), touches
        return (begun, joined), frozenset(completed)

    def _symbols(self, token: int) -> list[tuple[int, bool]]:
        """Each byte with whether its character joins; a byte token above 127 is taken for one that does not."""
        if token not in self._symbols_of:
            self._symbols_of[token] = [(0, False)] if token == END else _joining(self.spellings[token])
        return self._symbols_of[token]

    def _candidates(self, place: int) -> set[int]:
        """Tokens that may complete something here: few of the vocabulary."""
        begun = self._places[place][0]
        found = set(self._holding)
        for phrase, done in begun:
            rest = self.texts[phrase][done:]
            if rest:
                found.update(p for p in self._tokens_by_first[rest[0]] if self.spellings[p].startswith(rest))
            else:
                found.update(self._parting)
        return found

    @cached_property
    def _by_first(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for phrase, text in enumerate(self.texts):
            found[text[0]].append(phrase)
        return dict(found)

    @cached_property
    def _tokens_by_first(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for token, spelling in enumerate(self.spellings):
            if spelling:
                found[spelling[0]].append(token)
        return found

    @cached_property
    def _tokens_spelt(self) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = defaultdict(list)
        for token, spelling in enumerate(self.spellings):
            if spelling:
                found[spelling].append(token)
        return dict(found)

    @cached_property
    def _holding(self) -> list[int]:
        """Tokens that hold a whole phrase."""
        return [
            p for p, spelling in enumerate(self.spellings) if any(text in spelling for text in self.texts)
        ]

    @cached_property
    def _parting(self) -> list[int]:
        """Tokens that do not join what stands before them."""
        parting = [p for p, spelling in enumerate(self.spellings) if spelling and not self._symbols(p)[0][1]]
        return [*parting, END]


def _joining(spelling: bytes) -> list[tuple[int, bool]]:
    try:
        return [(byte, is_word_character(one)) for one in spelling.decode() for byte in one.encode()]
    except UnicodeDecodeError:
        return [(byte, False) for byte in spelling]
