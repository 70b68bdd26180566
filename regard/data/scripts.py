"""Which scripts write words without spaces between them."""

from __future__ import annotations

_UNSPACED = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3000, 0x312F),  # punctuation, kana, bopomofo
    (0x3190, 0x31FF),
    (0x3400, 0x9FFF),  # Chinese characters
    (0xA9E0, 0xA9FF),  # more Burmese
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF00, 0xFF0F),  # full-width signs; full-width letters and digits make words as the narrow ones do
    (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF9F),  # and half-width katakana
    (0x1B000, 0x1B16F),  # rare kana
    (0x20000, 0x3FFFF),  # rare Chinese characters
)


def is_unspaced(character: str) -> bool:
    """Return whether a script has no spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan."""
    code = ord(character)
    return any(first <= code <= last for first, last in _UNSPACED)
