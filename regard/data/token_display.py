"""How a token is shown to people: a space as "▁", an accent on a circle, a part of a syllable as a letter."""

from __future__ import annotations

import unicodedata


def display_token(text: str) -> str:
    """Return the text of a token as it is shown."""
    if len(text) == 1 and unicodedata.combining(text):
        return "◌" + text
    return text.replace(" ", "▁").translate(_HANGUL_LETTERS)


def _hangul_letters() -> dict[int, str]:
    """Return the stand-alone letter of each part of a Hangul syllable: ㄱ for the initial ᄀ and for the final ᆨ."""
    parts = {code: unicodedata.name(chr(code)).split(" ", 2) for code in range(0x1100, 0x1200)}
    letters = {unicodedata.name(chr(code), ""): chr(code) for code in range(0x3131, 0x318F)}
    found = {code: letters.get(f"HANGUL LETTER {name[-1]}") for code, name in parts.items()}
    return {code: letter for code, letter in found.items() if letter is not None}


_HANGUL_LETTERS = _hangul_letters()
