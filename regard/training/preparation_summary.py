"""The report on prepared data: what was read, what became of it, and what a user should know."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from regard.checkpoint import Tokenisers
from regard.config import Config, TrainingConfig
from regard.data import Corpus
from regard.data.cleaning import STRIPPED
from regard.training.pairs import CleanedPairs, counted, plural
from regard.training.preparation_report import PreparationReport

_MANY_UNKNOWN = 0.05  # of the tokens of a side
_FEW_SHARED = 0.01  # of the validation sources


def make_report(
    cleaned: CleanedPairs, tokenisers: Tokenisers, corpus: Corpus, training: TrainingConfig
) -> PreparationReport:
    """Describe cleaned pairs, and the corpus that they were encoded into."""
    left_out = cleaned.left_out + Counter(corpus.left_out)
    changed = {STRIPPED: left_out.pop(STRIPPED)} if STRIPPED in left_out else {}
    sides = {"source": tokenisers.source, "target": tokenisers.target}
    lengths = {"source": corpus.source_lengths, "target": corpus.target_lengths}
    unknown = dict(zip(sides, corpus.unknown_shares, strict=True))
    return PreparationReport(
        num_read=cleaned.num_read,
        left_out=dict(left_out),
        changed=changed,
        num_training=len(corpus),
        num_validation=len(cleaned.validation),
        lengths={side: _summary(lengths[side] - 1) for side in sides},  # without END
        unknown=unknown,
        num_tokens={side: len(tokeniser) for side, tokeniser in sides.items()},
        kinds={side: tokeniser.config.kind for side, tokeniser in sides.items()},
        notes=[*_unknown_notes(unknown, training), *_shared_notes(cleaned)],
    )


def describe_report(report: PreparationReport, config: Config) -> list[str]:
    """Return a report as a few lines of text."""
    kinds = " and ".join(dict.fromkeys(report.kinds.values()))
    sizes = report.num_tokens
    left_out, changed = counted(report.left_out), counted(report.changed)
    held_out = "" if config.data.validation or not config.data.train else " (held out)"
    return [
        f"tokenisers: {kinds}, {sizes['source']:,} source and {sizes['target']:,} target tokens",
        *report.notes,
        f"pairs: {report.num_training:,} to train on, {report.num_validation:,} to validate on{held_out}"
        + (f"; left out: {left_out}" if left_out else "")
        + (f"; {changed}" if changed else ""),
    ]


def _unknown_notes(unknown: dict[str, float], training: TrainingConfig) -> list[str]:
    remedy = "raise tokeniser.size or lower min_frequency, or use bpe, which can encode any text"
    if training.init:
        remedy = f"{training.init} does not know them; training.grow_vocabulary true adds them"
    return [
        f"{100 * share:.0f} % of the {side} tokens are unknown: {remedy}"
        for side, share in unknown.items()
        if share > _MANY_UNKNOWN
    ]


def _shared_notes(cleaned: CleanedPairs) -> list[str]:
    if not cleaned.num_shared:
        return []
    many = cleaned.num_shared > _FEW_SHARED * len(cleaned.validation)
    return [
        f"{plural(cleaned.num_shared, 'validation source')} of {len(cleaned.validation):,} also in training"
        + (": validation will look too good" if many else "")
    ]


def _summary(lengths: NDArray[np.int64]) -> dict[str, float]:
    return {
        "median": float(np.median(lengths)),
        "mean": float(lengths.mean()),
        "95 %": float(np.percentile(lengths, 95)),
        "most": float(lengths.max()),
    }
