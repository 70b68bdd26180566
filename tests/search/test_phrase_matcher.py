"""PhraseMatcher seen while a text is written token by token are those that stand in the text."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.data.phrases import occurs_in
from regard.records.text import END, PAD, START, UNKNOWN
from regard.search import PhraseMatcher

TEXTS = [
    "the art of artists",
    "smart art, new art.",
    "new york or new yorkshire",
    "a b ab aab abab cafe",
    "猫 é",
]
PHRASES = ["art", "new york", "ab", "a b", "art,", ".", "猫", "smart art", "aab", "é"]


def tokeniser(kind: str, size: int = 300) -> Tokeniser:
    return Tokeniser.train(TEXTS, TokeniserConfig(kind=kind, size=size))


def completed_by(phrases: PhraseMatcher, ids: list[int]) -> set[int]:
    """All phrases that are completed on the way through these tokens."""
    state, found = phrases.start, set()
    for token in ids:
        done = phrases.completed_by(state, token)
        assert bool(done) == bool(phrases.completing_tokens(state)[token])
        found |= done
        state = phrases.next_state(state, token)
    return found


def tokens_of(learnt: Tokeniser) -> list[int]:
    """All that can be written; no bytes, of which most say nothing, and nothing unknown."""
    return [
        i for i in range(len(learnt)) if i > UNKNOWN and i not in (PAD, START, END) and _is_text(learnt, i)
    ]


def _is_text(learnt: Tokeniser, token: int) -> bool:
    try:
        return bool(learnt.token_bytes()[token].decode())
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_completed_phrases_are_those_in_the_text(kind: str, data: st.DataObject) -> None:
    learnt = LEARNT[kind]
    ids = data.draw(st.lists(st.sampled_from(TOKENS[kind]), max_size=8))
    found = completed_by(FOLLOWED[kind], [*ids, END])
    text = learnt.decode(ids)
    assert {PHRASES[i] for i in found} == {phrase for phrase in PHRASES if occurs_in(phrase, text)}


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
def test_a_text_is_followed_in_its_usual_tokens(kind: str) -> None:
    for text in TEXTS:
        found = completed_by(FOLLOWED[kind], [*LEARNT[kind].encode(text), END])
        assert {PHRASES[i] for i in found} == {phrase for phrase in PHRASES if occurs_in(phrase, text)}


def test_bytes_make_up_a_phrase_too() -> None:
    token_bytes = [b"", b"<unk>", b"", b"", b" caf", b"\xc3", b"\xa9", b"s", " café".encode()]
    phrases = PhraseMatcher(["café"], token_bytes)
    assert completed_by(phrases, [4, 5, 6, END]) == {0}
    assert completed_by(phrases, [8, END]) == {0}
    assert completed_by(phrases, [8, 4]) == {0}
    assert completed_by(phrases, [8, 7, END]) == set()
    assert completed_by(phrases, [4, 5, END]) == set()


def test_the_mask_of_completing_tokens_agrees_with_each_token() -> None:
    phrases = FOLLOWED["bpe"]
    state = phrases.start
    for token in LEARNT["bpe"].encode("smart art, new art"):
        expected = [bool(phrases.completed_by(state, other)) for other in range(len(LEARNT["bpe"]))]
        assert phrases.completing_tokens(state).tolist() == expected
        state = phrases.next_state(state, token)


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
def test_closing_tokens_leave_a_phrase_that_the_end_completes(kind: str) -> None:
    phrases, learnt = FOLLOWED[kind], LEARNT[kind]
    state = phrases.start
    for token in learnt.encode("the art, smart new york"):
        expected = [p for p in range(len(learnt)) if phrases.completed_by(phrases.next_state(state, p), END)]
        assert phrases.closing_tokens(state) == [p for p in expected if learnt.token_bytes()[p]]
        state = phrases.next_state(state, token)


def test_states_do_not_grow_without_end() -> None:
    phrases = PhraseMatcher(["ab"], LEARNT["characters"].token_bytes())
    ids = LEARNT["characters"].encode("ab ab ab ab ab ab")
    states = [phrases.start]
    for token in ids:
        states.append(phrases.next_state(states[-1], token))
    assert max(states) <= 4
    assert any(one == other for one, other in pairwise(sorted(states)))
    assert phrases.completing_tokens(phrases.start).dtype == torch.bool


LEARNT = {kind: tokeniser(kind) for kind in ("words", "characters", "bpe")}
TOKENS = {kind: tokens_of(learnt) for kind, learnt in LEARNT.items()}
FOLLOWED = {kind: PhraseMatcher(PHRASES, learnt.token_bytes()) for kind, learnt in LEARNT.items()}
