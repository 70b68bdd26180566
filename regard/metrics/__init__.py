"""How good outputs are: over a corpus, by source length, and whether two systems differ significantly."""

from __future__ import annotations

from regard.metrics.agreement import kendall_tau, same_top
from regard.metrics.coverage import coverage_deviation
from regard.metrics.frequency import FrequencyBin, by_frequency, count_words
from regard.metrics.length import LengthBin, by_length
from regard.metrics.mean import Mean, mean_over
from regard.metrics.measures import MEASURES, Measure
from regard.metrics.rates import ErrorRate, ExactMatch, cer, exact_match, wer
from regard.metrics.significance import Difference, difference
from regard.metrics.sufficient_statistics import Metric, MetricScore, References, Statistics, to_nfc
from regard.metrics.translation import (
    bleu,
    bleu_metric,
    check_tokeniser,
    chrf,
    chrf_metric,
    ter,
    ter_metric,
)

__all__ = [
    "MEASURES",
    "Difference",
    "ErrorRate",
    "ExactMatch",
    "FrequencyBin",
    "LengthBin",
    "Mean",
    "Measure",
    "Metric",
    "MetricScore",
    "References",
    "Statistics",
    "bleu",
    "bleu_metric",
    "by_frequency",
    "by_length",
    "cer",
    "check_tokeniser",
    "chrf",
    "chrf_metric",
    "count_words",
    "coverage_deviation",
    "difference",
    "exact_match",
    "kendall_tau",
    "mean_over",
    "same_top",
    "ter",
    "ter_metric",
    "to_nfc",
    "wer",
]
