"""Lines of any length and content, translated sentence by sentence: one line of output for each line of input."""

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
from regard.documents.join import SegmentedLine, join_segments
from regard.documents.missing_terms import MissingTermsWarner, WarningCallback
from regard.documents.reinsert_markup import reinsert_markup
from regard.errors import ConfigError, DataError, SearchError
from regard.records.text import Translation
from regard.translator import Translator, load

ProgressCallback = Callable[[int], None]  # called with the number of lines just translated
_LINE_END = re.compile(r"(\r?\n)")


@dataclass(frozen=True)
class TextOptions:
    """How lines are split and cleaned before they are translated.

    Args:
        split: translate a line of several sentences sentence by sentence: always; never; or auto, for a model of
            words or subwords, but not of characters
        language: the source language for sentence splitting, such as de; empty: rules that fit most languages
        max_length: translate longer sentences, in source tokens, in parts; 0: the limit of training
        markup: carry over tags, placeholders and entities instead of translating them
        addresses: carry over URLs and e-mail addresses too
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
                f"max_length: expected 1 or more, or 0 for the model's limit, got {self.max_length}"
            )
        split_sentences("", self.language)  # raises for an unknown language


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
    warn: WarningCallback | None = None,
    watch: ProgressCallback | None = None,
    **search_options: Any,
) -> Document:
    """Translate a text of any number of lines and sentences, keeping line ends, empty lines and indentation.

    `model` is a translator or a model folder; all other arguments are as in `translate_lines`.
    """
    translator = load(model) if isinstance(model, str | Path) else model
    lines = _LINE_END.split(text)  # lines and line ends alternate
    translations = tuple(
        translate_lines(translator, lines[::2], options, warn=warn, watch=watch, **search_options)
    )
    line_ends = [*lines[1::2], ""]
    return Document(
        "".join(line.text + end for line, end in zip(translations, line_ends, strict=True)), translations
    )


def translate_lines(
    translator: Translator,
    lines: Sequence[str],
    options: TextOptions = DEFAULT,
    *,
    first_line: int = 1,
    warn: WarningCallback | None = None,
    watch: ProgressCallback | None = None,
    unknown: Counter[str] | None = None,
    missing_terms: MissingTermsWarner | None = None,
    **search_options: Any,
) -> Iterator[Translation]:
    """Translate each line, whatever it holds: nothing, a sentence, a paragraph, a book.

    Sentences are translated in batches and joined again (see `join_segments`), with the white space around and
    between them. A line for a model that reads features is not split. `search_options` are keyword arguments of
    `Translator.translate`. Where markup is carried over, `text` has it, while tokens, words and attention are those
    of the line without it.

    `warn` is called with a message for each sentence too long for the model, its line numbered from `first_line`,
    and for glossary terms that a translation lacks, unless `missing_terms` is there for these; `watch` with numbers
    of lines just translated. Words that the model does not know are counted in `unknown`.

    Raises SearchError for markup with a model that has no attention, DataError for a line that lacks features.
    """
    has_marks = options.markup or options.addresses
    marked = [strip_markup(line, options.addresses) if has_marks else StrippedText(line) for line in lines]
    segmented = _segment(translator, [each.text for each in marked], options, first_line, warn)
    segments = [segment for line in segmented for segment in line.segments]
    if unknown is not None:
        unknown.update(translator.unknown_words(segments))
    if "prefix" in search_options:
        search_options["prefix"] = _segment_prefixes(search_options["prefix"], segmented)
    progress = _LineProgress(watch, len(lines), len(segments))
    translations = iter(translator.translate(segments, watch=progress.advance, **search_options))
    progress.advance(0)
    ranked = not search_options.get("sample")
    joined = (
        _with_markup(
            line, tags, join_segments(parts, list(islice(translations, len(parts.segments))), ranked)
        )
        for line, tags, parts in zip(lines, marked, segmented, strict=True)
    )
    if missing_terms is not None:
        return missing_terms.check(joined, first_line)
    return _warn_of_missing_terms(joined, first_line, warn)


def _warn_of_missing_terms(
    lines: Iterator[Translation], first_line: int, warn: WarningCallback | None
) -> Iterator[Translation]:
    """Yield the same lines, with warnings for glossary terms that they lack."""
    warner = MissingTermsWarner(warn)
    yield from warner.check(lines, first_line)
    warner.warn_of_rest()


def _segment(
    translator: Translator,
    texts: Sequence[str],
    options: TextOptions,
    first_line: int,
    warn: WarningCallback | None,
) -> list[SegmentedLine]:
    """Split lines into sentences if the options say so, and long sentences into parts; lines with features stay."""
    tokeniser = translator.tokenisers.source
    if tokeniser.reads_features:
        _check_features(tokeniser, texts, first_line)
        return [SegmentedLine.unsplit(text) for text in texts]
    limit = options.max_length or translator.max_tokens
    split = options.split == "always" or (options.split == "auto" and tokeniser.config.kind != "characters")
    lines = [split_sentences(text, options.language) if split else [text] for text in texts]
    all_sentences = [sentence for line in lines for sentence in line]
    parts_of_sentences = iter(split_long(all_sentences, limit, partial(_num_tokens, tokeniser)))
    segmented = []
    for number, (text, sentences) in enumerate(zip(texts, lines, strict=True), start=first_line):
        segments = []
        for sentence in sentences:
            parts = next(parts_of_sentences)
            segments += parts
            if warn is not None and len(parts) > 1:
                warn(
                    f"line {number}: a sentence of {len(tokeniser.encode(sentence))} tokens, longer than the {limit} "
                    f"that the model takes at once, was translated in {len(parts)} parts"
                )
        segmented.append(SegmentedLine.from_parts(text, segments))
    return segmented


def _check_features(tokeniser: Tokeniser, lines: Sequence[str], first_line: int) -> None:
    """Raise DataError, with the line's number, for a line that lacks the features that the model reads."""
    for number, line in enumerate(lines, start=first_line):
        try:
            tokeniser.check_features(line)
        except DataError as error:
            raise DataError(f"line {number}: {error}") from None


def _segment_prefixes(prefix: str | Sequence[str], lines: Sequence[SegmentedLine]) -> list[str]:
    """Return a prefix for each segment: that of its line for the first segment of a line, none for the others."""
    prefixes = [prefix] * len(lines) if isinstance(prefix, str) else prefix
    if len(prefixes) != len(lines):
        raise SearchError(
            f"search: expected one prefix for each line, got {len(prefixes)} for {len(lines)}; "
            "or give one text for all"
        )
    return [
        line_prefix if index == 0 else ""
        for line_prefix, line in zip(prefixes, lines, strict=True)
        for index in range(len(line.segments))
    ]


def _num_tokens(tokeniser: Tokeniser, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokeniser.encode_batch(texts)]


def _with_markup(line: str, marked: StrippedText, translation: Translation) -> Translation:
    """Reinsert the markup of a line into its translation and all alternatives."""
    if not marked.tags and not marked.escaped:
        return translation
    if not marked.text.strip():
        return replace(translation, text=line, source=line)
    parts = (translation, *translation.sentences)
    if all(part.attention is None for part in parts):
        raise SearchError(
            "markup is carried over by attention, and this model has none; "
            "do without, or choose a model with a score function"
        )
    best, *others = (
        replace(each, text=reinsert_markup(marked, each), source=line)
        for each in (translation, *translation.alternatives)
    )
    return replace(best, alternatives=tuple(others))


class _LineProgress:
    """Reports progress in lines, from numbers of segments just translated."""

    def __init__(self, watch: ProgressCallback | None, num_lines: int, num_segments: int) -> None:
        self._watch, self._num_lines, self._num_segments = watch, num_lines, num_segments
        self._segments_done = self._lines_reported = 0

    def advance(self, num_segments: int) -> None:
        """Report the lines that are done once `num_segments` more segments are translated."""
        self._segments_done += num_segments
        lines_done = self._num_lines
        if self._num_segments:
            lines_done = self._num_lines * self._segments_done // self._num_segments
        if self._watch is not None and lines_done > self._lines_reported:
            self._watch(lines_done - self._lines_reported)
        self._lines_reported = lines_done
