"""How good a translation is, by sacrebleu: over a corpus, and by the length of the source."""

from __future__ import annotations

from regard.metrics.length import LengthBin, by_length
from regard.metrics.translation import Score, bleu, check_tokeniser, chrf

__all__ = ["LengthBin", "Score", "bleu", "by_length", "check_tokeniser", "chrf"]
