"""Markup is stripped from a text before it is translated: tags, placeholders, entities, on request addresses.

All markup is kept as inline tags, which `regard.documents` reinserts by attention.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html.entities import html5
from typing import Literal

Kind = Literal["open", "close", "standalone"]

_MARKUP = r"""
    (?P<aside> <!--(?:(?!<!--).)*?--> | <![A-Za-z][^<>]*> | <!\[CDATA\[(?:(?!<!\[).)*?\]\]>
             | <(?:script|style)\b[^<>]*>(?:(?!</?(?:script|style)\b).)*</(?:script|style)\s*>
             | <\?(?:(?!<\?).)*?\?> )
  | (?P<tag> </?[A-Za-z_][\w:.-]*+
             (?:\s+[^\s"'<>/=]++(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)* \s*/?> )
  | (?P<placeholder> \{\{[^{}]*\}\} | \$?\{[\w.:!]*\}
             | (?<![\w%])%(?:\(\w+\)|\d+\$)?[-+0\#]*+\d*+(?:\.\d++)?[sdifgxu@](?!\w) )
  | (?P<entity> &(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31}); )
"""
_ADDRESSES = r"""
  | (?P<address> (?:https?://|ftp://|www\.)[^\s<>"]*[^\s<>"'.,;:!?()\[\]]
             | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+ )
"""
_PATTERNS = [re.compile(text, re.VERBOSE | re.DOTALL) for text in (_MARKUP, _MARKUP + _ADDRESSES)]
_VOID = frozenset(re.findall(r"\w+", "area base br col embed hr img input link meta source track wbr"))
_INLINE = frozenset(  # allowed inside a word; any other tag separates words
    re.findall(
        r"\w+",
        "a abbr b bdi bdo big cite code del dfn em font g i ins kbd mark mrk pc q s samp small span strike strong "
        "sub sup tt u var wbr",
    )
)
OPENING, CLOSING = "([{«„“‘¿¡", ")]}»”’.,;:!?…%、。，！？；："


@dataclass(frozen=True)
class InlineTag:
    """A tag, placeholder or entity, and its position in the text without markup.

    `position` counts characters; `before` and `after` say whether white space was next to it, None at an end of the
    text or next to punctuation. `separates` is True for a tag that separated two words without white space, as
    `&nbsp;` does. `partner` is the index of the tag that closes or opens this one, -1 for a standalone tag.
    """

    text: str
    kind: Kind
    position: int
    before: bool | None
    after: bool | None
    separates: bool = False
    partner: int = -1


@dataclass(frozen=True)
class StrippedText:
    """A text without its markup, and the inline tags in order.

    `escaped` is True if the markup had entities such as `&amp;`, which `text` has as the characters they stand for.
    """

    text: str
    tags: tuple[InlineTag, ...] = ()
    escaped: bool = False


@dataclass(frozen=True)
class _Match:
    """Markup as it was found, and whether it separates words where there is no white space."""

    text: str
    kind: Kind = "standalone"
    name: str = ""
    separates_words: bool = True
    partner: int = -1


def strip_markup(text: str, addresses: bool = False) -> StrippedText:
    """Strip a text of its markup; with `addresses` URLs and e-mail addresses count as markup too.

    An entity for white space or an invisible character is an inline tag, any other is replaced by its character. A
    tag without a partner, or with one on the other side of an enclosing tag, is standalone like a placeholder.
    """
    found, chunks, escaped = _find(text, _PATTERNS[addresses])
    if not found:
        return StrippedText(chunks[0], (), escaped)
    found = _pair(found)
    plain = [chunks[0][: len(chunks[0]) - len(chunks[0].lstrip())]]
    length = len(plain[0])
    tags: list[InlineTag] = []
    for first, last in _runs(chunks):
        words = chunks[first].strip()
        space, separates = _remaining_space(found[first:last], chunks[first : last + 1])
        length += len(words)
        tags += [_inline_tag(found, chunks, index, length, separates) for index in range(first, last)]
        length += len(space)
        plain += [words, space]
    trailing = chunks[-1][len(chunks[-1].rstrip()) :]
    return StrippedText("".join([*plain, chunks[-1].strip(), trailing]), tuple(tags), escaped)


def _find(text: str, pattern: re.Pattern[str]) -> tuple[list[_Match], list[str], bool]:
    """Return the markup, the texts before, between and after, and whether an entity was replaced by its character."""
    found: list[_Match] = []
    chunks, position, escaped = [""], 0, False
    for match in pattern.finditer(text):
        chunks[-1] += text[position : match.start()]
        position = match.end()
        character = _character(match[0]) if match.lastgroup == "entity" else ""
        if _is_visible(character):
            chunks[-1] += character
            escaped = True
        else:
            found.append(_classify(match[0], str(match.lastgroup), character))
            chunks.append("")
    chunks[-1] += text[position:]
    return found, chunks, escaped


def _character(entity: str) -> str:
    """Return the characters of an entity; empty for an unknown one."""
    return html.unescape(entity) if entity[1] == "#" else html5.get(entity[1:], "")


def _is_visible(characters: str) -> bool:
    return bool(characters) and not any(c.isspace() or unicodedata.category(c)[0] == "C" for c in characters)


def _classify(text: str, group: str, character: str) -> _Match:
    if group != "tag":
        return _Match(text, separates_words=group != "aside" and (not character or character.isspace()))
    name = text.lstrip("</").split(">")[0].split("/")[0].split()[0].lower()
    kind: Kind = "close" if text[1] == "/" else "standalone" if text[-2] == "/" or name in _VOID else "open"
    return _Match(text, kind, name, separates_words=name not in _INLINE)


def _pair(found: Sequence[_Match]) -> list[_Match]:
    """Give each tag its partner; those without become standalone."""
    partners = [-1] * len(found)
    opened: list[int] = []
    names: Counter[str] = Counter()
    for index, match in enumerate(found):
        if match.kind == "open":
            opened.append(index)
            names[match.name] += 1
        while match.kind == "close" and names[match.name] and partners[index] < 0:
            last = opened.pop()
            names[found[last].name] -= 1
            if found[last].name == match.name:
                partners[last], partners[index] = index, last
    return [
        replace(match, partner=partner, kind=match.kind if partner >= 0 else "standalone")
        for match, partner in zip(found, partners, strict=True)
    ]


def _runs(chunks: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last (exclusive) index of each run of tags with only white space between them."""
    first = 0
    for index in range(1, len(chunks)):
        if chunks[index].strip() or index == len(chunks) - 1:
            yield first, index
            first = index


def _remaining_space(run: Sequence[_Match], around: Sequence[str]) -> tuple[str, bool]:
    """Return the white space left in place of a run of tags, and whether only the tags separated words there.

    There is none before a comma or after a bracket that the run touched: "Hallo {0}, du" becomes "Hallo, du".
    """
    left, right = around[0], around[-1]
    if not left.strip() or not right.strip():
        return "", False
    kinds = {match.kind for match in run}
    if (right[0] in CLOSING and "open" not in kinds) or (left[-1] in OPENING and "close" not in kinds):
        return "", False
    spaces = [left[len(left.rstrip()) :], *around[1:-1], right[: len(right) - len(right.lstrip())]]
    if any(spaces):
        return next(filter(None, spaces)), False
    separates = any(match.separates_words for match in run)
    return " " if separates else "", separates


def _inline_tag(
    found: Sequence[_Match], chunks: Sequence[str], index: int, position: int, separates: bool
) -> InlineTag:
    """Return the inline tag of one match, at this position of the text without markup."""
    match, before, after = found[index], chunks[index], chunks[index + 1]
    at_start = index == 0 and not before.strip()
    at_end = index == len(found) - 1 and not after.strip()
    return InlineTag(
        match.text,
        match.kind,
        position,
        None if at_start else _is_space(before[-1:]),
        None if at_end else _is_space(after[:1]),
        separates and match.separates_words,
        match.partner,
    )


def _is_space(neighbour: str) -> bool | None:
    """Return whether the neighbour is white space; None for punctuation. An empty neighbour is another tag."""
    return neighbour.isspace() if not neighbour or neighbour.isspace() or neighbour.isalnum() else None
