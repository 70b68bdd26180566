"""BLEU and chrF over a corpus, computed by sacrebleu so that they compare with published figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric


@dataclass(frozen=True)
class Score:
    """A figure from 0 to 100, and sacrebleu's signature: what one must know to compare it with another."""

    value: float
    signature: str

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.signature})"


def bleu(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False, tokenise: str = "13a"
) -> Score:
    """How many runs of one to four words the translations share with their references, over the whole corpus.

    Source: Papineni et al. 2002, as standardised by Post 2018. `tokenise` is the name of one of sacrebleu's
    tokenisers: 13a for plain text, none for text whose words are separated already, zh, ja-mecab, char …
    Raises DataError for an empty corpus or one whose two sides differ in length, ConfigError for an unknown
    tokeniser.
    """
    from sacrebleu.metrics.bleu import BLEU

    check_lines(hypotheses, references)
    check_tokeniser(tokenise)
    # force: says that we know about full stops that stand apart, and want no lecture about them in the log
    metric = BLEU(lowercase=lowercase, tokenize=tokenise, force=True)
    return _score(metric, hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> Score:
    """How many runs of one to six characters the translations share with their references (F2, in percent).

    Source: Popović 2015. It needs no tokeniser and is kinder than BLEU to rich inflection.
    Raises DataError for an empty corpus or one whose two sides differ in length.
    """
    from sacrebleu.metrics.chrf import CHRF

    check_lines(hypotheses, references)
    return _score(CHRF(lowercase=lowercase), hypotheses, references)


def check_lines(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Make sure that there is a reference for every translation, and at least one of each.

    Raises DataError with both counts.
    """
    if len(hypotheses) != len(references):
        raise DataError(
            f"expected one reference for each translation, got {len(hypotheses)} translations and "
            f"{len(references)} references; make both files line-parallel"
        )
    if not hypotheses:
        raise DataError("expected at least one translation with its reference, got none; check the files")


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


def _score(metric: Metric, hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Run a sacrebleu metric; its signature is complete only afterwards."""
    result = metric.corpus_score(hypotheses, [references])
    return Score(float(result.score), str(metric.get_signature()))
