"""BLEU, chrF and TER over a corpus, computed by sacrebleu so that they compare with published figures.

Both sides are compared in Unicode NFC, which sacrebleu leaves to its caller; for text in NFC the scores are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ConfigError
from regard.metrics.sufficient_statistics import (
    Counts,
    Metric,
    MetricScore,
    References,
    Statistics,
    to_nfc,
)


def bleu(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False, tokenise: str = "13a"
) -> MetricScore:
    """Return BLEU: how many n-grams of one to four words the translations share with their references.

    Source: Papineni et al. 2002, as standardised by Post 2018. `tokenise` is the name of one of sacrebleu's
    tokenisers: 13a for plain text, none for text whose words are already separated, zh, ja-mecab, char …
    Raises DataError for an empty corpus or one whose two sides differ in length, ConfigError for an unknown
    tokeniser.
    """
    return Statistics.compute(bleu_metric(lowercase, tokenise), hypotheses, [references]).score()


def chrf(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> MetricScore:
    """Return chrF: how many n-grams of one to six characters the two sides share (F2, in percent).

    Source: Popović 2015. It needs no tokeniser and is kinder than BLEU to rich inflection.
    Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Statistics.compute(chrf_metric(lowercase), hypotheses, [references]).score()


def ter(hypotheses: Sequence[str], references: Sequence[str]) -> MetricScore:
    """Return TER: edits and shifts that turn translations into references, per 100 reference words; lower is better.

    Source: Snover et al. 2006. Words are split at white space; case does not count, as in Snover's own program and
    in sacrebleu. Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Statistics.compute(ter_metric(), hypotheses, [references]).score()


def bleu_metric(lowercase: bool = False, tokenise: str = "13a") -> Metric:
    """Return the metric of `bleu`. Raises ConfigError for an unknown tokeniser."""
    from sacrebleu.metrics.bleu import BLEU

    check_tokeniser(tokenise)
    # force: no warning in the log about full stops that are separate words
    return SacrebleuMetric(BLEU(lowercase=lowercase, tokenize=tokenise, force=True))


def chrf_metric(lowercase: bool = False) -> Metric:
    """Return the metric of `chrf`."""
    from sacrebleu.metrics.chrf import CHRF

    return SacrebleuMetric(CHRF(lowercase=lowercase))


def ter_metric() -> Metric:
    """Return the metric of `ter`."""
    from sacrebleu.metrics.ter import TER

    return SacrebleuMetric(TER())


def check_tokeniser(tokenise: str) -> None:
    """Raise ConfigError unless sacrebleu has a tokeniser of this name and what it needs is installed."""
    from sacrebleu.metrics.bleu import BLEU

    if tokenise not in BLEU.TOKENIZERS:
        known = ", ".join(BLEU.TOKENIZERS)
        raise ConfigError(f"tokenise: expected one of {known}, got {tokenise!r}; 13a suits plain text")
    try:
        BLEU(tokenize=tokenise)
    except Exception as error:  # sacrebleu raises what the library behind the tokeniser raises
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"tokenise: {tokenise} cannot be used here ({reason}); 13a needs nothing more"
        ) from None


def word_splitter(tokenise: str, lowercase: bool) -> Callable[[str], list[str]]:
    """Return a function that splits a text into the words that BLEU compares, in Unicode NFC."""
    from sacrebleu.metrics.bleu import BLEU

    check_tokeniser(tokenise)
    tokenizer = BLEU(tokenize=tokenise).tokenizer

    def split(text: str) -> list[str]:
        words: list[str] = tokenizer((to_nfc(text).lower() if lowercase else to_nfc(text)).rstrip()).split()
        return words

    return split


class SacrebleuMetric(Metric):
    """A metric of sacrebleu, computed from the counts that its own bootstrap sums.

    They are private there; tests hold value, interval and signature equal to its public ones.
    """

    def __init__(self, library: Any) -> None:
        self._library = library

    def count(self, hypotheses: Sequence[str], references: References) -> Counts:
        """Return sacrebleu's own counts."""
        return np.asarray(self._library._extract_corpus_statistics(hypotheses, references), dtype=np.float64)

    def value(self, counts: NDArray[np.float64]) -> float:
        """Return sacrebleu's own score."""
        return float(self._library._compute_score_from_stats(counts).score)

    def signature(self, num_references: str, resampled: str) -> str:
        """Return sacrebleu's own signature, with `resampled` where sacrebleu puts it."""
        own = str(self._library.get_signature())
        head = f"nrefs:{num_references}|"
        return head + (f"{resampled}|" if resampled else "") + own.removeprefix(head)
