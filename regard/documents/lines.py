"""Lines of any length and content, translated sentence by sentence; a line in is a line out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from regard.data import Tokeniser
from regard.data.markup import StrippedText, strip_markup
from regard.data.sentences import split_long, split_sentences
from regard.documents.join import Cut, join
from regard.documents.missing_terms import Unmet, Warn
from regard.documents.reinsert_markup import place_marks
from regard.errors import ConfigError, DataError, SearchError
from regard.records.text import Translation
from regard.translator import Translator, load

Watch = Callable[[int], None]  # called with the number of lines just done
_LINE_END = re.compile(r"(\r?\n)")


@dataclass(frozen=True)
class TextOptions:
    """How lines are read before they are translated.

    Args:
        split: a line of several sentences is translated sentence by sentence: always; never; or auto, for a model
            that reads words or parts of words, not single characters
        language: the source's language for the splitting, such as de; empty: rules that fit most
        max_length: longer sentences, in source tokens, are translated in parts; 0: as long as in training
        markup: tags, placeholders and entities are carried over, not translated
        addresses: URLs and e-mail addresses are carried over too
    """

    split: Literal["auto", "always", "never"] = "auto"
    language: str = ""
    max_length: int = 0
    markup: bool = False
    addresses: bool = False

    def __post_init__(self) -> None:
        if self.split not in ("auto", "always", "never"):
            raise ConfigError(f"split: expected auto, always or never, got {self.split!r}")
        if self.max_length < 0:
            raise ConfigError(
                f"max_length: expected a number from 1 on, or 0 for the model's, got {self.max_length}"
            )
        split_sentences("", self.language)


DEFAULT = TextOptions()


@dataclass(frozen=True)
class Document:
    """A translated text, and the translation of each of its lines."""

    text: str
    lines: tuple[Translation, ...]


def translate_document(
    model: str | Path | Translator,
    text: str,
    options: TextOptions = DEFAULT,
    *,
    warn: Warn | None = None,
    watch: Watch | None = None,
    **how: Any,
) -> Document:
    """Translate a text of any number of lines and sentences, keeping its line ends, empty lines and indentation.

    `model` may be the folder of one; all else as in `translate_lines`.
    """
    translator = load(model) if isinstance(model, str | Path) else model
    lines = _LINE_END.split(text)  # every second is a line end
    found = tuple(translate_lines(translator, lines[::2], options, warn=warn, watch=watch, **how))
    ends = [*lines[1::2], ""]
    return Document("".join(one.text + end for one, end in zip(found, ends, strict=True)), found)


def translate_lines(
    translator: Translator,
    lines: Sequence[str],
    options: TextOptions = DEFAULT,
    *,
    first_line: int = 1,
    warn: Warn | None = None,
    watch: Watch | None = None,
    unknown: Counter[str] | None = None,
    missing_terms: Unmet | None = None,
    **how: Any,
) -> Iterator[Translation]:
    """Translate each line, whatever it holds: nothing, a sentence, a paragraph, a book.

    Sentences are translated together and joined again as `join` says; white space around and between them is kept.
    A line for a model that reads features is not cut. `warn` is told of each sentence too long for the model, with
    its line counted from `first_line`, and of glossary terms that were not written, if there is no `missing_terms` to
    be told; words the model does not know are added to `unknown`; `how` are the keywords of `Translator.translate`.
    Where markup is carried over, `text` has it, while tokens, words and attention are those of the line without it.
    Raises SearchError for markup with a model that has no attention, DataError for a line that lacks features.
    """
    without = options.markup or options.addresses
    marked = [strip_markup(line, options.addresses) if without else StrippedText(line) for line in lines]
    cuts = _cut(translator, [each.text for each in marked], options, first_line, warn)
    texts = [text for cut in cuts for text in cut.texts]
    if unknown is not None:
        unknown.update(translator.unknown_words(texts))
    if "prefix" in how:
        how["prefix"] = _prefixes(how["prefix"], cuts)
    by_line = _LineWatch(watch, len(lines), len(texts))
    parts = iter(translator.translate(texts, watch=by_line.done, **how))
    by_line.done(0)
    found = (
        _with_marks(line, each, join(cut, list(islice(parts, len(cut.texts))), ranked=not how.get("sample")))
        for line, each, cut in zip(lines, marked, cuts, strict=True)
    )
    return (
        _telling(found, first_line, Unmet(warn))
        if missing_terms is None
        else missing_terms.watching(found, first_line)
    )


def _telling(lines: Iterator[Translation], first_line: int, missing_terms: Unmet) -> Iterator[Translation]:
    """The lines; what they lack is told, and how many there were in the end."""
    yield from missing_terms.watching(lines, first_line)
    missing_terms.tell_rest()


def _cut(
    translator: Translator, texts: Sequence[str], options: TextOptions, first_line: int, warn: Warn | None
) -> list[Cut]:
    """Each line in sentences if they are wanted, and those in parts that are not too long; features stay whole."""
    tokeniser = translator.tokenisers.source
    if tokeniser.reads_features:
        _check_features(tokeniser, texts, first_line)
        return [Cut.whole(text) for text in texts]
    limit = options.max_length or translator.max_tokens
    split = options.split == "always" or (options.split == "auto" and tokeniser.config.kind != "characters")
    sentences = [split_sentences(text, options.language) if split else [text] for text in texts]
    windows = iter(split_long([one for line in sentences for one in line], limit, partial(_sizes, tokeniser)))
    cuts = []
    for number, (text, line) in enumerate(zip(texts, sentences, strict=True), start=first_line):
        parts = []
        for sentence in line:
            inside = next(windows)
            parts += inside
            if warn is not None and len(inside) > 1:
                warn(
                    f"line {number}: a sentence of {len(tokeniser.encode(sentence))} tokens, longer than the {limit} "
                    f"that the model takes at once, was translated in {len(inside)} parts"
                )
        cuts.append(Cut.of(text, parts))
    return cuts


def _check_features(tokeniser: Tokeniser, lines: Sequence[str], first_line: int) -> None:
    """Raise DataError, naming the line, for one that lacks the features which the model reads."""
    for number, line in enumerate(lines, start=first_line):
        try:
            tokeniser.check_features(line)
        except DataError as error:
            raise DataError(f"line {number}: {error}") from None


def _prefixes(prefix: str | Sequence[str], cuts: Sequence[Cut]) -> list[str]:
    """What the first sentence of each line must begin with."""
    lines = [prefix] * len(cuts) if isinstance(prefix, str) else prefix
    if len(lines) != len(cuts):
        raise SearchError(
            f"search: expected one prefix for each line, got {len(lines)} for {len(cuts)}; or give one text for all"
        )
    return [
        begin if place == 0 else ""
        for begin, cut in zip(lines, cuts, strict=True)
        for place in range(len(cut.texts))
    ]


def _sizes(tokeniser: Tokeniser, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokeniser.encode_batch(texts)]


def _with_marks(line: str, marked: StrippedText, found: Translation) -> Translation:
    """The translation of a line with its markup back in place."""
    if not marked.tags and not marked.escaped:
        return found
    if not marked.text.strip():
        return replace(found, text=line, source=line)
    if found.attention is None and not any(part.attention is not None for part in found.sentences):
        raise SearchError(
            "markup is carried over by attention, and this model has none; "
            "do without, or choose a model with a score function"
        )
    others = (replace(other, text=place_marks(marked, other), source=line) for other in found.alternatives)
    return replace(found, text=place_marks(marked, found), source=line, alternatives=tuple(others))


class _LineWatch:
    """Turns numbers of sentences just done into numbers of lines."""

    def __init__(self, watch: Watch | None, lines: int, sentences: int) -> None:
        self._watch, self._lines, self._sentences = watch, lines, sentences
        self._done = self._told = 0

    def done(self, number: int) -> None:
        """So many more sentences are translated."""
        self._done += number
        lines = self._lines * self._done // self._sentences if self._sentences else self._lines
        if self._watch is not None and lines > self._told:
            self._watch(lines - self._told)
        self._told = lines
