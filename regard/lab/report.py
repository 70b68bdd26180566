"""An evaluation to read and to pass on: one HTML page, or Markdown, with the worst sentences and their attention."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from regard.errors import ConfigError, DataError
from regard.explain import Grid, HeatMap
from regard.explain.words import visible
from regard.lab.evaluation import Evaluation, Judged, word_links
from regard.records import Links, Translation

NUM_WORST = 10
SUFFIXES = (".html", ".htm", ".md")
PASSED_OVER, OVERUSED = 0.2, 2.0  # weight drawn over the whole sentence, from which words are named
_MOST_NAMED = 8
_WIDTH = 100  # characters of a heat map in Markdown


@dataclass(frozen=True)
class Case:
    """A sentence to look at: why it was chosen, its attention, and the cells where gold links lie."""

    sentence: Judged
    reason: str
    remarks: tuple[str, ...]
    grid: Grid | None
    gold: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Report:
    """What both forms of a report show; `attention_note` says by what measure attention was called wrong."""

    title: str
    subtitle: str
    figures_note: str
    found: Evaluation
    translations: tuple[Case, ...]
    attention: tuple[Case, ...]
    attention_note: str


def write_report(
    found: Evaluation,
    path: str | Path,
    system: str | Path = "",
    test_set: Sequence[str | Path] = (),
    worst: int = NUM_WORST,
) -> None:
    """Write an evaluation with its `worst` sentences to one file, HTML or Markdown by its suffix.

    The page needs nothing beside itself. `system` and `test_set` are names for its title. Raises ConfigError for
    another suffix, DataError where nothing can be written.
    """
    from regard.lab.markdown import markdown_report
    from regard.lab.page import html_report

    path = check_report(path, worst)
    report = _report(found, str(system), [Path(file).name for file in test_set], worst)
    text = markdown_report(report) if path.suffix.lower() == ".md" else html_report(report)
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def check_report(path: str | Path, worst: int = NUM_WORST) -> Path:
    """The path, if a report can have its suffix; ConfigError if not, or for a number of sentences below 0."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: expected a report ending in {', '.join(SUFFIXES)}, got {path.suffix!r}; rename it"
        )
    if worst < 0:
        raise ConfigError(f"worst: expected a number of sentences from 0 on, got {worst}")
    return path


def odd_words(text: str, others: Sequence[str]) -> list[tuple[str, bool]]:
    """The words of a text, and whether each is missing from every one of the others (counting how often)."""
    left = Counter[str]()
    for other in others:
        left |= Counter(other.split())
    marked = []
    for word in text.split():
        marked.append((word, left[word] <= 0))
        left[word] -= 1
    return marked


def heat_text(grid: Grid) -> str:
    """The grid as plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as shown:
        console.print(HeatMap(grid.matrix, grid.source_words, grid.target_words))
    return "\n".join(line.rstrip() for line in shown.get().rstrip("\n").split("\n"))


def _report(found: Evaluation, system: str, files: Sequence[str], worst: int) -> Report:
    on = f" on {', '.join(files)}" if files else ""
    number = len(found.sentences)
    by_links = any(one.aer is not None for one in found.sentences)
    chosen = _worst_links(found, worst) if by_links else _worst_coverage(found, worst)
    return Report(
        title=visible(f"{system or 'Evaluation'}{on}"),
        subtitle=f"{number:,} sentence{'' if number == 1 else 's'}",
        figures_note=_SPELLED if found.length_unit == "characters" else "",
        found=found,
        translations=tuple(_worst_translations(found, worst)),
        attention=tuple(chosen),
        attention_note=_BY_LINKS if by_links else _BY_COVERAGE,
    )


_SPELLED = (
    "Shared tasks on grapheme-to-phoneme call 100 − exact match their WER; the WER here, over phonemes as words, is "
    "their PER."
)
_BY_LINKS = (
    "The model was made to write each reference. Sentences stand by the error rate (AER) of the links from each word "
    "to the source word it was most attended from, against the gold links (Och & Ney 2003)."
)
_BY_COVERAGE = (
    "Without gold links there is no knowing where a word should look, but every source word should be looked at "
    "about once. Sentences stand by how far they are from that: the coverage deviation is the mean of "
    "log(1 + (1 − c)²) over source words, where c is the weight that each drew in all (Rikters & Fishel 2017). "
    "A free translation may deviate too."
)


def _worst_translations(found: Evaluation, number: int) -> list[Case]:
    """Those with the lowest chrF, of equals the longer first; what is exactly right is never among them."""
    wrong = [one for one in found.sentences if not one.exact]
    wrong.sort(key=lambda one: (one.chrf, -len(one.source)))
    return [
        _case(one, f"chrF {one.chrf:.1f}", _coverage_remarks(one.written), one.written)
        for one in wrong[:number]
    ]


def _worst_links(found: Evaluation, number: int) -> list[Case]:
    rated = [(one.aer, one) for one in found.sentences if one.aer]
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1].source)))
    return [
        _case(one, f"AER {100 * aer:.0f} %", _link_remarks(one), one.forced, one.links)
        for aer, one in rated[:number]
    ]


def _worst_coverage(found: Evaluation, number: int) -> list[Case]:
    rated = [(one.coverage_deviation, one) for one in found.sentences if one.coverage_deviation]
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1].source)))
    return [
        _case(one, f"coverage deviation {deviation:.2f}", _coverage_remarks(one.written), one.written)
        for deviation, one in rated[:number]
    ]


def _case(
    one: Judged,
    reason: str,
    remarks: Sequence[str],
    looked: Translation | None,
    links: Links | None = None,
) -> Case:
    grid = None if looked is None else Grid.of(looked)
    gold = frozenset[tuple[int, int]]()
    if (
        links is not None
        and looked is not None
        and grid is not None
        and grid.target_words == looked.words.texts
    ):
        gold = links.possible
    return Case(one, reason, tuple(remarks), grid, gold)


def _coverage_remarks(looked: Translation | None) -> list[str]:
    """Which source words were passed over, and which were looked at again and again."""
    grid = None if looked is None else Grid.of(looked)
    if grid is None:
        return []
    words = list(zip(grid.source_words, grid.coverage.tolist(), strict=False))
    remarks = {
        "hardly looked at": [word for word, weight in words if weight < PASSED_OVER],
        "looked at too often": [f"{word} ({weight:.1f}×)" for word, weight in words if weight > OVERUSED],
    }
    return [f"{remark}: {_first(named)}" for remark, named in remarks.items() if named]


def _link_remarks(one: Judged) -> list[str]:
    """The sure gold links that attention missed."""
    if one.forced is None or one.links is None:
        return []
    source, target = one.source.split(), one.references[0].split()
    missed = sorted(one.links.sure - word_links(one.forced).sure, key=lambda link: link[1])
    return [f"missed: {_first([f'{target[t]} ← {source[s]}' for s, t in missed])}"] if missed else []


def _first(words: Sequence[str]) -> str:
    return ", ".join(words[:_MOST_NAMED]) + (" …" if len(words) > _MOST_NAMED else "")
