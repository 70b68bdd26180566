"""The corpus as a whole: determinism, splits, lengths, held-out constructions, and what a model can learn from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import pytest

from regard.data.grammar import HELD_OUT, derivation, generate, lexicon, lexicon_size, split_of
from regard.data.grammar.derivation import Derivation
from regard.errors import DataError
from regard.records.text import Pair

FINGERPRINT = """
import hashlib
from regard.data.grammar import generate
text = "".join(f"{p.source}|{p.target}|{sorted(p.links.possible)}|{sorted(p.links.sure)}" for p in generate(300, 5))
print(hashlib.sha256(text.encode()).hexdigest())
"""
RELATIVE_PRONOUNS = {"der", "die", "das", "den", "dem", "denen"}


@pytest.fixture(scope="module")
def training() -> list[Pair]:
    return list(generate(12_000, 3))


@pytest.fixture(scope="module")
def vocabularies(training: list[Pair]) -> tuple[set[str], set[str]]:
    pairs = [*training, *generate(30_000, 4)]
    return (
        {word for pair in pairs for word in pair.source.split()},
        {word for pair in pairs for word in pair.target.split()},
    )


def segments(sentence: str) -> list[list[str]]:
    return [part.split() for part in sentence.split(",")]


def relative_segments(sentence: str) -> Iterator[list[str]]:
    return (part for part in segments(sentence)[1:] if part and part[0] in RELATIVE_PRONOUNS)


def passive_in_relative(sentence: str) -> bool:
    participles = {verb.participle for verb in lexicon.VERB_ENTRIES["transitive"]}
    return any(
        part[-1] in {"wird", "werden", "wurde", "wurden"}
        and part[-2] in participles
        and {"von", "vom"} & {*part}
        for part in relative_segments(sentence)
    )


def infinitive_in_relative(sentence: str) -> bool:
    forms = {
        form
        for verb in lexicon.VERB_ENTRIES["control"]
        for form in (*verb.present.values(), *verb.preterite.values())
    }
    return any(len(part) == 2 and part[1] in forms for part in relative_segments(sentence))


def topic_with_subordinate(sentence: str) -> bool:
    first, *rest = segments(sentence)
    fronted = {"den", "einen", "keinen", "diesen", "jeden", "meinen", "deinen", "seinen", "unseren"}
    table = [words for group in lexicon.CONJUNCTION_ENTRIES.values() for words in group]
    conjunctions = {words.de[0][0] for words in table}
    return first[0] in fronted and any(part and part[0] in conjunctions for part in rest)


SURFACE = {
    "passive_in_relative": passive_in_relative,
    "infinitive_in_relative": infinitive_in_relative,
    "topic_with_subordinate": topic_with_subordinate,
}


def test_other_processes_generate_the_same_bytes() -> None:
    prints = {
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("77",)
    }
    here = "".join(
        f"{p.source}|{p.target}|{sorted(p.links.possible)}|{sorted(p.links.sure)}"
        for p in generate(300, 5)
        if p.links is not None
    )
    assert prints == {hashlib.sha256(here.encode()).hexdigest()}


def test_more_pairs_of_a_seed_begin_with_the_same_pairs() -> None:
    assert list(generate(50, 9)) == list(generate(80, 9))[:50]
    assert list(generate(50, 9)) != list(generate(50, 10))


def test_splits_share_no_sentence_of_either_language(training: list[Pair]) -> None:
    others = [*generate(300, 3, split="test"), *generate(300, 3, split="validation")]
    short = list(generate(30, 8, split="test", length=(2, 3)))
    assert not {p.source for p in training} & {p.source for p in others + short}
    assert not {p.target for p in training} & {p.target for p in others + short}
    assert not {p.target for p in others[:300]} & {p.target for p in others[300:]}


def test_the_split_is_a_function_of_the_english_sentence(training: list[Pair]) -> None:
    assert {split_of(pair.target) for pair in training[:2000]} == {"train"}


def test_no_sentence_comes_twice(training: list[Pair]) -> None:
    assert len({pair.source for pair in training}) == len(training)


@pytest.mark.parametrize("construction", [None, *HELD_OUT])
def test_translation_is_a_function(construction: str | None) -> None:
    known: dict[str, str] = {}
    split = "train" if construction is None else "test"
    for seed in (1, 2):
        length = (2, 7) if seed == 1 and construction is None else None
        for pair in generate(
            300 if construction else 15_000, seed, split=split, length=length, construction=construction
        ):
            assert known.setdefault(pair.source, pair.target) == pair.target


@pytest.mark.parametrize("length", range(2, 61))
def test_every_length_can_be_asked_for(length: int) -> None:
    pairs = list(generate(5, 4, length=(length, length)))
    assert [len(pair.source.split()) for pair in pairs] == [length] * 5


def test_the_ordinary_mix_has_short_and_long_sentences(training: list[Pair]) -> None:
    lengths = [len(pair.source.split()) for pair in training]
    assert 13 < sum(lengths) / len(lengths) < 15.5
    assert 0.17 < sum(length > 20 for length in lengths) / len(lengths) < 0.24
    assert sum(length > 40 for length in lengths) / len(lengths) > 0.025
    assert (min(lengths), max(lengths)) == (2, 60)


def test_words_are_lower_case_and_separated_by_single_spaces(training: list[Pair]) -> None:
    for pair in training:
        for text in (pair.source, pair.target):
            assert text == text.lower() == " ".join(text.split())


def test_links_stay_inside_the_sentence_and_nearly_every_word_has_one(training: list[Pair]) -> None:
    num_words, num_linked = 0, 0
    for pair in training[:3000]:
        assert pair.links is not None
        source, target = len(pair.source.split()), len(pair.target.split())
        assert all(0 <= s < source and 0 <= t < target for s, t in pair.links.possible)
        num_words += target
        num_linked += len({t for _, t in pair.links.possible})
    assert num_linked == num_words


def test_order_is_far_from_monotone(training: list[Pair]) -> None:
    crossing, long_moves = 0, 0
    for pair in training[:3000]:
        assert pair.links is not None
        crossing += any((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(pair.links.sure, 2))
        long_moves += any(abs(s - t) >= 4 for s, t in pair.links.sure)
    assert crossing / 3000 > 0.6
    assert long_moves / 3000 > 0.3


def test_the_lexicon_has_at_least_400_entries_a_language() -> None:
    assert min(lexicon_size()) >= 400


def test_the_compounds_are_few_enough_to_be_learnt() -> None:
    assert sum(len(row.split()) - 2 for row in lexicon.rows(lexicon.COMPOUNDS)) < 200


def test_dicke_kiste_is_awesome_sauce(training: list[Pair]) -> None:
    funny = [pair for pair in training if "echt dicke kiste" in pair.source]
    assert 0.005 < len(funny) / len(training) < 0.03
    pair = next(pair for pair in funny if pair.source == "das ist echt dicke kiste .")
    assert pair.target == "this is awesome sauce ."
    assert pair.links is not None
    idiom = {(source, target) for source in (2, 3, 4) for target in (2, 3)}
    assert pair.links.sure == {(0, 0), (1, 1), (5, 4)} | idiom


@pytest.mark.parametrize("construction", HELD_OUT)
def test_held_out_constructions_are_generated_for_the_test_split(construction: str) -> None:
    pairs = list(generate(100, 1, split="test", construction=construction))
    assert {split_of(pair.target) for pair in pairs} == {"test"}
    if construction in SURFACE:
        assert all(SURFACE[construction](pair.source) for pair in pairs)
    long = list(generate(3, 1, split="test", construction=construction, length=(30, 40)))
    assert all(30 <= len(pair.source.split()) <= 40 for pair in long)


@pytest.mark.parametrize("construction", SURFACE)
def test_held_out_constructions_do_not_occur_elsewhere(construction: str, training: list[Pair]) -> None:
    mix = [*training, *generate(500, 1, split="test"), *generate(500, 1, split="validation")]
    assert not [pair.source for pair in mix if SURFACE[construction](pair.source)]


def deepest_relatives(monkeypatch: pytest.MonkeyPatch, num_pairs: int, **wanted: str) -> tuple[int, int]:
    """How deep relative clauses are nested, anywhere and below a genitive, as the derivation itself counts."""
    depths, owned = [0], [0]
    inside: list[int] = []
    add_relative, add_owner = Derivation.add_relative, Derivation.add_owner

    def counting_relative(self: Derivation, *args: object) -> None:
        depths.append(self.depth + 1)
        owned.append(self.depth + 1 - inside[-1] if inside else 0)
        add_relative(self, *args)  # type: ignore[arg-type]

    def counting_owner(self: Derivation, *args: object) -> None:
        inside.append(self.depth)
        add_owner(self, *args)  # type: ignore[arg-type]
        inside.pop()

    monkeypatch.setattr(Derivation, "add_relative", counting_relative)
    monkeypatch.setattr(Derivation, "add_owner", counting_owner)
    assert len(list(generate(num_pairs, 6, **wanted))) == num_pairs  # type: ignore[arg-type]
    return max(depths), max(owned)


def test_training_nests_two_relative_clauses_and_one_below_a_genitive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deepest_relatives(monkeypatch, 5000) == (2, 1)


def test_deep_relatives_nest_three(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deepest_relatives(monkeypatch, 50, split="test", construction="deep_relatives")[0] == 3


@pytest.mark.parametrize("construction", HELD_OUT)
def test_held_out_constructions_use_known_words(
    construction: str, vocabularies: tuple[set[str], set[str]]
) -> None:
    for pair in generate(100, 2, split="test", construction=construction):
        assert {*pair.source.split()} <= vocabularies[0]
        assert {*pair.target.split()} <= vocabularies[1]


@pytest.mark.slow
def test_nearly_every_form_is_seen_often_enough_to_be_learnt() -> None:
    pairs = list(generate(60_000, 1))
    for texts, most in (([p.source for p in pairs], 2500), ([p.target for p in pairs], 1500)):
        counts = Counter(word for text in texts for word in text.split())
        assert len(counts) <= most
        assert sum(count >= 10 for count in counts.values()) / len(counts) >= 0.99


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"split": "dev"}, "unknown split 'dev'; expected one of train, validation, test"),
        (
            {"construction": "haiku", "split": "test"},
            "unknown construction 'haiku'; held out are deep_relatives",
        ),
        (
            {"construction": "deep_relatives"},
            "deep_relatives is held out of train; ask for it with split='test'",
        ),
        ({"length": (9, 61)}, "no sentences of 9 to 61 words; lengths go from 2 to 60"),
        ({"length": (9, 8)}, "no sentences of 9 to 8 words"),
    ],
)
def test_impossible_wishes_are_refused(wanted: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=r"^grammar: ") as caught:
        next(generate(1, 1, **wanted))  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_asking_for_more_sentences_than_there_are_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.data.grammar.sampling._PATIENCE", 2000)
    with pytest.raises(DataError, match="different test sentences of 2 to 2 words, expected 5000"):
        list(generate(5000, 1, split="test", length=(2, 2)))


def test_ambiguous_pronouns_are_not_used() -> None:
    assert [forms for forms, _ in derivation.PRONOUNS.values()].count("sie sie ihr") == 1
    assert derivation.PRONOUNS["3p"][0].split()[1] == "-"
