"""The result of evaluating one system on a test set: figures, and every sentence with its attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from regard.alignment import AlignmentScore, links_from_attention
from regard.metrics import FrequencyBin, LengthBin, MetricScore, Statistics
from regard.records.text import Links, Translation

FIGURES = ("bleu", "chrf", "ter", "exact_match", "wer", "cer")
_BLEU_ORDER = 4  # BLEU counts n-grams of up to four words


@dataclass(frozen=True)
class SentenceEvaluation:
    """One sentence of a test set: its translation, how good that is, and its attention.

    `number` counts from 1. `written` is the translation with its attention, None where only the text is known.
    `forced` is the reference decoded by force, where its gold `links` are known; `aer` compares its attention with
    them. `coverage_deviation` is that of `written`, between words. All four are None without attention.
    """

    number: int
    source: str
    references: tuple[str, ...]
    translation: str
    chrf: float
    exact: bool
    written: Translation | None = None
    forced: Translation | None = None
    links: Links | None = None
    aer: float | None = None
    coverage_deviation: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """The figures of one system on one test set.

    `by_length` counts `length_unit`s of the source: words, or characters if every source is a single word. `num_long`
    is the number of sources longer than those the model was trained on; each is translated as one sentence
    nevertheless. `by_frequency` is empty if the training text is unknown; `aer` and `diagonal_aer` are None without
    gold links, and `aer` also without attention. `statistics` holds what each figure is computed from, by name.
    """

    bleu: MetricScore
    chrf: MetricScore
    ter: MetricScore
    exact_match: MetricScore
    wer: MetricScore
    cer: MetricScore
    by_length: list[LengthBin]
    length_unit: str
    num_long: int
    by_frequency: list[FrequencyBin]
    aer: AlignmentScore | None
    diagonal_aer: AlignmentScore | None
    sentences: tuple[SentenceEvaluation, ...] = field(repr=False)
    statistics: Mapping[str, Statistics] = field(repr=False)

    @property
    def translations(self) -> tuple[str, ...]:
        """The translations of the system, in order."""
        return tuple(sentence.translation for sentence in self.sentences)

    @property
    def scores(self) -> dict[str, MetricScore]:
        """The figures over the whole test set by name, without BLEU if every translation is too short for it."""
        short = all(len(text.split()) < _BLEU_ORDER for text in self.translations)
        return {name: getattr(self, name) for name in FIGURES if not (short and name == "bleu")}

    @property
    def task_rates(self) -> dict[str, float]:
        """WER and PER as grapheme-to-phoneme tasks report them, in per cent; empty unless sources are single words.

        Their WER is the share of outputs with any mistake; their PER is our WER, where each word is a phoneme.
        """
        if self.length_unit != "characters":
            return {}
        return {"WER": 100 - self.exact_match.value, "PER": self.wer.value}

    def figures(self) -> dict[str, Any]:
        """Return all figures, without the sentences, ready for JSON."""
        bins = {name: [asdict(row) for row in getattr(self, name)] for name in ("by_length", "by_frequency")}
        alignment = {name: getattr(self, name) for name in ("aer", "diagonal_aer")}
        return {
            **{name: asdict(score) for name, score in self.scores.items()},
            "task_rates": self.task_rates,
            **bins,
            "length_unit": self.length_unit,
            "num_long": self.num_long,
            **{name: None if score is None else asdict(score) for name, score in alignment.items()},
        }


def word_links(translation: Translation) -> Links:
    """Link each word of a translation to the source word it attends to most."""
    if translation.attention is None:
        return Links()
    return links_from_attention(
        translation.attention, translation.source_words.word_of_token, translation.words.word_of_token
    )
