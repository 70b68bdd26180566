"""The names of all measures and which direction is better: one table for training, evaluation and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure's name for people, its meaning in a few words, and whether lower values are better."""

    label: str
    meaning: str
    lower_is_better: bool = False

    def is_better(self, value: float, than: float) -> bool:
        """Return whether `value` is better than the other one."""
        return value < than if self.lower_is_better else value > than


MEASURES = {
    "loss": Measure("loss", "nats per token, given the true tokens before it", lower_is_better=True),
    "bleu": Measure("BLEU", "n-grams of 1 to 4 words in common"),
    "chrf": Measure("chrF", "n-grams of 1 to 6 characters in common"),
    "ter": Measure("TER", "edits and shifts per reference word", lower_is_better=True),
    "exact_match": Measure("exact match", "identical to a reference"),
    "wer": Measure("WER", "edits per reference word", lower_is_better=True),
    "per": Measure("PER", "edits per reference phoneme", lower_is_better=True),
    "cer": Measure("CER", "edits per reference character", lower_is_better=True),
}
