"""Fused operations, each beside its plain form, and what decides which of the two runs."""

from regard.kernels.additive import additive
from regard.kernels.cells import gru, lstm
from regard.kernels.dropout import dropout
from regard.kernels.loss import cross_entropy
from regard.kernels.policy import FORMS, Form, Kernels, choose_kernels, forced, use
from regard.kernels.products import Linear, against, full, int8, steps, summed

__all__ = [
    "FORMS",
    "Form",
    "Kernels",
    "Linear",
    "additive",
    "against",
    "choose_kernels",
    "cross_entropy",
    "dropout",
    "forced",
    "full",
    "gru",
    "int8",
    "lstm",
    "steps",
    "summed",
    "use",
]
