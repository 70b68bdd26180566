"""Select the sentences that a report shows, and say why: the content of the report in HTML and in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regard.explain import Grid
from regard.explain.words import visible
from regard.lab.evaluation import Evaluation, SentenceEvaluation, word_links
from regard.metrics import to_nfc
from regard.records.text import Links, Translation

UNDERUSED, OVERUSED = 0.2, 2.0  # coverage below and above which a source word is named
_MAX_NAMED = 8

_BY_LINKS = (
    "The model was forced to output each reference. Sentences are ranked by their alignment error rate (AER): each "
    "word is linked to the source word it attends to most, and compared with the gold links (Och & Ney 2003)."
)
_BY_COVERAGE = (
    "Without gold links it is unknown where a word should attend, but every source word should be attended to about "
    "once. Sentences are ranked by how far they are from that: the coverage deviation is the mean of "
    "log(1 + (1 − c)²) over source words, where c is the total weight each receives (Rikters & Fishel 2017). "
    "A free translation may deviate too."
)


@dataclass(frozen=True)
class Case:
    """A selected sentence: why it was selected, its attention, and the cells of its gold links."""

    sentence: SentenceEvaluation
    reason: str
    remarks: tuple[str, ...]
    grid: Grid | None
    gold: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class EvaluationReport:
    """The content of a report; `attention_note` says by which measure the attention cases were ranked."""

    title: str
    subtitle: str
    figures_note: str
    evaluation: Evaluation
    translations: tuple[Case, ...]
    attention: tuple[Case, ...]
    attention_note: str


def mark_unmatched(text: str, others: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the words of a text, and whether each is missing from all others; occurrences are counted, in NFC."""
    remaining = Counter[str]()
    for other in others:
        remaining |= Counter(to_nfc(other).split())
    marked = []
    for word in text.split():
        marked.append((word, remaining[to_nfc(word)] <= 0))
        remaining[to_nfc(word)] -= 1
    return marked


def _task_note(rates: Mapping[str, float]) -> str:
    if not rates:
        return ""
    figures = " and ".join(f"{name} {rate:.2f} %" for name, rate in rates.items())
    return (
        f"As shared tasks on grapheme-to-phoneme report it: {figures}. Their WER is the share of outputs with any "
        "mistake; their PER is the WER here, where each word is a phoneme."
    )


def report_title(system: str, files: Sequence[str]) -> str:
    """Return the title of a report: the system and the files it was evaluated on."""
    return visible(system + (f" on {', '.join(files)}" if files else ""))


def build_report(
    evaluation: Evaluation, system: str, files: Sequence[str], num_worst: int
) -> EvaluationReport:
    """Select the `num_worst` sentences of each kind, under a title that names the system and the files."""
    num_sentences = len(evaluation.sentences)
    by_links = any(sentence.aer is not None for sentence in evaluation.sentences)
    worst_attention = _worst_links if by_links else _worst_coverage
    return EvaluationReport(
        title=report_title(system or "Evaluation", files),
        subtitle=f"{num_sentences:,} sentence{'' if num_sentences == 1 else 's'}",
        figures_note=_task_note(evaluation.task_rates),
        evaluation=evaluation,
        translations=tuple(_worst_translations(evaluation, num_worst)),
        attention=tuple(worst_attention(evaluation, num_worst)),
        attention_note=_BY_LINKS if by_links else _BY_COVERAGE,
    )


def _worst_translations(evaluation: Evaluation, num_worst: int) -> list[Case]:
    """Select the lowest chrF, the longer of equals first; exact matches are never selected."""
    wrong = [sentence for sentence in evaluation.sentences if not sentence.exact]
    wrong.sort(key=lambda sentence: (sentence.chrf, -len(sentence.source)))
    return [
        _case(sentence, f"chrF {sentence.chrf:.1f}", _coverage_remarks(sentence.written), sentence.written)
        for sentence in wrong[:num_worst]
    ]


def _worst_links(evaluation: Evaluation, num_worst: int) -> list[Case]:
    rated = [(sentence.aer, sentence) for sentence in evaluation.sentences if sentence.aer]
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1].source)))
    return [
        _case(sentence, f"AER {100 * aer:.0f} %", _link_remarks(sentence), sentence.forced, sentence.links)
        for aer, sentence in rated[:num_worst]
    ]


def _worst_coverage(evaluation: Evaluation, num_worst: int) -> list[Case]:
    rated = [
        (sentence.coverage_deviation, sentence)
        for sentence in evaluation.sentences
        if sentence.coverage_deviation
    ]
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1].source)))
    return [
        _case(
            sentence,
            f"coverage deviation {deviation:.2f}",
            _coverage_remarks(sentence.written),
            sentence.written,
        )
        for deviation, sentence in rated[:num_worst]
    ]


def _case(
    sentence: SentenceEvaluation,
    reason: str,
    remarks: Sequence[str],
    translation: Translation | None,
    links: Links | None = None,
) -> Case:
    grid = None if translation is None else Grid.of(translation)
    gold = frozenset[tuple[int, int]]()
    if (
        links is not None
        and translation is not None
        and grid is not None
        and grid.target_words == translation.words.texts
    ):
        gold = links.possible
    return Case(sentence, reason, tuple(remarks), grid, gold)


def _coverage_remarks(translation: Translation | None) -> list[str]:
    """Name the source words that received hardly any attention, and those that received too much."""
    grid = None if translation is None else Grid.of(translation)
    if grid is None:
        return []
    words = list(zip(grid.source_words, grid.coverage.tolist(), strict=False))
    remarks = {
        "hardly attended to": [word for word, weight in words if weight < UNDERUSED],
        "attended to too often": [f"{word} ({weight:.1f}×)" for word, weight in words if weight > OVERUSED],
    }
    return [f"{remark}: {_first(named)}" for remark, named in remarks.items() if named]


def _link_remarks(sentence: SentenceEvaluation) -> list[str]:
    """Name the sure gold links that attention misses."""
    if sentence.forced is None or sentence.links is None:
        return []
    source, target = sentence.source.split(), sentence.references[0].split()
    missed = sorted(sentence.links.sure - word_links(sentence.forced).sure, key=lambda link: link[1])
    return [f"missed: {_first([f'{target[t]} ← {source[s]}' for s, t in missed])}"] if missed else []


def _first(words: Sequence[str]) -> str:
    return ", ".join(words[:_MAX_NAMED]) + (" …" if len(words) > _MAX_NAMED else "")
