"""Splits text into what a model translates at once: sentences, and parts of sentences that are too long for it.

Splitting loses nothing: the parts joined are the text. White space belongs to the part before it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from regard.errors import ConfigError

CountTokens = Callable[[list[str]], Sequence[int]]  # the number of tokens of each text

_BLOCK = (
    20_000  # characters passed to the splitter at once: its time grows with the square where quotes stay open
)
_ODD = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the splitter fails on some of them
_CODE = re.compile(r"[a-z]{2,3}")
_WORD_BREAK = re.compile(r"(?<=\S)\s+(?=\S)")
_BREAKS = (  # the better ones first
    re.compile(r"(?<=[.?!…؟।۔])\s+(?=\S)|(?<=[。！？])\s*(?=\S)"),
    re.compile(r"(?<=[,;:–—،؛])\s+(?=\S)|(?<=[、，；：])\s*(?=\S)"),
)
_JOINER = "\u200d"


def split_sentences(text: str, language: str = "") -> list[str]:
    """Split a text into sentences, each with the white space after it, by the rules of `sentencex`.

    `language` is a code such as `de` or `pt-BR`. Without one the English rules apply, except that a period does not
    end a sentence after a number ("am 3. Mai") or before a lower-case letter or a digit ("ca. zwei").
    Raises ConfigError for an invalid code.
    """
    code = _code(language)
    parts: list[list[str]] = []  # each is a sentence, whose parts may come from several blocks
    start, unfinished = 0, False
    while start < len(text):
        block = text[start : start + _BLOCK]
        last = start + len(block) == len(text)
        found = list(_sentences(block if last else _without_last_word(block), code))
        one = len(found) == 1
        if not last and not one:
            found.pop()  # it may continue in the next block
        start += sum(map(len, found))
        for sentence in found:
            if parts and (unfinished or not (code or _is_end(parts[-1][-1], sentence))):
                parts[-1].append(sentence)
            else:
                parts.append([sentence])
            unfinished = False
        unfinished = one
    return ["".join(part) for part in parts]


def split_long(texts: Sequence[str], limit: int, count_tokens: CountTokens) -> list[list[str]]:
    """Split each text into parts of at most `limit` tokens, by halving it until the parts are short enough.

    A text is split near its middle: after the end of a sentence if there is one, else of a clause, else of the word
    nearest the middle; inside a word only if that alone is too long. A single character is never split.
    """
    lines = [[text] for text in texts]
    while True:
        counts = iter(count_tokens([part for line in lines for part in line]))
        too_long = [[next(counts) > limit and len(part) > 1 for part in line] for line in lines]
        if not any(map(any, too_long)):
            return lines
        lines = [
            [
                half
                for part, long in zip(line, long_parts, strict=True)
                for half in (_halves(part) if long else [part])
            ]
            for line, long_parts in zip(lines, too_long, strict=True)
        ]


def _code(language: str) -> str:
    """Return the language without its region. Raises ConfigError for an invalid code."""
    code = re.split("[-_]", language.lower())[0]
    if language and not _CODE.fullmatch(code):
        raise ConfigError(
            f"language: expected a code of two or three letters such as de or pt-BR, got {language!r}"
        )
    return code


def _sentences(text: str, code: str) -> Iterator[str]:
    """Yield the splitter's sentences of a text; the splitter sees a space for every unusual character."""
    from sentencex import segment

    start = 0
    for sentence in segment(code or "en", _ODD.sub(" ", text)):
        yield text[start : start + len(sentence)]
        start += len(sentence)


def _without_last_word(block: str) -> str:
    """Return the block up to its last white space, or all of it if there is none: its last word may be incomplete."""
    end = max((match.end() for match in re.finditer(r"\s+", block)), default=0)
    return block[:end] or block


def _is_end(sentence: str, following: str) -> bool:
    """Return whether a period ends the sentence rather than an abbreviation or an ordinal number."""
    word = sentence.split()[-1] if sentence.strip() else ""
    if not word.endswith(".") or not word.strip("."):
        return True
    first = following.lstrip()[:1]
    return not (word[:-1].isdecimal() or first.islower() or first.isdecimal())


def _halves(text: str) -> tuple[str, str]:
    split = _best_split(text)
    return text[:split], text[split:]


def _best_split(text: str) -> int:
    """Return the position at which to split a text of two characters or more."""
    middle = len(text) / 2
    for breaks in _BREAKS:
        split = _nearest(breaks, text, middle)
        if split is not None and abs(split - middle) <= middle / 2:
            return split
    split = _nearest(_WORD_BREAK, text, middle)
    return _between_characters(text) if split is None else split


def _nearest(breaks: re.Pattern[str], text: str, middle: float) -> int | None:
    ends = (match.end() for match in breaks.finditer(text))
    return min(ends, key=lambda end: abs(end - middle), default=None)


def _between_characters(text: str) -> int:
    """Return the first position from the middle on that separates no accent from its letter and no joined emoji."""
    middle = len(text) // 2
    for split in range(middle, len(text)):
        joined = unicodedata.category(text[split]).startswith("M") or _JOINER in text[split - 1 : split + 1]
        if not joined:
            return split
    return middle
