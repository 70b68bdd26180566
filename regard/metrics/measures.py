"""What the figures are called and which way each is better: one table for training, evaluation and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A figure's name for people, what it means in a few words, and whether it falls as a model learns."""

    label: str
    meaning: str
    lower_is_better: bool = False

    def is_better(self, value: float, than: float) -> bool:
        """Whether the first value is the better of the two."""
        return value < than if self.lower_is_better else value > than


MEASURES = {
    "loss": Measure("loss", "nats a piece, the true pieces before it given", lower_is_better=True),
    "bleu": Measure("BLEU", "runs of one to four words shared with the reference"),
    "chrf": Measure("chrF", "runs of one to six characters shared with the reference"),
    "ter": Measure("TER", "edits and shifts for each word of the reference", lower_is_better=True),
    "exact_match": Measure("exact match", "outputs that are exactly right; 100 − WER, as G2P tasks count it"),
    "wer": Measure("WER", "edits for each word of the reference; PER where words are phonemes", True),
    "per": Measure("PER", "edits for each phoneme of the reference: WER where words are phonemes", True),
    "cer": Measure("CER", "edits for each character of the reference", lower_is_better=True),
}
