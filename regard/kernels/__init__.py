"""Fused operations, each with its plain form, and what decides which of the two runs."""

from regard.kernels.decode.inputs import DecoderWeights, LayerWeights
from regard.kernels.decode.precision import PRECISIONS, check_precision, inference_precision
from regard.kernels.decode.step import FusedStep
from regard.kernels.dispatch import (
    BACKENDS,
    Backend,
    Choice,
    by_numba,
    choose_backend,
    forced,
    fused,
    use,
    why_plain,
)
from regard.kernels.dtypes import at_least_float32, autocast_dtype, cpu_bfloat16_units
from regard.kernels.gemm.deferred import deferred_weight_grads, dot_scores, weighted_sum
from regard.kernels.gemm.int8 import int8
from regard.kernels.gemm.linear import Linear
from regard.kernels.ops.additive import additive
from regard.kernels.ops.attention import AttentionInputs, attend
from regard.kernels.ops.cross_entropy import NO_LABEL, cross_entropy
from regard.kernels.ops.dropout import dropout
from regard.kernels.ops.gru import gru
from regard.kernels.ops.lstm import lstm
from regard.kernels.ops.norm import total_norm
from regard.kernels.ops.topk import best, log_softmax, top
from regard.kernels.unroll.bahdanau import bahdanau_unroll
from regard.kernels.unroll.eligibility import are_linear, declares
from regard.kernels.unroll.gnmt import gnmt_unroll
from regard.kernels.unroll.inputs import LoopAttention, Recurrence, UnrolledLayer
from regard.kernels.unroll.luong import luong_unroll
from regard.kernels.unroll.module_attention import AttentionFunction
from regard.kernels.unroll.packing import Packing, packing, remove_padding
from regard.kernels.unroll.recurrent import recur, recur_packed

__all__ = [
    "BACKENDS",
    "NO_LABEL",
    "PRECISIONS",
    "AttentionFunction",
    "AttentionInputs",
    "Backend",
    "Choice",
    "DecoderWeights",
    "FusedStep",
    "LayerWeights",
    "Linear",
    "LoopAttention",
    "Packing",
    "Recurrence",
    "UnrolledLayer",
    "additive",
    "are_linear",
    "at_least_float32",
    "attend",
    "autocast_dtype",
    "bahdanau_unroll",
    "best",
    "by_numba",
    "check_precision",
    "choose_backend",
    "cpu_bfloat16_units",
    "cross_entropy",
    "declares",
    "deferred_weight_grads",
    "dot_scores",
    "dropout",
    "forced",
    "fused",
    "gnmt_unroll",
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
    "why_plain",
]
