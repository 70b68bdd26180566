"""Fused operations, each beside its plain form, and what decides which of the two runs."""

from regard.kernels.additive import additive
from regard.kernels.cells import gru, lstm
from regard.kernels.dropout import dropout
from regard.kernels.look import attend
from regard.kernels.loops import (
    AttentionInputs,
    Recurrence,
    bahdanau_unroll,
    luong_unroll,
    recur,
    recur_packed,
)
from regard.kernels.loss import NO_LABEL, cross_entropy
from regard.kernels.norm import total_norm
from regard.kernels.packing import Packing, packing, remove_padding
from regard.kernels.policy import (
    BACKENDS,
    Backend,
    Kernels,
    by_numba,
    choose_kernels,
    cpu_bfloat16_units,
    forced,
    fused,
    use,
)
from regard.kernels.precision import PRECISIONS, check_precision, inference_precision
from regard.kernels.products import (
    Linear,
    at_least_float32,
    autocast_dtype,
    deferred_weight_grads,
    dot_scores,
    int8,
    weighted_sum,
)
from regard.kernels.quick import Best, Layer, Parts, Quick, Rows, Written
from regard.kernels.reading import FEW_ROWS
from regard.kernels.vocabulary import best, log_softmax, top

__all__ = [
    "BACKENDS",
    "FEW_ROWS",
    "NO_LABEL",
    "PRECISIONS",
    "AttentionInputs",
    "Backend",
    "Best",
    "Kernels",
    "Layer",
    "Linear",
    "Packing",
    "Parts",
    "Quick",
    "Recurrence",
    "Rows",
    "Written",
    "additive",
    "at_least_float32",
    "attend",
    "autocast_dtype",
    "bahdanau_unroll",
    "best",
    "by_numba",
    "check_precision",
    "choose_kernels",
    "cpu_bfloat16_units",
    "cross_entropy",
    "deferred_weight_grads",
    "dot_scores",
    "dropout",
    "forced",
    "fused",
    "gru",
    "inference_precision",
    "int8",
    "log_softmax",
    "lstm",
    "luong_unroll",
    "packing",
    "recur",
    "recur_packed",
    "remove_padding",
    "top",
    "total_norm",
    "use",
    "weighted_sum",
]
