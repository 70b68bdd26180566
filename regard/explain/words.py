"""Words as they may be shown: nothing hidden, nothing that moves the cursor, no wider than its place.

Sentences come from anywhere. A terminal obeys escape sequences and a page reorders at bidirectional
overrides, so such characters are replaced by ones that can be seen.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, set_cell_size

LEFT_TO_RIGHT_MARK = "\u200e"
_HARMLESS = {"\u200c", "\u200d", LEFT_TO_RIGHT_MARK, "\u200f"}  # joiners shape Indic and Persian words


def visible(text: str) -> str:
    """The text with every control, override and line break replaced by a visible sign (␛, ␊, �)."""
    return "".join(map(_visible_character, text))


def fit(word: str, width: int, *, right: bool = False) -> str:
    """The visible word cut or padded to so many terminal cells; Chinese characters take two.

    A right-to-left word is closed by a mark of no width, so that a terminal which reorders text does not
    pull the numbers that follow into it.
    """
    shown = visible(word)
    if cell_len(shown) > width:
        shown = set_cell_size(shown, width - 1).rstrip() + "…" if width > 1 else "…"[:width]
    padding = " " * (width - cell_len(shown))
    shown += LEFT_TO_RIGHT_MARK if is_right_to_left(shown) else ""
    return padding + shown if right else shown + padding


def is_right_to_left(text: str) -> bool:
    """Whether any character is written from right to left, as in Hebrew or Arabic."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)


def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    if character in _HARMLESS or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of the control characters
    return "\u2421" if code == 0x7F else "\ufffd"
