"""Text cut into what a model translates at once: sentences, and parts of what is longer than it can take.

Cutting loses nothing: the parts joined are the text. White space belongs to the part before it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from regard.errors import ConfigError

Sizes = Callable[[list[str]], Sequence[int]]  # how many tokens each text has

_BLOCK = (
    20_000  # characters given to the splitter at once: its time grows with the square where quotes stay open
)
_ODD = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the splitter fails at some of them
_CODE = re.compile(r"[a-z]{2,3}")
_WORD_BREAK = re.compile(r"(?<=\S)\s+(?=\S)")
_BREAKS = (  # the better ones first
    re.compile(r"(?<=[.?!…؟।۔])\s+(?=\S)|(?<=[。！？])\s*(?=\S)"),
    re.compile(r"(?<=[,;:–—،؛])\s+(?=\S)|(?<=[、，；：])\s*(?=\S)"),
)
_JOINER = "\u200d"


def cut_sentences(text: str, language: str = "") -> list[str]:
    """The sentences of a text, each with the white space behind it, by the rules of `sentencex`.

    `language` is a code such as `de` or `pt-BR`. Without one the rules are the English ones, but a period makes no
    end behind a number ("am 3. Mai") nor before a small letter or a digit ("ca. zwei"), whatever the language.
    Raises ConfigError for what is no code.
    """
    code = _code(language)
    parts: list[list[str]] = []  # each is a sentence; its own parts came from one block and the next
    start, unfinished = 0, False
    while start < len(text):
        block = text[start : start + _BLOCK]
        last = start + len(block) == len(text)
        found = list(_sentences(block if last else _without_half_a_word(block), code))
        one = len(found) == 1
        if not last and not one:
            found.pop()  # it may go on in the next block
        start += sum(map(len, found))
        for sentence in found:
            if parts and (unfinished or not (code or _is_end(parts[-1][-1], sentence))):
                parts[-1].append(sentence)
            else:
                parts.append([sentence])
            unfinished = False
        unfinished = one
    return ["".join(part) for part in parts]


def cut_long(texts: Sequence[str], limit: int, sizes: Sizes) -> list[list[str]]:
    """For each text its parts of at most `limit` tokens: itself, or halves of halves that are nearly equal.

    A text is cut near its middle: behind the end of a sentence if there is one, else of a clause, else of the word
    nearest the middle; inside a word only where it alone is too long. A single character is never cut.
    """
    lines = [[text] for text in texts]
    while True:
        measured = iter(sizes([part for line in lines for part in line]))
        longer = [[next(measured) > limit and len(part) > 1 for part in line] for line in lines]
        if not any(map(any, longer)):
            return lines
        lines = [
            [
                half
                for part, long in zip(line, marks, strict=True)
                for half in (_halves(part) if long else [part])
            ]
            for line, marks in zip(lines, longer, strict=True)
        ]


def _code(language: str) -> str:
    """The language without its region. Raises ConfigError for what is no code."""
    code = re.split("[-_]", language.lower())[0]
    if language and not _CODE.fullmatch(code):
        raise ConfigError(
            f"language: expected a code of two or three letters such as de or pt-BR, got {language!r}"
        )
    return code


def _sentences(text: str, code: str) -> Iterator[str]:
    """What the splitter makes of a text in which every odd character has become a space."""
    from sentencex import segment

    start = 0
    for sentence in segment(code or "en", _ODD.sub(" ", text)):
        yield text[start : start + len(sentence)]
        start += len(sentence)


def _without_half_a_word(block: str) -> str:
    """The block up to its last white space, if it has any."""
    end = max((found.end() for found in re.finditer(r"\s+", block)), default=0)
    return block[:end] or block


def _is_end(sentence: str, following: str) -> bool:
    """Whether a period ends the sentence, and not an abbreviation or an ordinal number."""
    word = sentence.split()[-1] if sentence.strip() else ""
    if not word.endswith(".") or not word.strip("."):
        return True
    first = following.lstrip()[:1]
    return not (word[:-1].isdecimal() or first.islower() or first.isdecimal())


def _halves(text: str) -> tuple[str, str]:
    cut = _best_cut(text)
    return text[:cut], text[cut:]


def _best_cut(text: str) -> int:
    """Where to cut a text of two characters or more."""
    middle = len(text) / 2
    for breaks in _BREAKS:
        cut = _nearest(breaks, text, middle)
        if cut is not None and abs(cut - middle) <= middle / 2:
            return cut
    cut = _nearest(_WORD_BREAK, text, middle)
    return _between_characters(text) if cut is None else cut


def _nearest(breaks: re.Pattern[str], text: str, middle: float) -> int | None:
    ends = (found.end() for found in breaks.finditer(text))
    return min(ends, key=lambda end: abs(end - middle), default=None)


def _between_characters(text: str) -> int:
    """The first place from the middle on that parts no accent from its letter, no joined signs."""
    middle = len(text) // 2
    for cut in range(middle, len(text)):
        joined = unicodedata.category(text[cut]).startswith("M") or _JOINER in text[cut - 1 : cut + 1]
        if not joined:
            return cut
    return middle
