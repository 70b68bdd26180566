"""Fused operations, each beside its plain form, and what decides which of the two runs."""

from regard.kernels.additive import additive
from regard.kernels.cells import gru, lstm
from regard.kernels.dropout import dropout
from regard.kernels.loops import Looking, Recurrence, attend_after, attend_before, recur
from regard.kernels.loss import NO_LABEL, cross_entropy
from regard.kernels.policy import FORMS, Form, Kernels, by_numba, choose_kernels, forced, fused, use
from regard.kernels.products import Linear, against, full, int8, steps, summed

__all__ = [
    "FORMS",
    "NO_LABEL",
    "Form",
    "Kernels",
    "Linear",
    "Looking",
    "Recurrence",
    "additive",
    "against",
    "attend_after",
    "attend_before",
    "by_numba",
    "choose_kernels",
    "cross_entropy",
    "dropout",
    "forced",
    "full",
    "fused",
    "gru",
    "int8",
    "lstm",
    "recur",
    "steps",
    "summed",
    "use",
]
