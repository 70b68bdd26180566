"""Word order: the parts of a clause, and the two ways in which they are put in line.

A token is (form, sure key, possible key). Both languages' tokens carry keys of the same numbering, so links fall
out of the derivation: equal sure keys link surely, a shared possible key possibly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from regard.data.grammar.verbs import Token, VerbGroup

CLOSING = -1  # the comma after a clause inside another one, not said before another mark
CLOSING_COMMA: Token = (",", CLOSING, 0)

Order = Literal["second", "first", "last"]
Front = Literal["subject", "time", "place", "accusative"]


@dataclass(slots=True)
class Phrase:
    """A constituent in both languages; `relative` is its relative clause, which German may move to the end.

    `distinct`: it can only be a nominative. `simple`: nothing follows its noun.
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
        """The German words with the relative clause in its place."""
        return self.de + self.relative


@dataclass(slots=True)
class Clause:
    """The parts of a clause before they are put in line; `complement` is what stands closest to the verb."""

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
    """The clause in German: the finite verb second, first (questions, after a fronted clause) or last.

    Definite objects stand before the time, indefinite ones behind the place: *er liest das buch heute hier*, but
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
    """The clause in English: subject, verb, objects, manner, place, time; only a fronted time stays in front."""
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
