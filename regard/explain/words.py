"""Text made safe to show: control characters become visible, words are fitted to a column of the terminal.

Sentences may come from strangers. A terminal obeys escape sequences and a page reorders text at bidirectional
overrides, so such characters are replaced by visible ones.
"""

from __future__ import annotations

import unicodedata

LEFT_TO_RIGHT_MARK = "\u200e"
_HARMLESS = {"\u200c", "\u200d", LEFT_TO_RIGHT_MARK, "\u200f"}  # joiners shape Indic and Persian words


def visible(text: str) -> str:
    """Replace every control character, directional override and line break by a visible character (␛, ␊, �)."""
    return "".join(map(_visible_character, text))


def cell_width(text: str) -> int:
    """Return how many terminal cells the visible text takes; a Chinese character takes two."""
    from rich.cells import cell_len

    return cell_len(visible(text))


def isolated(text: str) -> str:
    """Return the visible text, and after a right-to-left one a mark that keeps what follows in order."""
    return visible(text) + (LEFT_TO_RIGHT_MARK if is_right_to_left(text) else "")


def fit_to_width(word: str, width: int, *, right: bool = False) -> str:
    """Truncate or pad the visible word to `width` terminal cells, aligned to the left or to the `right`.

    A right-to-left word is followed by a mark of zero width, so that a terminal which reorders text does not
    move the following numbers into it.
    """
    from rich.cells import cell_len, set_cell_size

    shown = visible(word)
    if cell_len(shown) > width:
        shown = set_cell_size(shown, width - 1).rstrip() + "…" if width > 1 else "…"[:width]
    padding = " " * (width - cell_len(shown))
    shown += LEFT_TO_RIGHT_MARK if is_right_to_left(shown) else ""
    return padding + shown if right else shown + padding


def is_right_to_left(text: str) -> bool:
    """Return whether any character belongs to a right-to-left script, such as Hebrew or Arabic."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)


def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    if character in _HARMLESS or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the block Control Pictures
    return "\u2421" if code == 0x7F else "\ufffd"
