"""Whole sentences: one clause or several, in the ordinary mix or of a held-out construction."""

from __future__ import annotations

from regard.data.grammar import derivation, lexicon
from regard.data.grammar.derivation import Derivation, Sides
from regard.data.grammar.german import NOMINATIVE
from regard.data.grammar.order import Clause, Front, Phrase, english, german
from regard.data.grammar.verbs import Token, active


def sentence(d: Derivation, size: int) -> Sides:
    """Derive a sentence of the ordinary mix, of about `size` German words including its final punctuation."""
    if size >= 4 and d.chance(0.012):
        return punctuated(d, idiom(d), ".")
    if size >= 3 and d.chance(0.09):
        return punctuated(d, question(d, size - 1), "?")
    if size < 3 or d.chance(0.2):
        return body(d, size)
    return punctuated(d, body(d, size - 1), ".")


def punctuated(d: Derivation, sides: Sides, mark: str) -> Sides:
    """Append the final punctuation to a sentence."""
    key = d.key()
    return [*sides[0], (mark, key, 0)], [*sides[1], (mark, key, 0)]


def idiom(d: Derivation) -> Sides:
    """Derive *Das ist echt dicke kiste*: this is awesome sauce."""
    key = d.key()
    clause = Clause(subject=Phrase([("das", key, 0)], [("this", key, 0)], distinct=True))
    clause.verb = active(
        lexicon.COPULA_ENTRIES[0], "3s", d.pick(["present", "present", "preterite"]), False, d.key(), 0
    )
    clause.complement = d.expression(lexicon.IDIOM)
    return german(clause, "second"), english(clause)


def body(d: Derivation, size: int, alone: bool = True) -> Sides:
    """Derive one clause or several joined ones, with the verb second; `alone` if it is the whole sentence."""
    if size < 8 or (size < 14 and d.chance(0.5)):
        return simple(d, size, alone)
    draw = d.random()
    if draw < 0.05:
        return echoed(d, min(size, 14))
    if draw < 0.3 or (size > 22 and draw < 0.45):
        return coordinated(d, size)
    if draw < 0.5:
        return subordinate_last(d, size)
    if draw < 0.68:
        return subordinate_first(d, size)
    if draw < 0.84:
        return reported(d, size)
    return infinitive(d, size)


def simple(d: Derivation, size: int, alone: bool) -> Sides:
    """Derive one main clause; another part than the subject may be fronted, an object only if `alone`."""
    clause = d.clause(size)
    front = choose_front(d, clause, topics=alone)
    return german(clause, "second", front), english(clause, front=front)


def choose_front(d: Derivation, clause: Clause, topics: bool) -> Front:
    """Choose the part before the verb; an object only where its form shows that it is one (den hund)."""
    if clause.time and d.chance(0.5):
        return "time"
    if clause.place and d.chance(0.35):
        return "place"
    topic = clause.accusative
    if topics and topic and topic.distinct and clause.subject and not clause.extraposed and d.chance(0.3):
        return "accusative"
    return "subject"


def main_clause(d: Derivation, size: int, past: bool) -> Sides:
    """Derive a main clause among others, never with an object in front."""
    clause = d.clause(size, past=past)
    front = choose_front(d, clause, topics=False)
    return german(clause, "second", front), english(clause, front=front)


def split_size(d: Derivation, size: int, smallest: int = 3) -> tuple[int, int]:
    """Split `size` into two sizes."""
    first = smallest + d.below(size - 2 * smallest)
    return first, size - first


def verb_last(d: Derivation, size: int, past: bool) -> Sides:
    """Derive what follows a conjunction: a clause with its verb last, and another one after it if `size` allows."""
    if size > 15 or (size > 9 and d.chance(0.3)):
        first, rest = split_size(d, size - 2)
        inner = verb_last(d, first, past)
        outer = subordinate(d, rest, past)
        return inner[0] + outer[0], inner[1] + outer[1]
    clause = d.clause(size, past=past, last=True)
    return german(clause, "last"), english(clause)


def subordinate(d: Derivation, size: int, past: bool) -> Sides:
    """Derive `, weil` and its clause of `size` words; the comma has a possible link to the conjunction."""
    conjunction = d.expression(d.pick(derivation.CONJUNCTIONS[past]))
    clause = verb_last(d, size, past)
    comma: Token = (",", 0, conjunction.de[0][1])
    return [comma, *conjunction.de, *clause[0]], conjunction.en + clause[1]


def subordinate_last(d: Derivation, size: int) -> Sides:
    """Derive *Der mann lacht , weil die frau singt.*"""
    past = d.chance(0.5)
    first, _ = split_size(d, size - 2)
    left = main_clause(d, min(first, 14), past)
    right = subordinate(d, size - 2 - len(left[0]), past)
    return left[0] + right[0], left[1] + right[1]


def subordinate_first(d: Derivation, size: int) -> Sides:
    """Derive *Weil die frau singt , lacht der mann.*"""
    past = d.chance(0.5)
    first, _ = split_size(d, size - 2)
    conjunction = d.expression(d.pick(derivation.CONJUNCTIONS[past]))
    left = verb_last(d, first, past)
    clause = d.clause(size - 2 - len(left[0]), past=past)
    comma = d.key()
    de = [*conjunction.de, *left[0], (",", comma, 0), *german(clause, "first")]
    return de, [*conjunction.en, *left[1], (",", comma, 0), *english(clause)]


def coordinated(d: Derivation, size: int) -> Sides:
    """Derive *Der mann lacht und die frau singt*, with a comma before conjunctions of contrast."""
    past = d.chance(0.5)
    word = d.expression(d.pick(derivation.COORDINATORS))
    plain = word.de[0][0] in ("und", "oder")
    comma = d.key()
    first, _ = split_size(d, size - 2 + plain)
    left = body(d, first, alone=False) if first > 10 else main_clause(d, first, past)
    rest = size - 2 + plain - len(left[0])
    right = body(d, rest, alone=False) if rest > 10 else main_clause(d, max(2, rest), past)
    mark: list[Token] = [] if plain else [(",", comma, 0)]
    return [*left[0], *mark, *word.de, *right[0]], [*left[1], *mark, *word.en, *right[1]]


def reported(d: Derivation, size: int) -> Sides:
    """Derive *Der mann sagt , dass die frau singt*; *die frau fragt , ob* ..."""
    past = d.chance(0.5)
    main = d.clause(2 + d.below(min(4, size - 6)), past=past, frame="reporting")
    front = choose_front(d, main, topics=False)
    de = german(main, "second", front)
    right = complement(d, size - 2 - len(de), past)
    return de + right[0], english(main, front=front) + right[1]


def complement(d: Derivation, size: int, past: bool) -> Sides:
    """Derive `, dass` and its clause."""
    that = d.expression(derivation.THAT)
    clause = verb_last(d, max(2, size), past)
    return [(",", 0, that.de[0][1]), *that.de, *clause[0]], that.en + clause[1]


def infinitive(d: Derivation, size: int) -> Sides:
    """Derive *Sie versucht , das buch zu lesen*; *sie kommt , um das buch zu lesen*."""
    purpose = d.chance(0.4)
    left = d.clause(2 + d.below(min(6, size - 6)), frame="motion" if purpose else "control")
    front = choose_front(d, left, topics=False)
    de = german(left, "second", front)
    budget = size - len(de)
    tail = budget - 16 if budget > 20 else 0
    right = d.infinitive(budget - tail, "um" if purpose else "")
    sides = de + right[0], english(left, front=front) + right[1]
    if not tail:
        return sides
    following = subordinate(d, size - 2 - len(sides[0]), d.chance(0.5))
    return sides[0] + following[0], sides[1] + following[1]


def echoed(d: Derivation, size: int) -> Sides:
    """Derive *Die lampe ist schön , auch wenn sie alt ist*: a pronoun refers to a thing, in English always `it`."""
    kind, past = d.pick(["thing", "clothes", "vehicle", "place", "text"]), d.chance(0.4)
    subject = d.noun_phrase(NOMINATIVE, max(2, size - 8), derivation.pool(kind), derivation.DEFINITE)
    left = d.clause(len(subject.whole) + 2, subject=subject, kind=kind, frame="copula", past=past)
    key = d.key()
    de, en = {"m": ("er", "it"), "f": ("sie", "it"), "n": ("es", "it"), "p": ("sie", "they")}[
        subject.agreement
    ]
    echo = Phrase([(de, key, 0)], [(en, key, 0)], person=subject.person)
    right = d.clause(
        size - 3 - len(subject.whole) - 2, subject=echo, kind=kind, frame="copula", past=past, last=True
    )
    even_if = d.expression(derivation.EVEN_IF)
    comma: Token = (",", 0, even_if.de[0][1])
    return (
        [*german(left, "second"), comma, *even_if.de, *german(right, "last")],
        [*english(left), *even_if.en, *english(right)],
    )


def question(d: Derivation, size: int) -> Sides:
    """Derive *Lacht der mann ?* or *warum lacht der mann ?*, with a subordinate clause if `size` allows."""
    if d.chance(0.15):
        return question_for_subject(d, size)
    word = d.expression(d.pick(derivation.QUESTION_WORDS)) if size >= 3 and d.chance(0.4) else None
    budget = size - (len(word.de) if word else 0)
    past = d.chance(0.5)
    clause = d.clause(min(budget, 12), past=past, do=True)
    if word:
        clause.time = None
    de, en = german(clause, "first"), english(clause, question=True)
    if word:
        de, en = word.de + de, word.en + en
    if size - len(de) < 5:
        return de, en
    following = subordinate(d, size - 2 - len(de), past)
    return de + following[0], en + following[1]


def question_for_subject(d: Derivation, size: int) -> Sides:
    """Derive *Wer lacht ?*, who laughs? English needs no `do` here."""
    key = d.key()
    subject = Phrase([("wer", key, 0)], [("who", key, 0)], distinct=True)
    clause = d.clause(min(size, 12), subject=subject, kind="person")
    return german(clause, "second"), english(clause)


def held_out(d: Derivation, size: int, construction: str) -> Sides:
    """Derive a sentence of about `size` words with a construction that is never in training."""
    if construction == "topic_with_subordinate":
        return punctuated(d, topic_with_subordinate(d, size - 1), ".")
    d.max_depth = 1
    core = min(size - 1, 18 + d.below(8))
    kind = {"passive_in_relative": "text", "relative_in_genitive": "thing"}.get(construction, "person")
    budget = max(6, core - 2 - d.below(4))
    if construction == "relative_in_genitive":
        subject = d.owned_by(NOMINATIVE, budget)
    else:
        special = {"passive_in_relative": "passive", "infinitive_in_relative": "infinitive"}.get(
            construction, ""
        )
        subject = d.with_relative(NOMINATIVE, budget, kind, special, nested=0 if special else 2)
    frame = "" if kind == "person" else "copula"
    clause = d.clause(core, subject=subject, kind=kind, frame=frame)
    de, en = german(clause, "second"), english(clause)
    if size - 1 - len(de) < 5:
        return punctuated(d, (de, en), ".")
    following = subordinate(d, size - 3 - len(de), d.chance(0.5))
    return punctuated(d, (de + following[0], en + following[1]), ".")


def topic_with_subordinate(d: Derivation, size: int) -> Sides:
    """Derive *Den alten hund sieht die frau , weil er lacht.*"""
    past = d.chance(0.5)
    while True:
        clause = d.clause(max(5, size // 2), past=past, frame="transitive")
        topic = clause.accusative
        if topic and topic.distinct and not topic.relative:
            break
    de, en = german(clause, "second", "accusative"), english(clause)
    following = subordinate(d, max(2, size - 2 - len(de)), past)
    return de + following[0], en + following[1]
