"""The verb group: the words of a verb and its auxiliaries in both languages.

German splits it (finite part second or last, the rest at the end), English keeps it together and may need `do`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from regard.data.grammar.english import BE
from regard.data.grammar.german import PERSONS
from regard.data.grammar.lexicon import Verb

# form, key of its sure counterpart, key of a possible one; 0 for none
Token = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Modal:
    """A modal verb: German by person; English with an inverting auxiliary, or as `has to`, `is allowed to`."""

    de: dict[str, str]
    en: tuple[str, ...]
    third: str = ""
    past: bool = False


def _modal(singular: str, second: str, plural: str, en: str, third: str = "", past: bool = False) -> Modal:
    de = {"1s": singular, "2s": second, "3s": singular, "1p": plural, "3p": plural}
    return Modal(de, tuple(en.split()), third, past)


MODALS = {
    "can": _modal("kann", "kannst", "können", "can"),
    "must": _modal("muss", "musst", "müssen", "have to", "has"),
    "want": _modal("will", "willst", "wollen", "want to", "wants"),
    "should": _modal("soll", "sollst", "sollen", "should"),
    "may": _modal("darf", "darfst", "dürfen", "be allowed to"),
    "would like": _modal("möchte", "möchtest", "möchten", "would like to"),
    "could": _modal("konnte", "konntest", "konnten", "could", past=True),
    "had to": _modal("musste", "musstest", "mussten", "have to", "had", past=True),
    "wanted to": _modal("wollte", "wolltest", "wollten", "want to", "wanted", past=True),
}


def _by_person(forms: str) -> dict[str, str]:
    return dict(zip(PERSONS, forms.split(), strict=True))


_HABEN = _by_person("habe hast hat haben haben")
_HATTE = _by_person("hatte hattest hatte hatten hatten")
_SEIN = _by_person("bin bist ist sind sind")
_WAR = _by_person("war warst war waren waren")
_WERDEN = _by_person("werde wirst wird werden werden")
_WURDE = _by_person("wurde wurdest wurde wurden wurden")


@dataclass(slots=True)
class VerbGroup:
    """The words of a verb in one tense.

    German has `finite` with `tail` at the end of the clause, or all of `last` there. In English `aux` may come before
    the subject; `main` follows it.
    """

    finite: Token
    tail: list[Token]
    last: list[Token]
    aux: list[Token] = field(default_factory=list)
    main: list[Token] = field(default_factory=list)


def _words(verb: Verb, form: str, key: int) -> list[Token]:
    """Return an English verb form with its particle: woke up. A preposition belongs to the object."""
    particle = () if verb.preposition else verb.particle
    return [(form, key, 0), *((word, key, 0) for word in particle)]


def _base(verb: Verb, key: int) -> list[Token]:
    return _words(verb, verb.en, key)


def base_form(verb: Verb, key: int) -> list[Token]:
    """Return the German infinitive in one word: anrufen."""
    return [(verb.prefix + verb.infinitive, key, 0)]


def zu_infinitive(verb: Verb, key: int, zu: int) -> VerbGroup:
    """Return `zu lesen`, `to read`; with a separable prefix one German word, `anzurufen`."""
    if verb.prefix:
        zu = key
        last: list[Token] = [(f"{verb.prefix}zu{verb.infinitive}", key, 0)]
    else:
        last = [("zu", zu, 0), (verb.infinitive, key, 0)]
    return VerbGroup(last[0], [], last, [], [("to", zu, 0), *_base(verb, key)])


def passive(verb: Verb, person: str, past: bool, key: int, aux: int) -> VerbGroup:
    """Return `wird gesehen`, `is seen`; `wurde gesehen`, `was seen`."""
    finite = ((_WURDE if past else _WERDEN)[person], aux, 0)
    tail: list[Token] = [(verb.participle, key, 0)]
    be = (BE[person][past], aux, 0)
    return VerbGroup(finite, tail, [*tail, finite], [be], _words(verb, verb.en_participle, key))


def active(verb: Verb, person: str, tense: str, do: bool, key: int, aux: int) -> VerbGroup:
    """Return the verb in a tense or with a modal; `do` for English questions and negations with their auxiliary."""
    if tense in ("present", "preterite"):
        return _simple(verb, person, tense == "preterite", do, key)
    if tense in ("perfect", "pluperfect"):
        return _perfect(verb, person, tense == "pluperfect", do, key, aux)
    tail = base_form(verb, key)
    if tense == "future":
        finite = (_WERDEN[person], aux, 0)
        return VerbGroup(finite, tail, [*tail, finite], [("will", aux, 0)], _base(verb, key))
    modal = MODALS[tense]
    finite = (modal.de[person], aux, 0)
    en_aux, en_main = _english_modal(modal, person, do, aux)
    return VerbGroup(finite, tail, [*tail, finite], en_aux, [*en_main, *_base(verb, key)])


def _simple(verb: Verb, person: str, past: bool, do: bool, key: int) -> VerbGroup:
    form = (verb.preterite if past else verb.present)[person]
    tail: list[Token] = [(verb.prefix, key, 0)] if verb.prefix else []
    last: list[Token] = [(verb.prefix + form, key, 0)]
    aux, main = _english_simple(verb, person, past, do, key)
    return VerbGroup((form, key, 0), tail, last, aux, main)


def _english_simple(
    verb: Verb, person: str, past: bool, do: bool, key: int, do_key: int = 0
) -> tuple[list[Token], list[Token]]:
    """Return simple present or past; `do` has a possible link to the verb unless `do_key` is a word of its own."""
    if verb.en == "be":
        return [(BE[person][past], key, 0)], []
    if do:
        return [(_do(person, past), do_key, 0 if do_key else key)], _base(verb, key)
    form = verb.en_past if past else verb.en_third if person == "3s" else verb.en
    return [], _words(verb, form, key)


def _do(person: str, past: bool) -> str:
    return "did" if past else "does" if person == "3s" else "do"


def _perfect(verb: Verb, person: str, before: bool, do: bool, key: int, aux: int) -> VerbGroup:
    """Return the perfect, spoken German's past tense: `hat gesehen`, `saw`; or the pluperfect, `had seen`."""
    tail: list[Token] = [(verb.participle, key, 0)]
    if before:
        finite = ((_WAR if verb.with_sein else _HATTE)[person], aux, 0)
        return VerbGroup(
            finite, tail, [*tail, finite], [("had", aux, 0)], _words(verb, verb.en_participle, key)
        )
    en_aux, main = _english_simple(verb, person, True, do, key, aux)
    absorbed = not do or verb.en == "be"
    form = (_SEIN if verb.with_sein else _HABEN)[person]
    finite = (form, 0, key) if absorbed else (form, aux, 0)
    return VerbGroup(finite, tail, [*tail, finite], en_aux, main)


def _english_modal(modal: Modal, person: str, do: bool, aux: int) -> tuple[list[Token], list[Token]]:
    first, *others = modal.en
    rest = [(word, aux, 0) for word in others]
    if first == "be":
        return [(BE[person][modal.past], aux, 0)], rest
    if first not in ("have", "want"):
        return [(first, aux, 0)], rest
    if do:
        return [(_do(person, modal.past), 0, aux)], [(first, aux, 0), *rest]
    form = modal.third if modal.past or person == "3s" else first
    return [], [(form, aux, 0), *rest]
