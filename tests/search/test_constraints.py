"""Constrained search: required phrases appear whenever they can, and a wide beam finds the best such output."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data.phrases import occurs_in
from regard.model import ModelStepper
from regard.records.text import END, PAD, START, UNKNOWN, Hypothesis
from regard.search import (
    LexicalConstraints,
    PhraseMatcher,
    Prefixed,
    Ranking,
    beam_search,
    constrained_search,
    forced_decode,
)
from tests.search.tables import all_bodies, random_table, total_of, with_weights
from tests.search.test_with_models import LENGTHS, assert_same, setting, stepper
from tests.small import ATTENTIVE, VOCABULARY_SIZE

# Words that begin by themselves, a token that goes on with a word, and one that is glued to nothing.
WORDS = [b"", b" <unk>", b"", b"", b" a", b" b", b"a", b"."]
# Single characters, the space a token of its own.
CHARACTERS = [b"", b"?", b"", b"", b"a", b"b", b" ", b"."]
TERMS = [("a",), ("aa",), ("a b",), ("b", "a"), ("a b", "b a"), ("aa", "b a", "."), ("b b b",)]


def constraints_of(terms: Sequence[str], token_bytes: list[bytes]) -> LexicalConstraints:
    gap = token_bytes.index(b" ") if b" " in token_bytes else None
    tokens = [cut("" if gap is not None else " ", term, token_bytes) for term in terms]
    return LexicalConstraints(PhraseMatcher(terms, token_bytes), tuple(tokens), gap)


def cut(before: str, term: str, token_bytes: list[bytes]) -> tuple[int, ...]:
    """The longest tokens first, from the left; a full stop needs no space before it."""
    rest, tokens = (before + term if term != "." else term).encode(), []
    while rest:
        token = max(
            (i for i in range(4, 8) if rest.startswith(token_bytes[i])), key=lambda i: len(token_bytes[i])
        )
        tokens.append(token)
        rest = rest[len(token_bytes[token]) :]
    return tuple(tokens)


def text_of(ids: Sequence[int], token_bytes: list[bytes]) -> str:
    return b"".join(token_bytes[i] for i in ids).decode().strip()


def all_stand(terms: Sequence[str], ids: Sequence[int], token_bytes: list[bytes]) -> bool:
    return all(occurs_in(term, text_of(ids, token_bytes)) for term in terms)


@given(
    seed=st.integers(0, 10_000),
    terms=st.sampled_from(TERMS),
    token_bytes=st.sampled_from([WORDS, CHARACTERS]),
    beam=st.integers(1, 4),
)
@settings(max_examples=80, deadline=None)
def test_required_phrases_appear(
    seed: int, terms: Sequence[str], token_bytes: list[bytes], beam: int
) -> None:
    table = random_table(seed, size=8, steps=30)
    want = constraints_of(terms, token_bytes)
    (found,) = constrained_search(table, [want.num_steps], [want], beam)
    assert all_stand(terms, found[0].ids, token_bytes)
    assert found[0].log_probability == pytest.approx(total_of(table, 0, found[0].ids), abs=1e-5)


@given(
    seed=st.integers(0, 10_000),
    terms=st.sampled_from(TERMS[:4]),
    token_bytes=st.sampled_from([WORDS, CHARACTERS]),
    penalty=st.sampled_from([0.0, 1.0]),
    coverage=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=25, deadline=None)
def test_a_wide_beam_finds_the_best(
    seed: int, terms: Sequence[str], token_bytes: list[bytes], penalty: float, coverage: float
) -> None:
    table = with_weights(random_table(seed, size=8, steps=5), seed, (3,))
    ranking = Ranking(penalty, "power", coverage, (3,))
    all_of_them = 5**4 * 8 // 2  # of twice the beam any may end
    (found,) = constrained_search(table, [5], [constraints_of(terms, token_bytes)], all_of_them, ranking, 2)
    outputs = [(*body, END) for body in all_bodies(table, 4) if all_stand(terms, body, token_bytes)]
    scores = []
    for ids in outputs:
        weights = table.weights[0, range(len(ids)), (START, *ids[:-1])].numpy()  # type: ignore[index]
        scores.append(ranking.score(total_of(table, 0, ids), len(ids), weights, 0))
    expected = sorted(scores, reverse=True)[:2]
    assert [one.score for one in found if one.ids[-1] == END] == pytest.approx(expected, abs=1e-5)


@given(seed=st.integers(0, 10_000), limit=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_without_constraints_a_wide_beam_is_beam_search(seed: int, limit: int) -> None:
    table = random_table(seed, size=6)
    (found,) = constrained_search(table, [limit], [constraints_of((), WORDS)], 400, num_best=3)
    (expected,) = beam_search(table, [limit], 400, num_best=3)
    assert [one.ids for one in found] == [one.ids for one in expected]


@given(seed=st.integers(0, 10_000), beam=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_a_sentence_alone_is_a_sentence_in_the_batch(seed: int, beam: int) -> None:
    chosen, limits = [TERMS[3], TERMS[0], TERMS[5]], [9, 7, 12]
    table = random_table(seed, sentences=3, size=8, steps=12)
    wants = [constraints_of(terms, WORDS) for terms in chosen]
    together = constrained_search(table, limits, wants, beam, num_best=beam)
    for row in range(3):
        (alone,) = constrained_search(
            table.alone(row), limits[row : row + 1], wants[row : row + 1], beam, num_best=beam
        )
        assert [one.ids for one in alone] == [one.ids for one in together[row]]


def test_impossible_constraints_are_met_as_far_as_possible() -> None:
    table = random_table(1, size=8)
    table.log_probabilities[..., 5] = -float("inf")  # "b" is never written
    (found,) = constrained_search(table, [6], [constraints_of(("a", "b"), WORDS)], 3, num_best=2)
    assert found
    assert all(one.ids[-1] != END and len(one.ids) == 6 for one in found)
    assert occurs_in("a", text_of(found[0].ids, WORDS))
    (short,) = constrained_search(table, [1], [constraints_of(("a a",), WORDS)], 3)
    assert [len(one.ids) for one in short] == [1]


def test_a_prefix_comes_first() -> None:
    table = random_table(2, size=8, steps=12)
    stepper = Prefixed.of(table, [[5, 5, 7]], "cpu")
    (found,) = constrained_search(stepper, [12], [constraints_of(("a",), WORDS)], 3)
    assert found[0].ids[:3] == (5, 5, 7)
    assert occurs_in("a", text_of(found[0].ids, WORDS))


@pytest.mark.parametrize("way", ATTENTIVE)
def test_it_attends_as_forced_decoding_of_its_output_does(way: str) -> None:
    model, batch = setting(way)
    token_bytes = [b"" if i in (PAD, START, END) else f" w{i}".encode() for i in range(VOCABULARY_SIZE)]
    assert token_bytes[UNKNOWN] == b" w1"
    wants = [_words(token_bytes, words) for words in (("w5",), ("w6 w7",), ("w8", "w9"), ("w4 w5 w6",))]
    found: list[Hypothesis] = []
    model_stepper: ModelStepper = stepper(model, batch)
    for (best,), want in zip(constrained_search(model_stepper, [15] * 4, wants, 3), wants, strict=True):
        assert all(_follow(token, best.ids) for token in want.tokens)
        found.append(best)
    for one, again in zip(found, forced_decode(model_stepper, [one.ids for one in found]), strict=True):
        assert_same(one, again)
        assert one.attention is not None
        assert one.attention.shape == (len(one.ids), max(LENGTHS))


def _words(token_bytes: list[bytes], phrases: tuple[str, ...]) -> LexicalConstraints:
    tokens = [tuple(token_bytes.index(f" {word}".encode()) for word in one.split()) for one in phrases]
    return LexicalConstraints(PhraseMatcher(phrases, token_bytes), tuple(tokens))


def _follow(tokens: tuple[int, ...], ids: tuple[int, ...]) -> bool:
    return any(ids[place : place + len(tokens)] == tokens for place in range(len(ids)))
