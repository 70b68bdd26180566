"""Word order: the parts of a clause, and how each language arranges them.

A token is (form, sure key, possible key). The keys of both languages share one numbering, so the derivation yields
the links: tokens with equal sure keys have a sure link, tokens that share a possible key a possible one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from regard.data.grammar.verbs import Token, VerbGroup

CLAUSE_END = -1  # the key of the comma after an inner clause, which is dropped before other punctuation
CLAUSE_END_COMMA: Token = (",", CLAUSE_END, 0)

Order = Literal["second", "first", "last"]
Front = Literal["subject", "time", "place", "accusative"]


@dataclass(slots=True)
class Phrase:
    """A constituent in both languages; `relative` is its relative clause, which German may move to the end.

    A `distinct` phrase has an unambiguous case. Nothing follows the noun of a `simple` one.
    """

    de: list[Token]
    en: list[Token]
    agreement: str = "n"
    person: str = "3s"
    definite: bool = True
    relative: list[Token] = field(default_factory=list)
    distinct: bool = False
    simple: bool = True

    @property
    def whole(self) -> list[Token]:
        """The German words with the relative clause after them."""
        return self.de + self.relative


@dataclass(slots=True)
class Clause:
    """The parts of a clause before they are ordered; `complement` is the part closest to the verb."""

    verb: VerbGroup | None = None
    subject: Phrase | None = None
    dative: Phrase | None = None
    accusative: Phrase | None = None
    complement: Phrase | None = None
    time: Phrase | None = None
    frequency: Phrase | None = None
    manner: Phrase | None = None
    place: Phrase | None = None
    negation: int = 0
    extraposed: bool = False


def german(clause: Clause, order: Order, front: Front = "subject") -> list[Token]:
    """Order a clause in German: the finite verb second, first (questions, after a fronted clause) or last.

    Definite objects come before the time, indefinite ones after the place: *er liest das buch heute hier*, but
    *er liest heute hier ein buch*.
    """
    verb = clause.verb
    assert verb is not None
    out: list[Token] = []
    skipped = None
    if order == "second":
        skipped = getattr(clause, front)
        out += skipped.whole
    if order != "last":
        out.append(verb.finite)
    accusative = clause.accusative
    early, late = (accusative, None) if accusative and accusative.definite else (None, accusative)
    for part in (clause.subject, clause.dative, early, clause.time, clause.frequency):
        if part is not None and part is not skipped:
            out += part.de if part is accusative and clause.extraposed else part.whole
    if clause.negation:
        out.append(("nicht", clause.negation, 0))
    for part in (clause.manner, clause.place, late, clause.complement):
        if part is not None and part is not skipped:
            out += part.de if part is accusative and clause.extraposed else part.whole
    out += verb.last if order == "last" else verb.tail
    if clause.extraposed and accusative:
        out += accusative.relative
    return out


def english(clause: Clause, question: bool = False, front: Front = "subject") -> list[Token]:
    """Order a clause in English: subject, verb, objects, manner, place, time; only a fronted time comes first."""
    verb = clause.verb
    assert verb is not None
    out: list[Token] = []
    if front == "time" and clause.time:
        out += clause.time.en
    if question:
        out += verb.aux
    if clause.subject:
        out += clause.subject.en
    if not question:
        out += verb.aux
    if clause.negation:
        out.append(("not", clause.negation, 0))
    if clause.frequency:
        out += clause.frequency.en
    out += verb.main
    for part in (clause.accusative, clause.dative, clause.complement, clause.manner, clause.place):
        if part is not None:
            if part is clause.dative and clause.accusative:
                out.append(("to", 0, part.de[0][1]))
            out += part.en
    if front != "time" and clause.time:
        out += clause.time.en
    return out
