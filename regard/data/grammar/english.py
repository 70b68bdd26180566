"""English inflection: plurals, possessives and verb forms."""

from __future__ import annotations

import re

BE = {
    "1s": ("am", "was"),
    "2s": ("are", "were"),
    "3s": ("is", "was"),
    "1p": ("are", "were"),
    "3p": ("are", "were"),
}


def add_s(word: str) -> str:
    """Add the -s of plurals and of the third person: dogs, boxes, carries."""
    if re.search(r"(s|x|z|ch|sh|[^aeiou]o)$", word):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + "s"


def possessive(noun: str) -> str:
    """Return the possessive of a noun in either number: the woman's, the teachers', the children's."""
    return noun + ("'" if noun.endswith("s") else "'s")


def add_ed(verb: str) -> str:
    """Return the regular past: laughed, loved, carried."""
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return verb + "ed"


def indefinite(following: str) -> str:
    """Return `a` or `an` by the first letter of the next word; the lexicon has no exceptions to that rule."""
    return "an" if following[0] in "aeiou" else "a"
