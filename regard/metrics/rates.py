"""Exact match, and error rates by edit distance (jiwer): for speech, spelling to sound, inflection, normalisation.

`Statistics` brings both sides to NFC; here each run of white space counts as one space, and none at the ends.
Shared tasks on grapheme-to-phoneme conversion (SIGMORPHON 2020) call the share of words with any wrong phoneme their
WER: that is 100 − exact match. Their PER is the word error rate here, since their words are phonemes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regard.metrics.sufficient_statistics import Counts, Metric, MetricScore, References, Statistics

Unit = Literal["words", "characters"]


def exact_match(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False
) -> MetricScore:
    """Return the share of outputs that are exactly their reference, in percent.

    Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Statistics.compute(ExactMatch(lowercase), hypotheses, [references]).score()


def wer(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> MetricScore:
    """Return the word error rate 100 (S + D + I) / N over the whole corpus; lower is better.

    S words are substituted, D deleted and I inserted; the references have N words, split at white space. Where words
    are phonemes this is the phoneme error rate (PER). Raises DataError as `exact_match` does.
    """
    return Statistics.compute(ErrorRate("words", lowercase), hypotheses, [references]).score()


def cer(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> MetricScore:
    """Return the character error rate: `wer` over characters, spaces between words included; lower is better."""
    return Statistics.compute(ErrorRate("characters", lowercase), hypotheses, [references]).score()


class ExactMatch(Metric):
    """Counts (matches, sentences); an output that equals any of its references is a match."""

    def __init__(self, lowercase: bool = False) -> None:
        self.lowercase = lowercase

    def count(self, hypotheses: Sequence[str], references: References) -> Counts:
        """Return (1, 1) for each sentence that matches, (0, 1) for each other."""
        matches = [
            any(
                _canonical(reference, self.lowercase) == _canonical(text, self.lowercase)
                for reference in alternatives
                if reference is not None
            )
            for text, *alternatives in zip(hypotheses, *references, strict=True)
        ]
        return np.array([(float(match), 1.0) for match in matches])

    def value(self, counts: NDArray[np.float64]) -> float:
        """Return the percentage of matches."""
        return float(100 * counts[0] / counts[1])

    def signature(self, num_references: str, resampled: str) -> str:
        """Return the signature in sacrebleu's form."""
        return _signature(num_references, resampled, self.lowercase, "unit:sentences")


class ErrorRate(Metric):
    """Counts (edits, length of the reference), in words or characters.

    Of several references the one with the lowest error rate counts.
    """

    def __init__(self, unit: Unit, lowercase: bool = False) -> None:
        self.unit = unit
        self.lowercase = lowercase

    def count(self, hypotheses: Sequence[str], references: References) -> Counts:
        """Return edits and reference length for each sentence."""
        counts = []
        for text, *alternatives in zip(hypotheses, *references, strict=True):
            edits = [self._edits(text, reference) for reference in alternatives if reference is not None]
            counts.append(min(edits, key=_rate))
        return np.array(counts, dtype=np.float64)

    def value(self, counts: NDArray[np.float64]) -> float:
        """Return edits per 100 units of the references; 100 where those are empty and the outputs are not."""
        return 100 * _rate((float(counts[0]), float(counts[1])))

    def signature(self, num_references: str, resampled: str) -> str:
        """Return the signature in sacrebleu's form."""
        return _signature(
            num_references, resampled, self.lowercase, f"unit:{self.unit}|jiwer:{version('jiwer')}"
        )

    def _edits(self, hypothesis: str, reference: str) -> tuple[float, float]:
        import jiwer

        align = jiwer.process_words if self.unit == "words" else jiwer.process_characters
        found = align(_canonical(reference, self.lowercase), _canonical(hypothesis, self.lowercase))
        wrong = found.substitutions + found.deletions
        return float(wrong + found.insertions), float(wrong + found.hits)


def _canonical(text: str, lowercase: bool) -> str:
    """Return the text with single spaces, and in lower case if requested."""
    return " ".join((text.lower() if lowercase else text).split())


def _rate(counts: tuple[float, float]) -> float:
    edits, length = counts
    return edits / length if length else float(edits > 0)


def _signature(num_references: str, resampled: str, lowercase: bool, rest: str) -> str:
    case = "case:lc" if lowercase else "case:mixed"
    parts = [
        f"nrefs:{num_references}",
        resampled,
        case,
        "norm:NFC",
        rest,
        f"version:regard-{version('regard')}",
    ]
    return "|".join(part for part in parts if part)
