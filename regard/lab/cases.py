"""Which sentences of an evaluation to look at, and why: what every form of a report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regard.explain import Grid
from regard.explain.words import visible
from regard.lab.evaluation import Evaluation, Judged, word_links
from regard.metrics import to_nfc
from regard.records.text import Links, Translation

PASSED_OVER, OVERUSED = 0.2, 2.0  # weight drawn over the whole sentence, from which words are named
_MOST_NAMED = 8

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


def odd_words(text: str, others: Sequence[str]) -> list[tuple[str, bool]]:
    """The words of a text, and whether each is missing from every one of the others (counting how often, in NFC)."""
    left = Counter[str]()
    for other in others:
        left |= Counter(to_nfc(other).split())
    marked = []
    for word in text.split():
        marked.append((word, left[to_nfc(word)] <= 0))
        left[to_nfc(word)] -= 1
    return marked


def _task_note(rates: Mapping[str, float]) -> str:
    if not rates:
        return ""
    said = " and ".join(f"{name} {rate:.2f} %" for name, rate in rates.items())
    return (
        f"As shared tasks on grapheme-to-phoneme report it: {said}. Their WER is the share of outputs with any "
        "mistake; their PER is the WER here, over phonemes as words."
    )


def title_of(system: str, files: Sequence[str]) -> str:
    """What a report stands under: the system and what it was measured on."""
    return visible(system + (f" on {', '.join(files)}" if files else ""))


def report_of(found: Evaluation, system: str, files: Sequence[str], worst: int) -> Report:
    """The `worst` sentences of each kind, and a title that names the system and the files."""
    number = len(found.sentences)
    by_links = any(one.aer is not None for one in found.sentences)
    chosen = _worst_links(found, worst) if by_links else _worst_coverage(found, worst)
    return Report(
        title=title_of(system or "Evaluation", files),
        subtitle=f"{number:,} sentence{'' if number == 1 else 's'}",
        figures_note=_task_note(found.task_rates),
        found=found,
        translations=tuple(_worst_translations(found, worst)),
        attention=tuple(chosen),
        attention_note=_BY_LINKS if by_links else _BY_COVERAGE,
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
