"""The rules: how a sentence is derived in German and English at once.

Every method takes the number of German words to produce and comes as close as its rule allows (never more); that is
how a sentence of any length is aimed at. Ambiguities of German are avoided here: the translation of a sentence is a
function of its words (docs/grammar.md lists the readings that were ruled out).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from regard.data.grammar import lexicon
from regard.data.grammar.english import indefinite
from regard.data.grammar.german import (
    ACCUSATIVE,
    CONTRACTIONS,
    DATIVE,
    GENITIVE,
    NOMINATIVE,
    RELATIVE,
)
from regard.data.grammar.lexicon import Determiner, Expression, Noun, Pool, Preposition, Verb
from regard.data.grammar.order import CLAUSE_END_COMMA, Clause, Phrase, english, german
from regard.data.grammar.verbs import MODALS, Token, VerbGroup, active, passive, zu_infinitive

T = TypeVar("T")

HELD_OUT = {
    "deep_relatives": "three relative clauses, each inside the last (training nests two)",
    "relative_in_genitive": "a relative clause inside a relative clause that hangs on a genitive",
    "passive_in_relative": "a passive with its agent inside a relative clause",
    "infinitive_in_relative": "a relative clause that governs an infinitive with zu",
    "topic_with_subordinate": "an object in front of the main clause, with a subordinate clause behind it",
}

Sides = tuple[list[Token], list[Token]]

# German nominative, accusative, dative; English subject and object; how often as subject.
# Not used because they are ambiguous: sie (they or her as object), ihm and es as dative.
PRONOUNS = {
    "1s": ("ich mich mir", "i me"),
    "2s": ("du dich dir", "you you"),
    "er": ("er ihn ihm", "he him"),
    "sie": ("sie sie ihr", "she her"),
    "1p": ("wir uns uns", "we us"),
    "3p": ("sie - ihnen", "they them"),
}
_PRONOUN_DRAW = ("1s", "1s", "1s", "2s", "2s", "er", "er", "er", "sie", "sie", "sie", "1p", "1p", "3p", "3p")

_SINGULAR = [lexicon.THE] * 20 + [lexicon.A] * 16 + lexicon.POINTING * 2 + [lexicon.EVERY]
_PLURAL = (
    [lexicon.THE] * 18 + [lexicon.BARE] * 6 + lexicon.POINTING + [lexicon.MANY, lexicon.ALL, lexicon.SOME] * 2
)
_PLURAL += lexicon.weighted(lexicon.COUNTING)[::8]
_GENITIVE = [lexicon.THE] * 12 + lexicon.POINTING
DEFINITE = [lexicon.THE] * 12 + lexicon.POINTING
_GENITIVE_SINGULAR = [*_GENITIVE, lexicon.A, lexicon.A]

_NAMES = lexicon.weighted(lexicon.NAMES.split())
_CITIES = lexicon.weighted(lexicon.CITY_NAMES)
_DEGREES = lexicon.expressions(lexicon.DEGREES)
_FREQUENCIES = lexicon.weighted(lexicon.expressions(lexicon.FREQUENCIES))
_MANNERS = lexicon.weighted(lexicon.expressions(lexicon.MANNERS))
_PLACES = lexicon.weighted(lexicon.expressions(lexicon.PLACES))
_LOCATIONS = [lexicon.LOCATION_ENTRIES[0]] * 4 + lexicon.LOCATION_ENTRIES
_ADJUNCTS = [lexicon.ADJUNCT_ENTRIES[0]] * 2 + lexicon.ADJUNCT_ENTRIES
_ANY_TIME = lexicon.weighted(lexicon.TIME_ENTRIES["any"])
_TIMES = {
    when: lexicon.weighted(lexicon.TIME_ENTRIES[when]) * 2 + _ANY_TIME
    for when in ("past", "present", "future")
}
_ANY_CONJUNCTION = lexicon.CONJUNCTION_ENTRIES["any"]
CONJUNCTIONS = {
    True: _ANY_CONJUNCTION + lexicon.CONJUNCTION_ENTRIES["past"] * 2,
    False: _ANY_CONJUNCTION + lexicon.CONJUNCTION_ENTRIES["present"] * 2,
}
COORDINATORS = lexicon.weighted(lexicon.expressions(lexicon.COORDINATORS))
EVEN_IF = lexicon.expression("auch1 wenn2 = even1 if2")
THAT = lexicon.expression("dass = that")
QUESTION_WORDS = lexicon.expressions("warum = why; wann = when; wo = where; wie oft = how often")

_VERBS = {frame: lexicon.weighted(verbs) for frame, verbs in lexicon.VERB_ENTRIES.items()}
_COPULAS = [lexicon.COPULA_ENTRIES[0]] * 8 + lexicon.COPULA_ENTRIES[1:]
_OWNERS = lexicon.pool("person person person animal")
_OWNABLE = lexicon.pool("thing clothes text vehicle")
_PROFESSIONS = lexicon.pool("person")

_TENSES = {True: ["preterite"] * 6 + ["perfect"] * 6 + ["pluperfect"] * 3 + ["could", "had to", "wanted to"]}
_TENSES[False] = (
    ["present"] * 10 + ["future"] * 2 + [name for name, modal in MODALS.items() if not modal.past]
)
_FRAMES = {
    0: ["intransitive"],
    1: ["transitive"] * 6 + ["copula"] * 2 + ["dative", "intransitive"],
    2: ["transitive"] * 10 + ["copula"] * 3 + ["dative"] * 2 + ["prepositional"] * 3 + ["motion"] * 3
    + ["ditransitive"] * 3 + ["intransitive"] * 3 + ["passive"] * 2,
}  # fmt: skip

pool = cache(lexicon.pool)


class Derivation:
    """The derivation of one sentence: it draws from `rng` and numbers the words that belong together."""

    def __init__(self, rng: random.Random) -> None:
        self.random = rng.random
        self.last_key = 0
        self.depth = 0  # of nested relative clauses around the current phrase
        self.max_depth = 2

    def key(self) -> int:
        """Return a new number for words that belong together."""
        self.last_key += 1
        return self.last_key

    def pick(self, entries: Sequence[T]) -> T:
        """Draw one of the entries."""
        return entries[int(self.random() * len(entries))]

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random() < probability

    def below(self, limit: int) -> int:
        """Draw an integer from 0 to `limit`, inclusive."""
        return int(self.random() * (limit + 1))

    # ---- noun phrases

    def noun_phrase(
        self,
        case: int,
        size: int,
        nouns: Pool,
        determiners: list[Determiner] | None = None,
        preposition: Preposition | None = None,
        owner: bool = True,
    ) -> Phrase:
        """Derive a noun phrase of about `size` words, with its preposition if there is one.

        `owner=False` rules out a genitive where a dative could follow: *der mutter der frau* is ambiguous.
        """
        budget = size - (preposition is not None)
        if determiners is None and preposition is None and budget >= 3 and self.chance(0.07):
            return self.coordination(case, size, nouns, owner)
        if budget == 1 and determiners is None and (nouns.with_persons or preposition is None):
            return self.short_phrase(case, nouns, preposition)
        if budget == 1 and preposition is not None:
            return self.described(
                case, 1, self.pick(nouns.contracting), lexicon.THE, False, preposition, owner
            )
        noun = self.pick(nouns.nouns)
        plural = not noun.mass and self.chance(0.45 if case == DATIVE else 0.25)
        if determiners is None:
            determiners = _PLURAL if plural else _SINGULAR
        determiner = lexicon.BARE if noun.mass and self.chance(0.5) else self.pick(determiners)
        if noun.mass and determiner in (lexicon.A, lexicon.EVERY):
            determiner = lexicon.BARE
        return self.described(case, budget - 1, noun, determiner, plural, preposition, owner)

    def short_phrase(self, case: int, nouns: Pool, preposition: Preposition | None) -> Phrase:
        """Derive one word, perhaps after a preposition: a pronoun, a name, or a noun without article."""
        if nouns.with_persons:
            named = self.chance(0.3) if case == NOMINATIVE else self.chance(0.5)
            phrase = self.name() if named else self.pronoun(case)
        else:
            noun = self.pick(nouns.nouns)
            phrase = self.described(case, 0, noun, lexicon.BARE, not noun.mass, None, False)
        return phrase if preposition is None else self.governed(preposition, phrase)

    def governed(self, preposition: Preposition, phrase: Phrase) -> Phrase:
        """Put a preposition before a phrase."""
        key = self.key()
        phrase.de.insert(0, (preposition.de, key, 0))
        phrase.en[:0] = [(word, key, 0) for word in preposition.en]
        return phrase

    def name(self) -> Phrase:
        """Draw a person's name."""
        name, key = self.pick(_NAMES), self.key()
        return Phrase([(name, key, 0)], [(name, key, 0)])

    def pronoun(self, case: int) -> Phrase:
        """Draw a personal pronoun; the German object form of they, which could be her, is not used."""
        who = self.pick(_PRONOUN_DRAW)
        if who == "3p" and case == ACCUSATIVE:
            who = "er"
        key = self.key()
        de, en = (forms.split() for forms in PRONOUNS[who])
        person = who if who[0].isdigit() else "3s"
        subject = case == NOMINATIVE
        distinct = subject and de[0] != "sie"
        return Phrase(
            [(de[case], key, 0)],
            [(en[not subject], key, 0)],
            "p" if person[1] == "p" else "n",
            person,
            distinct=distinct,
        )

    def coordination(self, case: int, size: int, nouns: Pool, owner: bool) -> Phrase:
        """Derive two noun phrases joined by `und`."""
        first = 1 + self.below(size - 3)
        left, right = (self.conjunct(case, n, nouns, owner) for n in (first, size - 1 - first))
        key = self.key()
        return Phrase(
            [*left.whole, ("und", key, 0), *right.whole],
            [*left.en, ("and", key, 0), *right.en],
            "p",
            "3p",
            left.definite,
        )

    def conjunct(self, case: int, size: int, nouns: Pool, owner: bool) -> Phrase:
        """Derive one side of a coordination: a name or a noun, never a pronoun."""
        if size == 1 and nouns.with_persons:
            return self.name()
        return self.noun_phrase(case, size, nouns, DEFINITE if size > 1 else None, owner=owner)

    def described(
        self,
        case: int,
        budget: int,
        noun: Noun,
        determiner: Determiner,
        plural: bool,
        preposition: Preposition | None,
        owner: bool,
    ) -> Phrase:
        """Derive a noun with determiner, adjectives and what follows it, in `budget` words around the noun."""
        agreement = "p" if plural else noun.gender
        de, en, used = self.opening(case, agreement, determiner, plural, preposition)
        budget -= used
        adjectives = self.num_adjectives(budget)
        definite = determiner is lexicon.THE
        owned = budget - adjectives >= 2 and owner and definite and self.chance(0.6 if budget < 5 else 0.2)
        adjective_words = self.adjectives(noun, determiner.endings[agreement][case], adjectives)
        budget -= adjectives
        key = self.key()
        noun_de = (noun.de[plural][case], key, 0)
        noun_en: list[Token] = [(word, key, 0) for word in noun.en[plural]]
        phrase = Phrase(
            [*de, *adjective_words[0], noun_de], [], agreement, "3p" if plural else "3s", determiner.definite
        )
        phrase.distinct = agreement == "m" and determiner is not lexicon.BARE
        core = adjective_words[1] + noun_en
        phrase.simple = not owned and budget < 2
        if owned:
            self.add_owner(phrase, en, core, budget)
        else:
            phrase.en = self.with_article(en, determiner, core)
            if budget >= 2:
                self.add_attribute(phrase, noun, budget, owner)
        return phrase

    def opening(
        self, case: int, agreement: str, determiner: Determiner, plural: bool, preposition: Preposition | None
    ) -> tuple[list[Token], list[Token], int]:
        """Return preposition and determiner, contracted where German does so (in dem: im), and the words they took.

        The preposition itself is already counted, so a contraction takes no word and an article one.
        """
        de: list[Token] = []
        en: list[Token] = []
        form = determiner.de[agreement][case] if determiner.de else ""
        key = self.key()
        if preposition is not None:
            contracted = CONTRACTIONS.get((preposition.de, form)) if determiner is lexicon.THE else None
            de.append((contracted or preposition.de, key, 0))
            en += [(word, key, 0) for word in preposition.en]
            if contracted:
                return de, [*en, ("the", key, 0)], 0
            key = self.key()
        if not form:
            return de, en, 0
        de.append((form, key, 0))
        return de, [*en, (determiner.en[plural], key, 0)], 1

    def with_article(self, opening: list[Token], determiner: Determiner, core: list[Token]) -> list[Token]:
        """Join English opening and core, with `an` instead of `a` where the next word requires it."""
        if determiner is lexicon.A:
            _, sure, possible = opening[-1]
            opening = [*opening[:-1], (indefinite(core[0][0]), sure, possible)]
        return opening + core

    def num_adjectives(self, budget: int) -> int:
        """Choose how many words before a noun describe it: adjectives and their degree."""
        if budget <= 0:
            return 0
        if budget == 1:
            return 1
        if budget == 2:
            return 2 if self.chance(0.5) else 0
        return self.below(2 if budget < 6 else 1)

    def adjectives(self, noun: Noun, ending: str, size: int) -> Sides:
        """Draw one adjective, two, or one with a degree (sehr alt)."""
        de: list[Token] = []
        en: list[Token] = []
        fitting = lexicon.SUITED_ADJECTIVES[noun.kind]
        if size == 2 and self.chance(0.4):
            degree = self.expression(self.pick(_DEGREES))
            de, en, size = degree.de, degree.en, 1
        seen = None
        for _ in range(size):
            adjective, key = self.pick(fitting), self.key()
            while adjective is seen:
                adjective = self.pick(fitting)
            seen = adjective
            de.append((adjective.de[ending], key, 0))
            en.append((adjective.en, key, 0))
        return de, en

    def add_owner(self, phrase: Phrase, opening: list[Token], core: list[Token], budget: int) -> None:
        """Add a genitive: in English `the old woman's house` for a simple owner, else `the roof of the house`.

        The possessive replaces the article of what is owned, which has a possible link to the owner.
        """
        owner_noun = self.pick(_OWNERS.nouns)
        plural = owner_noun.kind == "person" and self.chance(0.25)
        determiner = self.pick(_GENITIVE if plural else _GENITIVE_SINGULAR)
        max_depth, self.max_depth = self.max_depth, min(self.max_depth, self.depth + 1)
        owner = self.described(GENITIVE, budget - 2, owner_noun, determiner, plural, None, True)
        self.max_depth = max_depth
        phrase.de += owner.whole
        if owner.simple:
            words = owner_noun.owner[plural]
            article, noun_key = opening[-1][1], owner.en[-1][1]
            head: list[Token] = [(word, noun_key, article) for word in words]
            phrase.en = opening[:-1] + owner.en[: -len(words)] + head + core
        else:
            phrase.en = [*opening, *core, ("of", 0, owner.de[0][1]), *owner.en]

    def add_attribute(self, phrase: Phrase, noun: Noun, budget: int, owner: bool) -> None:
        """Add what follows a noun: a relative clause, `mit` or `ohne` something, or `aus` a city."""
        if budget >= 4 and self.depth < self.max_depth:
            self.add_relative(phrase, noun, budget)
        elif budget >= 3 and noun.kind in ("person", "place", "thing"):
            preposition = self.pick(_ADJUNCTS)
            added = self.noun_phrase(preposition.case, min(budget, 6), _OWNABLE, DEFINITE, preposition, owner)
            phrase.de += added.whole
            phrase.en += added.en
        elif noun.kind == "person":
            key, city, (de, en) = self.key(), self.key(), self.pick(_CITIES)
            phrase.de += [("aus", key, 0), (de, city, 0)]
            phrase.en += [("from", key, 0), (en, city, 0)]

    # ---- relative clauses

    def add_relative(self, phrase: Phrase, noun: Noun, size: int, kind: str = "", nested: int = 0) -> None:
        """Add a relative clause of about `size` words with its two commas.

        `kind` (passive or infinitive) and `nested`, the number of relative clauses that must be nested inside, are
        for held-out constructions.
        """
        self.depth += 1
        key, body, tail = self.key(), size - 3, None
        case = NOMINATIVE
        if kind == "passive":
            clause = self.passive(body, noun.kind, phrase.person, agent=True)
        elif kind == "infinitive":
            clause = self.clause(1, noun.kind, phrase.person, frame="control", last=True)
            tail = self.infinitive(max(4, body - 1))
        else:
            case, clause = self.gapped(body, noun.kind, phrase, nested=nested)
        person = "who" if case == NOMINATIVE else "whom"
        pronoun = person if noun.kind == "person" else "that"
        phrase.relative = [(",", 0, key), (RELATIVE[phrase.agreement][case], key, 0), *german(clause, "last")]
        phrase.en += [(pronoun, key, 0), *english(clause)]
        if tail is not None:
            phrase.relative += tail[0]
            phrase.en += tail[1]
        phrase.relative.append(CLAUSE_END_COMMA)
        self.depth -= 1

    def gapped(self, size: int, kind: str, head: Phrase, nested: int) -> tuple[int, Clause]:
        """Derive a clause without its subject, object or dative, and return the case of the relative pronoun too."""
        frame = "dative" if self.chance(0.15) else "transitive"
        verbs = _taking(frame, kind)
        if verbs and not nested and size >= 2 and self.chance(0.45):
            clause = self.object_gap(size, self.pick(verbs), frame, head)
            if clause is not None:
                return (DATIVE if frame == "dative" else ACCUSATIVE), clause
        return NOMINATIVE, self.clause(size, kind, head.person, nested=nested, last=True)

    def object_gap(self, size: int, verb: Verb, frame: str, head: Phrase) -> Clause | None:
        """Derive a clause without its object; None where the pronoun `die` or `das` could be read as the subject."""
        subject = self.noun_phrase(NOMINATIVE, max(1, self.share(size - 1)), pool(verb.subject))
        differ = (subject.person[1] == "p") != (head.person[1] == "p")
        if not (frame == "dative" or head.agreement == "m" or subject.distinct or differ):
            return None
        clause = Clause(subject=subject)
        budget = size - 1 - len(subject.whole)
        self.finish(clause, verb, subject.person, budget, [], last=True)
        return clause

    # ---- clauses

    def share(self, budget: int) -> int:
        """Draw how many words of the budget one part takes: mostly all of them."""
        return budget if self.chance(0.6) else self.below(budget)

    def clause(
        self,
        size: int,
        gap: str = "",
        person: str = "",
        *,
        past: bool | None = None,
        frame: str = "",
        nested: int = 0,
        infinitive: bool = False,
        last: bool = False,
        do: bool = False,
        subject: Phrase | None = None,
        kind: str = "",
    ) -> Clause:
        """Derive a clause of about `size` words.

        With `gap`, a kind of noun, the subject is missing and has this `person`. The object gets `nested` relative
        clauses, each inside the one before; `infinitive` uses the infinitive with zu; `last` puts the verb at the
        end; `do` is for questions. A `subject` may be passed, with its `kind`.
        """
        budget = size - 1 - (not gap)
        frame = "transitive" if nested else frame or self.frame(budget, gap or kind, infinitive)
        if frame == "passive":
            return self.passive(size, "", "", agent=self.chance(0.6), past=past)
        kind = gap or kind
        verb = self.pick(_fitting(frame, kind) if nested < 2 else _NESTING)
        if frame == "copula" and not kind:
            kind = self.pick(verb.subject.split())
        arguments = _ARGUMENTS.get(frame, [])
        budget -= len(arguments) + (frame in ("prepositional", "motion"))
        clause = Clause(subject=subject)
        if not gap and subject is None:
            subject_size = 1 + (self.below(max(0, budget)) if arguments else self.share(max(0, budget)))
            owner = "dative" not in arguments
            clause.subject = self.noun_phrase(
                NOMINATIVE, subject_size, pool(kind or verb.subject), owner=owner
            )
            budget -= len(clause.subject.whole) - 1
        elif subject is not None:
            budget -= len(subject.whole) - 1
        if clause.subject is not None:
            person = clause.subject.person
        if infinitive:
            self.finish(clause, verb, "", budget, arguments, kind=kind, last=last)
        else:
            self.finish(
                clause, verb, person, budget, arguments, past=past, kind=kind, nested=nested, last=last, do=do
            )
        return clause

    def frame(self, budget: int, gap: str, infinitive: bool) -> str:
        """Draw a kind of verb that fits the budget and, where the subject is missing, its kind."""
        while True:
            frame = self.pick(_FRAMES[min(2, max(0, budget))])
            if gap and (frame == "passive" or (infinitive and frame == "copula")):
                continue
            if not gap or _fitting(frame, gap):
                return frame
            if budget < 1 or gap in ("text", "food", "staple", "drink"):
                return "copula"

    def finish(
        self,
        clause: Clause,
        verb: Verb,
        person: str,
        budget: int,
        arguments: list[str],
        *,
        past: bool | None = None,
        kind: str = "",
        nested: int = 0,
        last: bool = False,
        do: bool = False,
    ) -> None:
        """Add tense, negation, adverbials and objects within the budget; no `person` means an infinitive."""
        past = self.chance(0.45) if past is None else past
        denied = budget >= 1 and self.chance(0.12)
        if person:
            tense = self.tense(verb, person, past, budget)
            split = tense not in ("present", "preterite")
            budget -= split or (bool(verb.prefix) and not last)
        else:
            tense, budget = "", budget - (not verb.prefix)
        no_object = denied and "accusative" in arguments and self.chance(0.6)
        if denied and not no_object and budget >= 1:
            clause.negation, budget = self.key(), budget - 1
        budget = self.add_adverbials(clause, budget, arguments, past, tense == "future", not denied)
        for index, argument in enumerate(arguments):
            extra = budget if index == len(arguments) - 1 else self.below(max(0, budget))
            budget -= self.add_object(clause, argument, verb, kind, extra, no_object, nested, person)
        clause.verb = self.verb_group(verb, person, tense, do or bool(clause.negation))
        accusative = clause.accusative
        movable = accusative is not None and accusative.relative and clause.complement is None
        if (
            movable
            and (last or clause.verb.tail)
            and not (clause.time or clause.frequency or clause.manner or clause.place)
        ):
            clause.extraposed = self.chance(0.6)

    def tense(self, verb: Verb, person: str, past: bool, budget: int) -> str:
        """Draw a tense or modal; `ich` and `du` have common verbs or auxiliaries, `du` has no preterite."""
        spoken = verb.common or person[1] == "p" or person == "3s" or (past and person == "1s")
        spoken = spoken and not (past and person == "2s")
        if budget < 1 and spoken:
            return "preterite" if past else "present"
        tense = self.pick(_TENSES[past])
        if tense in ("present", "preterite") and not spoken:
            return "perfect" if past else "future"
        return tense

    def verb_group(self, verb: Verb, person: str, tense: str, do: bool) -> VerbGroup:
        """Return the verb's words with new keys."""
        key, aux = self.key(), self.key()
        return active(verb, person, tense, do, key, aux) if person else zu_infinitive(verb, key, aux)

    def passive(self, size: int, gap: str, person: str, agent: bool, past: bool | None = None) -> Clause:
        """Derive *Das haus wird von der frau gebaut*: the object as subject, the agent with `von`."""
        verb = self.pick(_taking("transitive", gap) if gap else _VERBS["transitive"])
        budget = size - 2
        clause = Clause()
        if not gap:
            budget -= 2 if agent else 0
            clause.subject = self.noun_phrase(
                NOMINATIVE, 1 + self.share(max(0, budget - 1)), pool(verb.object)
            )
            person = clause.subject.person
            budget -= len(clause.subject.whole) - 2 * agent
        if agent:
            clause.complement = self.noun_phrase(DATIVE, max(2, budget), pool(verb.subject), None, lexicon.BY)
        past = self.chance(0.5) if past is None else past
        clause.verb = passive(verb, person, past, self.key(), self.key())
        return clause

    def infinitive(self, size: int, opening: str = "") -> Sides:
        """Derive `, das buch zu lesen`: comma, objects and infinitive with zu; `opening` adds `um`."""
        key = self.key()
        clause = self.clause(size - 1 - bool(opening), "person", infinitive=True, last=True)
        de, en = german(clause, "last"), english(clause)
        comma: Token = (",", 0, key if opening else en[0][1])
        if opening:
            return [comma, ("um", key, 0), *de], [("in", key, 0), ("order", key, 0), *en]
        return [comma, *de], en

    # ---- adverbials and objects

    def expression(self, words: Expression) -> Phrase:
        """Return an expression with new keys."""
        start = self.last_key
        self.last_key += 3
        return Phrase(
            [(form, number and start + number, 0) for form, number in words.de],
            [(form, number and start + number, 0) for form, number in words.en],
        )

    def add_adverbials(
        self, clause: Clause, budget: int, arguments: list[str], past: bool, future: bool, frequent: bool
    ) -> int:
        """Add time, frequency, manner and place at random within the budget; return what remains of it."""
        bare = not arguments
        if budget >= 1 and self.chance(0.6 if bare else 0.22):
            words = self.pick(_TIMES["past" if past else "future" if future else "present"])
            if len(words.de) <= budget:
                clause.time, budget = self.expression(words), budget - len(words.de)
        if budget >= 1 and frequent and self.chance(0.12):
            clause.frequency, budget = self.expression(self.pick(_FREQUENCIES)), budget - 1
        if (
            budget >= 1
            and "predicate" not in arguments
            and self.chance(0.12 if budget > 1 or arguments else 0.7)
        ):
            clause.manner, budget = self.expression(self.pick(_MANNERS)), budget - 1
        if budget >= 2 and "motion" not in arguments and (bare or self.chance(0.2)):
            size = budget if bare else 2 + self.below(min(budget - 2, 3))
            clause.place = self.location(size)
            budget -= len(clause.place.whole)
        elif budget >= 1 and "motion" not in arguments and self.chance(0.9 if bare else 0.06):
            clause.place, budget = self.expression(self.pick(_PLACES)), budget - 1
        return budget

    def location(self, size: int) -> Phrase:
        """Derive where something happens, in two words or more."""
        if size == 2 and self.chance(0.15):
            key, city, (de, en) = self.key(), self.key(), self.pick(_CITIES)
            return Phrase([("in", key, 0), (de, city, 0)], [("in", key, 0), (en, city, 0)])
        preposition = self.pick(_LOCATIONS)
        if size == 2 and preposition.de not in ("in", "bei"):
            preposition = _LOCATIONS[0]
        return self.noun_phrase(preposition.case, size, pool("place"), None, preposition)

    def add_object(
        self,
        clause: Clause,
        argument: str,
        verb: Verb,
        kind: str,
        budget: int,
        denied: bool,
        nested: int,
        person: str,
    ) -> int:
        """Add one object with up to `budget` words more than it needs; return how many of them it took."""
        size = 1 + max(0, budget)
        if argument == "predicate":
            clause.complement = self.predicate(verb, kind, person, size)
            return len(clause.complement.de) - 1
        if argument == "motion":
            clause.complement = self.destination(size + 1)
            return len(clause.complement.whole) - 2
        if argument == "prepositional":
            preposition = _preposition(verb)
            clause.complement = self.noun_phrase(verb.case, size + 1, pool(verb.object), None, preposition)
            return len(clause.complement.whole) - 2
        if argument == "dative":
            clause.dative = self.noun_phrase(DATIVE, size, pool(_recipients(verb)), owner=False)
            return len(clause.dative.whole) - 1
        determiners = [lexicon.NO] if denied else DEFINITE if clause.negation and size > 1 else None
        if nested:
            clause.accusative = self.with_relative(ACCUSATIVE, size, verb.object, nested=nested - 1)
        else:
            clause.accusative = self.noun_phrase(
                ACCUSATIVE, max(size, 2 if denied else 1), pool(verb.object), determiners
            )
        return len(clause.accusative.whole) - 1

    def with_relative(self, case: int, size: int, kinds: str, kind: str = "", nested: int = 0) -> Phrase:
        """Derive a definite noun that always has a relative clause."""
        noun = self.pick(pool("person" if nested else kinds).nouns)
        phrase = self.described(case, 1, noun, lexicon.THE, False, None, False)
        self.add_relative(phrase, noun, max(5, size - 2), kind, nested)
        return phrase

    def owned_by(self, case: int, size: int) -> Phrase:
        """Derive a noun whose owner has a relative clause with another one inside."""
        owned = self.described(case, 0, self.pick(pool("thing").nouns), lexicon.THE, False, None, False)
        owner = self.with_relative(GENITIVE, size - 2, "person", nested=1)
        owned.de += owner.whole
        owned.en += [("of", 0, owner.de[0][1]), *owner.en]
        return owned

    def destination(self, size: int) -> Phrase:
        """Derive where something moves: into a place, to a person, to a city."""
        if size == 2 and self.chance(0.25):
            key, city, (de, en) = self.key(), self.key(), self.pick(_CITIES)
            return Phrase([("nach", key, 0), (de, city, 0)], [("to", key, 0), (en, city, 0)])
        if self.chance(0.3):
            return self.noun_phrase(DATIVE, size, pool("person"), None, lexicon.TOWARDS)
        place = size >= 3
        preposition = lexicon.INTO if place else lexicon.TOWARDS
        return self.noun_phrase(preposition.case, size, pool("place"), None, preposition)

    def predicate(self, verb: Verb, kind: str, person: str, size: int) -> Phrase:
        """Derive what somebody or something is: an adjective, a profession, or *echt dicke kiste*."""
        being = verb.en == "be"
        if being and size >= 3 and self.chance(0.25):
            return self.expression(lexicon.IDIOM)
        if being and size >= 2 and kind == "person" and self.chance(0.3):
            plural = person[1] == "p"
            noun, determiner = self.pick(_PROFESSIONS.nouns), lexicon.BARE if plural else lexicon.A
            budget = min(size - 1 - (not plural), 1)
            return self.described(NOMINATIVE, budget, noun, determiner, plural, None, False)
        adjective, key = self.pick(lexicon.SUITED_ADJECTIVES[kind]), self.key()
        phrase = self.expression(self.pick(_DEGREES)) if size >= 2 else Phrase([], [])
        phrase.de.append((adjective.bare, key, 0))
        phrase.en.append((adjective.en, key, 0))
        return phrase


_NESTING = [verb for verb in _VERBS["transitive"] if verb.object.startswith("person")]
_ARGUMENTS = {
    "transitive": ["accusative"],
    "dative": ["dative"],
    "ditransitive": ["dative", "accusative"],
    "prepositional": ["prepositional"],
    "motion": ["motion"],
    "copula": ["predicate"],
}


@cache
def _fitting(frame: str, kind: str) -> list[Verb]:
    """Return the verbs of a frame that take this kind of subject; all of them for an empty kind."""
    if frame == "copula":
        return _COPULAS[:1] if kind not in ("", "person", "animal", "place") else _COPULAS
    return [verb for verb in _VERBS[frame] if not kind or kind in verb.subject.split()]


@cache
def _taking(frame: str, kind: str) -> list[Verb]:
    """Return the verbs of a frame that take this kind of object."""
    return [verb for verb in _VERBS[frame] if kind in verb.object.split()]


@cache
def _preposition(verb: Verb) -> Preposition:
    """Return the preposition that a verb requires before its object: warten auf, wait for."""
    return Preposition(verb.preposition, verb.particle, verb.case)


def _recipients(verb: Verb) -> str:
    """Return the kinds of noun in the dative: living recipients, or the verb's own kinds of object."""
    return verb.object if verb in lexicon.VERB_ENTRIES["dative"] else "person animal"
