"""German inflection: the endings of nouns, articles, adjectives and verbs.

Cases are numbered NOMINATIVE, ACCUSATIVE, DATIVE, GENITIVE; the agreement of a noun phrase is one letter:
m, f, n in the singular, p in the plural, where German does not distinguish gender.
"""

from __future__ import annotations

import re

NOMINATIVE, ACCUSATIVE, DATIVE, GENITIVE = range(4)
PERSONS = ("1s", "2s", "3s", "1p", "3p")

Forms = dict[str, tuple[str, ...]]


def _paradigm(m: str, f: str, n: str, p: str) -> Forms:
    """Parse four rows of four endings; - is no ending."""
    rows = {"m": m, "f": f, "n": n, "p": p}
    return {agreement: tuple(e.strip("-") for e in row.split()) for agreement, row in rows.items()}


DER = _paradigm("der den dem des", "die die der der", "das das dem des", "die die den der")
DIESER = _paradigm("er en em es", "e e er er", "es es em es", "e e en er")
EIN = _paradigm("- en em es", "e e er er", "- - em es", "e e en er")
WEAK = _paradigm("e en en en", "e e en en", "e e en en", "en en en en")
MIXED = _paradigm("er en en en", "e e en en", "es es en en", "en en en en")
STRONG = _paradigm("er en em en", "e e er er", "es es em en", "e e en er")
RELATIVE = _paradigm("der den dem dessen", "die die der deren", "das das dem dessen", "die die denen deren")

CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("von", "dem"): "vom",
    ("bei", "dem"): "beim",
}

_INSEPARABLE = ("be", "emp", "ent", "er", "ge", "ver", "wider", "zer")


def decline_noun(lemma: str, gender: str, plural: str, weak: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the four cases of a noun in singular and plural; a weak noun (der junge) has -n in all but the first.

    The genitive takes -es after one syllable or a sibilant (mannes, hauses), -s otherwise (gartens).
    """
    if weak:
        singular = (lemma, plural, plural, plural)
    elif gender == "f":
        singular = (lemma,) * 4
    else:
        singular = (lemma, lemma, lemma, lemma + _genitive_ending(lemma))
    dative = plural if plural.endswith(("n", "s")) else plural + "n"
    return singular, (plural, plural, dative, plural)


def _genitive_ending(lemma: str) -> str:
    one_syllable = len(re.findall("[aeiouäöüy]+", lemma)) == 1
    return (
        "es" if lemma.endswith(("s", "ß", "z", "x")) or (one_syllable and lemma[-1] not in "aeiou") else "s"
    )


def decline_adjective(stem: str) -> dict[str, str]:
    """Return the forms of an adjective by ending: alt gives alte, alter, altes, alten, altem."""
    return {ending: stem.removesuffix("e") + ending for ending in ("e", "er", "es", "en", "em")}


def _stem(infinitive: str) -> str:
    return infinitive[:-2] if infinitive.endswith("en") else infinitive[:-1]


def _link_vowel(stem: str) -> str:
    """Return the e of arbeitet, öffnet and zeichnet, without which the ending could not be pronounced."""
    return "e" if re.search(r"([td]|[^aeiouäöürlh][mn]|ch[mn])$", stem) else ""


def present(infinitive: str, third: str = "") -> dict[str, str]:
    """Return the present tense by person; `third` is needed where the vowel changes (sehen, sieht)."""
    stem = _stem(infinitive)
    third = third or stem + _link_vowel(stem) + "t"
    first = stem[:-2] + "le" if infinitive.endswith("eln") else stem + "e"
    second = third if third[-2] in "sßzx" else third[:-1] + "st"
    return {"1s": first, "2s": second, "3s": third, "1p": infinitive, "3p": infinitive}


def preterite(infinitive: str, strong: str = "") -> dict[str, str]:
    """Return the preterite by person, without the second, for which spoken German uses the perfect."""
    stem = _stem(infinitive)
    single = strong or stem + _link_vowel(stem) + "te"
    several = single + ("n" if single.endswith("e") else "en")
    return {"1s": single, "3s": single, "1p": several, "3p": several}


def weak_participle(infinitive: str) -> str:
    """Return the participle: gelacht; without ge- after an unstressed prefix (besucht) and in -ieren (repariert)."""
    stem = _stem(infinitive)
    prefix = "" if stem.startswith(_INSEPARABLE) or infinitive.endswith("ieren") else "ge"
    return prefix + stem + _link_vowel(stem) + "t"
