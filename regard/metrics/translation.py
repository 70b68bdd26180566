"""BLEU, chrF and TER over a corpus, computed by sacrebleu so that they compare with published figures.

Both sides are compared in Unicode NFC, which sacrebleu leaves to its caller; text that is in NFC has its own figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import ConfigError
from regard.metrics.sufficient_statistics import Metric, References, Rows, Score, Tally, composed


def bleu(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False, tokenise: str = "13a"
) -> Score:
    """How many runs of one to four words the translations share with their references, over the whole corpus.

    Source: Papineni et al. 2002, as standardised by Post 2018. `tokenise` is the name of one of sacrebleu's
    tokenisers: 13a for plain text, none for text whose words are separated already, zh, ja-mecab, char …
    Raises DataError for an empty corpus or one whose two sides differ in length, ConfigError for an unknown
    tokeniser.
    """
    return Tally.of(bleu_metric(lowercase, tokenise), hypotheses, [references]).score()


def chrf(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Score:
    """How many runs of one to six characters the translations share with their references (F2, in percent).

    Source: Popović 2015. It needs no tokeniser and is kinder than BLEU to rich inflection.
    Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Tally.of(chrf_metric(lowercase), hypotheses, [references]).score()


def ter(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Edits and shifts of runs that turn translations into references, for each 100 words of those; lower is better.

    Source: Snover et al. 2006. Words are split at white space; case does not count, as in Snover's own program and
    in sacrebleu. Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    return Tally.of(ter_metric(), hypotheses, [references]).score()


def bleu_metric(lowercase: bool = False, tokenise: str = "13a") -> Metric:
    """What `bleu` counts. Raises ConfigError for an unknown tokeniser."""
    from sacrebleu.metrics.bleu import BLEU

    check_tokeniser(tokenise)
    # force: says that we know about full stops that stand apart, and want no lecture about them in the log
    return SacrebleuMetric(BLEU(lowercase=lowercase, tokenize=tokenise, force=True))


def chrf_metric(lowercase: bool = False) -> Metric:
    """What `chrf` counts."""
    from sacrebleu.metrics.chrf import CHRF

    return SacrebleuMetric(CHRF(lowercase=lowercase))


def ter_metric() -> Metric:
    """What `ter` counts."""
    from sacrebleu.metrics.ter import TER

    return SacrebleuMetric(TER())


def check_tokeniser(tokenise: str) -> None:
    """Raise ConfigError unless sacrebleu has a tokeniser of this name, and here all that it needs."""
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
    """What splits a text into the words that BLEU compares, in Unicode NFC."""
    from sacrebleu.metrics.bleu import BLEU

    check_tokeniser(tokenise)
    tokenizer = BLEU(tokenize=tokenise).tokenizer

    def split(text: str) -> list[str]:
        words: list[str] = tokenizer(
            (composed(text).lower() if lowercase else composed(text)).rstrip()
        ).split()
        return words

    return split


class SacrebleuMetric(Metric):
    """A metric of sacrebleu, by the counts that its own bootstrap adds up.

    They are behind underscores there; tests hold value, interval and signature equal to its public ones.
    """

    def __init__(self, library: Any) -> None:
        self._library = library

    def count(self, hypotheses: Sequence[str], references: References) -> Rows:
        """sacrebleu's own counts."""
        return np.asarray(self._library._extract_corpus_statistics(hypotheses, references), dtype=np.float64)

    def value(self, counts: NDArray[np.float64]) -> float:
        """sacrebleu's own figure."""
        return float(self._library._compute_score_from_stats(counts).score)

    def signature(self, num_references: str, resampled: str) -> str:
        """sacrebleu's own signature, with what was resampled where sacrebleu puts it."""
        own = str(self._library.get_signature())
        head = f"nrefs:{num_references}|"
        return head + (f"{resampled}|" if resampled else "") + own.removeprefix(head)
