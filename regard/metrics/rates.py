"""Exact match, and error rates by edit distance (jiwer): for speech, spelling to sound, inflection, normalisation.

`Tally` brings both sides to NFC; here each run of white space counts as one space, and none at the ends.
Shared tasks on grapheme-to-phoneme (SIGMORPHON 2020) call the share of words whose phonemes are not all right their
WER: that is 100 − exact match; their PER is the word error rate here, for their words are phonemes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regard.metrics.sufficient_statistics import Metric, References, Rows, Score, Tally

Unit = Literal["words", "characters"]


def exact_match(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Score:
    """The share of outputs that are exactly their reference, in percent.

    Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Tally.of(ExactMatch(lowercase), hypotheses, [references]).score()


def wer(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Score:
    """Word error rate: 100 (S + D + I) / N, over the whole corpus; lower is better.

    S words are substituted, D deleted, I inserted, of N in the references; words are split at white space. Where
    words are phonemes this is the phoneme error rate (PER). Raises DataError as `exact_match` does.
    """
    return Tally.of(ErrorRate("words", lowercase), hypotheses, [references]).score()


def cer(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Score:
    """Character error rate: as `wer`, counting characters, the space between words too; lower is better."""
    return Tally.of(ErrorRate("characters", lowercase), hypotheses, [references]).score()


class ExactMatch(Metric):
    """Counts (right, sentences); right is an output that is any of its references."""

    def __init__(self, lowercase: bool = False) -> None:
        self.lowercase = lowercase

    def count(self, hypotheses: Sequence[str], references: References) -> Rows:
        """1 or 0, and 1, for each sentence."""
        right = [
            any(
                _same_form(one, self.lowercase) == _same_form(text, self.lowercase)
                for one in ones
                if one is not None
            )
            for text, *ones in zip(hypotheses, *references, strict=True)
        ]
        return np.array([(float(one), 1.0) for one in right])

    def value(self, counts: NDArray[np.float64]) -> float:
        """Right outputs for each 100 sentences."""
        return float(100 * counts[0] / counts[1])

    def signature(self, num_references: str, resampled: str) -> str:
        """As sacrebleu's."""
        return _signature(num_references, resampled, self.lowercase, "unit:sentences")


class ErrorRate(Metric):
    """Counts (edits, length of the reference), in words or characters, to the reference that is nearest.

    Nearest is the one with the lowest rate of its own.
    """

    def __init__(self, unit: Unit, lowercase: bool = False) -> None:
        self.unit = unit
        self.lowercase = lowercase

    def count(self, hypotheses: Sequence[str], references: References) -> Rows:
        """Edits and length for each sentence."""
        rows = []
        for text, *ones in zip(hypotheses, *references, strict=True):
            counts = [self._edits(text, one) for one in ones if one is not None]
            rows.append(min(counts, key=_rate))
        return np.array(rows, dtype=np.float64)

    def value(self, counts: NDArray[np.float64]) -> float:
        """Edits for each 100 units of the references; 100 where those are empty and the outputs are not."""
        return 100 * _rate((float(counts[0]), float(counts[1])))

    def signature(self, num_references: str, resampled: str) -> str:
        """As sacrebleu's."""
        return _signature(
            num_references, resampled, self.lowercase, f"unit:{self.unit}|jiwer:{version('jiwer')}"
        )

    def _edits(self, hypothesis: str, reference: str) -> tuple[float, float]:
        import jiwer

        align = jiwer.process_words if self.unit == "words" else jiwer.process_characters
        done = align(_same_form(reference, self.lowercase), _same_form(hypothesis, self.lowercase))
        wrong = done.substitutions + done.deletions
        return float(wrong + done.insertions), float(wrong + done.hits)


def _same_form(text: str, lowercase: bool) -> str:
    """Single spaces, and lower case if asked."""
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
