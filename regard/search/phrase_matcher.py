"""An automaton that finds phrases while a text is decoded token by token, however it is cut into tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from regard.data.phrases import is_word_character
from regard.records.text import END

_Partial = tuple[int, int]  # a phrase, and how many of its bytes have matched
_State = tuple[
    frozenset[_Partial], bool
]  # partial matches, and whether the last character joins a letter after it


class PhraseMatcher:
    """Tells which phrases the next token completes, as whole words (see `data.phrases`).

    `token_bytes` are the bytes of each token of the vocabulary. A phrase is complete when the character after it does
    not join it, so the token that completes it may be the one after its last, or END. States are numbers, so that a
    row of a search can carry its state in a tensor; `start` is the initial one, and others are numbered when they are
    first reached.
    """

    start = 0

    def __init__(self, phrases: Sequence[str], token_bytes: Sequence[bytes]) -> None:
        self.texts = [phrase.encode() for phrase in phrases]
        self.edges = [
            (is_word_character(phrase[0]), is_word_character(phrase[-1])) for phrase in phrases
        ]  # where no letter may be adjacent
        self.token_bytes = token_bytes
        self._states: list[_State] = [(frozenset(), False)]
        self._number_of = {self._states[0]: 0}
        self._transitions: dict[tuple[int, int], tuple[int, frozenset[int]]] = {}
        self._symbols_of: dict[int, list[tuple[int, bool]]] = {}
        self._completing: dict[int, Tensor] = {}
        self._closing: dict[int, list[int]] = {}

    def next_state(self, state: int, token: int) -> int:
        """Return the state after one more token."""
        return self._transition(state, token)[0]

    def completed_by(self, state: int, token: int) -> frozenset[int]:
        """Return the phrases that this token completes."""
        return self._transition(state, token)[1]

    def completing_tokens(self, state: int) -> Tensor:
        """Return a mask (V,), True for the tokens that complete a phrase."""
        if state not in self._completing:
            mask = torch.zeros(len(self.token_bytes), dtype=torch.bool)
            hits = [token for token in self._possibly_completing(state) if self.completed_by(state, token)]
            mask[torch.tensor(hits, dtype=torch.long)] = True
            self._completing[state] = mask
        return self._completing[state]

    def closing_tokens(self, state: int) -> list[int]:
        """Return the tokens after which a phrase is complete unless the next token continues its last word."""
        if state not in self._closing:
            rests = [self.texts[phrase][done:] for phrase, done in self._states[state][0]]
            token_form = {token for rest in rests for token in self._tokens_by_spelling.get(rest, ())}
            candidates = {*self._containing_a_phrase, *token_form}
            self._closing[state] = sorted(
                t for t in candidates if self._is_pending(self.next_state(state, t))
            )
        return self._closing[state]

    def in_word(self, state: int) -> bool:
        """Whether the last character is one that a letter after it would join."""
        return self._states[state][1]

    def _transition(self, state: int, token: int) -> tuple[int, frozenset[int]]:
        known = self._transitions.get((state, token))
        if known is None:
            after, completed = self._advance(self._states[state], token)
            number = self._number_of.setdefault(after, len(self._states))
            if number == len(self._states):
                self._states.append(after)
            known = self._transitions[state, token] = number, completed
        return known

    def _is_pending(self, state: int) -> bool:
        """Whether all bytes of a phrase have matched, so that only what follows decides if it is a whole word."""
        return any(done == len(self.texts[phrase]) for phrase, done in self._states[state][0])

    def _advance(self, state: _State, token: int) -> tuple[_State, frozenset[int]]:
        """Match the bytes of a token; END counts as a character that joins nothing."""
        partials, in_word = state
        completed: set[int] = set()
        for byte, is_joining in self._symbols(token):
            if not is_joining:
                completed.update(phrase for phrase, done in partials if done == len(self.texts[phrase]))
            starting = [p for p in self._phrases_by_first.get(byte, ()) if not (in_word and self.edges[p][0])]
            longer = {
                (p, done + 1) for p, done in partials if self.texts[p][done : done + 1] == bytes([byte])
            }
            longer.update((phrase, 1) for phrase in starting)
            at_once = {p for p, done in longer if done == len(self.texts[p]) and not self.edges[p][1]}
            completed |= at_once
            partials, in_word = frozenset(one for one in longer if one[0] not in at_once), is_joining
        return (partials, in_word), frozenset(completed)

    def _symbols(self, token: int) -> list[tuple[int, bool]]:
        """Return each byte and whether its character joins; a byte token above 127 is assumed not to."""
        if token not in self._symbols_of:
            self._symbols_of[token] = [(0, False)] if token == END else _symbols(self.token_bytes[token])
        return self._symbols_of[token]

    def _possibly_completing(self, state: int) -> set[int]:
        """Return the tokens that may complete a phrase in this state, a small part of the vocabulary."""
        found = set(self._containing_a_phrase)
        for phrase, done in self._states[state][0]:
            rest = self.texts[phrase][done:]
            if rest:
                found.update(
                    t for t in self._tokens_by_first[rest[0]] if self.token_bytes[t].startswith(rest)
                )
            else:
                found.update(self._not_joining)
        return found

    @cached_property
    def _phrases_by_first(self) -> dict[int, list[int]]:
        """The phrases that begin with each byte."""
        found: dict[int, list[int]] = defaultdict(list)
        for phrase, text in enumerate(self.texts):
            found[text[0]].append(phrase)
        return dict(found)

    @cached_property
    def _tokens_by_first(self) -> dict[int, list[int]]:
        """The tokens that begin with each byte."""
        found: dict[int, list[int]] = defaultdict(list)
        for token, spelling in enumerate(self.token_bytes):
            if spelling:
                found[spelling[0]].append(token)
        return found

    @cached_property
    def _tokens_by_spelling(self) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = defaultdict(list)
        for token, spelling in enumerate(self.token_bytes):
            if spelling:
                found[spelling].append(token)
        return dict(found)

    @cached_property
    def _containing_a_phrase(self) -> list[int]:
        """The tokens that contain a whole phrase."""
        return [
            token
            for token, spelling in enumerate(self.token_bytes)
            if any(text in spelling for text in self.texts)
        ]

    @cached_property
    def _not_joining(self) -> list[int]:
        """The tokens that do not join the word before them."""
        tokens = [t for t, spelling in enumerate(self.token_bytes) if spelling and not self._symbols(t)[0][1]]
        return [*tokens, END]


def _symbols(spelling: bytes) -> list[tuple[int, bool]]:
    try:
        return [
            (byte, is_word_character(character))
            for character in spelling.decode()
            for byte in character.encode()
        ]
    except UnicodeDecodeError:
        return [(byte, False) for byte in spelling]
