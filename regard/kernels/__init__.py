"""Fused operations, each beside its plain form, and what decides which of the two runs."""

from regard.kernels.additive import additive
from regard.kernels.cells import gru, lstm
from regard.kernels.dropout import dropout
from regard.kernels.look import look
from regard.kernels.loops import Looking, Recurrence, attend_after, attend_before, recur, recur_packed
from regard.kernels.loss import NO_LABEL, cross_entropy
from regard.kernels.norm import total_norm
from regard.kernels.packing import Packing, packing, without_padding
from regard.kernels.policy import (
    FORMS,
    Form,
    Kernels,
    by_numba,
    choose_kernels,
    cpu_bfloat16_units,
    forced,
    fused,
    use,
)
from regard.kernels.precision import PRECISIONS, check_precision, lowered
from regard.kernels.products import Linear, against, autocast_dtype, full, int8, steps, summed
from regard.kernels.quick import Best, Layer, Parts, Quick, Rows, Written
from regard.kernels.reading import FEW_ROWS
from regard.kernels.vocabulary import best, log_softmax, top

__all__ = [
    "FEW_ROWS",
    "FORMS",
    "NO_LABEL",
    "PRECISIONS",
    "Best",
    "Form",
    "Kernels",
    "Layer",
    "Linear",
    "Looking",
    "Packing",
    "Parts",
    "Quick",
    "Recurrence",
    "Rows",
    "Written",
    "additive",
    "against",
    "attend_after",
    "attend_before",
    "autocast_dtype",
    "best",
    "by_numba",
    "check_precision",
    "choose_kernels",
    "cpu_bfloat16_units",
    "cross_entropy",
    "dropout",
    "forced",
    "full",
    "fused",
    "gru",
    "int8",
    "log_softmax",
    "look",
    "lowered",
    "lstm",
    "packing",
    "recur",
    "recur_packed",
    "steps",
    "summed",
    "top",
    "total_norm",
    "use",
    "without_padding",
]
