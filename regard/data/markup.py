"""Markup taken out of a text before it is translated: tags, placeholders, entities, on request addresses.

What is taken out is kept as marks; `regard.documents` puts them back where attention says.
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

Kind = Literal["open", "close", "point"]

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
_INLINE = frozenset(  # may stand inside a word; any other tag parts words
    re.findall(
        r"\w+",
        "a abbr b bdi bdo big cite code del dfn em font g i ins kbd mark mrk pc q s samp small span strike strong "
        "sub sup tt u var wbr",
    )
)
OPENING, CLOSING = "([{«„“‘¿¡", ")]}»”’.,;:!?…%、。，！？；："


@dataclass(frozen=True)
class Mark:
    """A token of markup, and where it stood in the text without markup.

    `place` counts characters; `before` and `after` say whether white space stood beside it, None at an end of
    the text. `separates`: it parted two words where no white space was, as `&nbsp;` does. `partner` is the place
    in the list of marks of the tag that closes or opens this one; only a point has none.
    """

    text: str
    kind: Kind
    place: int
    before: bool | None
    after: bool | None
    separates: bool = False
    partner: int = -1


@dataclass(frozen=True)
class Marked:
    """A text without its markup, and the marks in their order.

    `escaped`: the markup held entities such as `&amp;`, which `text` has as the characters they stand for.
    """

    text: str
    marks: tuple[Mark, ...] = ()
    escaped: bool = False


@dataclass(frozen=True)
class _Found:
    """Markup as it was found: what it is, and whether it parts words when nothing else does."""

    text: str
    kind: Kind = "point"
    name: str = ""
    parts_words: bool = True
    partner: int = -1


def take_out(text: str, addresses: bool = False) -> Marked:
    """The text without markup, and its marks; `addresses` takes URLs and e-mail addresses for markup too.

    An entity for white space or for a sign that nobody sees is a mark, any other is the character it stands for.
    A tag without a partner, or with one on the other side of an enclosing tag, is a point like a placeholder.
    """
    found, chunks, escaped = _find(text, _PATTERNS[addresses])
    if not found:
        return Marked(chunks[0], (), escaped)
    found = _paired(found)
    plain = [chunks[0][: len(chunks[0]) - len(chunks[0].lstrip())]]
    length = len(plain[0])
    marks: list[Mark] = []
    for first, last in _runs(chunks):
        words = chunks[first].strip()
        joint, separates = _joint(found[first:last], chunks[first : last + 1])
        length += len(words)
        marks += [_mark(found, chunks, place, length, separates) for place in range(first, last)]
        length += len(joint)
        plain += [words, joint]
    trailing = chunks[-1][len(chunks[-1].rstrip()) :]
    return Marked("".join([*plain, chunks[-1].strip(), trailing]), tuple(marks), escaped)


def _find(text: str, pattern: re.Pattern[str]) -> tuple[list[_Found], list[str], bool]:
    """The markup, the texts before, between and behind, and whether a character's entity was written out."""
    found: list[_Found] = []
    chunks, position, escaped = [""], 0, False
    for match in pattern.finditer(text):
        chunks[-1] += text[position : match.start()]
        position = match.end()
        character = _character(match[0]) if match.lastgroup == "entity" else ""
        if _is_seen(character):
            chunks[-1] += character
            escaped = True
        else:
            found.append(_classified(match[0], str(match.lastgroup), character))
            chunks.append("")
    chunks[-1] += text[position:]
    return found, chunks, escaped


def _character(entity: str) -> str:
    """What an entity stands for; nothing if nobody has said."""
    return html.unescape(entity) if entity[1] == "#" else html5.get(entity[1:], "")


def _is_seen(characters: str) -> bool:
    return bool(characters) and not any(c.isspace() or unicodedata.category(c)[0] == "C" for c in characters)


def _classified(text: str, group: str, character: str) -> _Found:
    if group != "tag":
        return _Found(text, parts_words=group != "aside" and (not character or character.isspace()))
    name = text.lstrip("</").split(">")[0].split("/")[0].split()[0].lower()
    kind: Kind = "close" if text[1] == "/" else "point" if text[-2] == "/" or name in _VOID else "open"
    return _Found(text, kind, name, parts_words=name not in _INLINE)


def _paired(found: Sequence[_Found]) -> list[_Found]:
    """Each tag with its partner; those without become points."""
    partners = [-1] * len(found)
    opened: list[int] = []
    names: Counter[str] = Counter()
    for place, one in enumerate(found):
        if one.kind == "open":
            opened.append(place)
            names[one.name] += 1
        while one.kind == "close" and names[one.name] and partners[place] < 0:
            last = opened.pop()
            names[found[last].name] -= 1
            if found[last].name == one.name:
                partners[last], partners[place] = place, last
    return [
        replace(one, partner=partner, kind=one.kind if partner >= 0 else "point")
        for one, partner in zip(found, partners, strict=True)
    ]


def _runs(chunks: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of the marks that stand together, with only white space between."""
    first = 0
    for place in range(1, len(chunks)):
        if chunks[place].strip() or place == len(chunks) - 1:
            yield first, place
            first = place


def _joint(run: Sequence[_Found], around: Sequence[str]) -> tuple[str, bool]:
    """The white space left where a run of marks was, and whether it is there only because of them.

    None before a comma or behind a bracket that the run stood against: "Hallo {0}, du" becomes "Hallo, du".
    """
    left, right = around[0], around[-1]
    if not left.strip() or not right.strip():
        return "", False
    kinds = {one.kind for one in run}
    if (right[0] in CLOSING and "open" not in kinds) or (left[-1] in OPENING and "close" not in kinds):
        return "", False
    spaces = [left[len(left.rstrip()) :], *around[1:-1], right[: len(right) - len(right.lstrip())]]
    if any(spaces):
        return next(filter(None, spaces)), False
    separates = any(one.parts_words for one in run)
    return " " if separates else "", separates


def _mark(found: Sequence[_Found], chunks: Sequence[str], number: int, place: int, separates: bool) -> Mark:
    """The mark of one token of markup, which stood at this place of the text without markup."""
    one, before, after = found[number], chunks[number], chunks[number + 1]
    at_start = number == 0 and not before.strip()
    at_end = number == len(found) - 1 and not after.strip()
    return Mark(
        one.text,
        one.kind,
        place,
        None if at_start else _spaced(before[-1:]),
        None if at_end else _spaced(after[:1]),
        separates and one.parts_words,
        one.partner,
    )


def _spaced(neighbour: str) -> bool | None:
    """Whether the neighbour is white space; None for punctuation. No neighbour is another mark."""
    return neighbour.isspace() if not neighbour or neighbour.isspace() or neighbour.isalnum() else None
