"""The twins of numba's kernels for GPUs, by the names of those: in Triton or, where that does as well, in torch.

They take the same arguments, tensors where the others take arrays, and write into them alike. A program, Triton's
unit of work, processes one row or a part of it; no two programs add to the same element, so results are
deterministic. Triton compiles a kernel for the GPU when it is first used. Everything here needs triton; only
`regard.kernels.dispatch` imports it, when a tensor is on a GPU.
"""

from regard.kernels.triton.additive import additive_backward, additive_forward
from regard.kernels.triton.attention import (
    add_value_gradients,
    additive_attention_backward,
    additive_attention_forward,
    dot_attention_backward,
    dot_attention_forward,
)
from regard.kernels.triton.cells import gru_backward, gru_forward, lstm_backward, lstm_forward
from regard.kernels.triton.cross_entropy import softmax_minus_target
from regard.kernels.triton.packed import DenseWeight
from regard.kernels.triton.reduce import (
    apply_mask,
    scale,
    sum_bands,
    sum_gradients,
    tanh_backward,
    transpose,
)

TWINS = {
    "PackedWeight": DenseWeight,
    "add_parts": sum_gradients,
    "add_value_gradients": add_value_gradients,
    "additive_attention_backward": additive_attention_backward,
    "additive_attention_forward": additive_attention_forward,
    "additive_backward": additive_backward,
    "additive_forward": additive_forward,
    "dot_attention_backward": dot_attention_backward,
    "dot_attention_forward": dot_attention_forward,
    "gru_backward": gru_backward,
    "gru_forward": gru_forward,
    "lstm_backward": lstm_backward,
    "lstm_forward": lstm_forward,
    "scale": scale,
    "softmax_minus_target": softmax_minus_target,
    "sum_bands": sum_bands,
    "masked": apply_mask,
    "tanh_back": tanh_backward,
    "transpose": transpose,
}

__all__ = ["TWINS"]
