"""The twins of numba's loops for GPUs, by the names of those, in Triton or, where that does as well, in torch.

They take tensors where the others take arrays, and write into them alike. A program, Triton's unit of work, takes
one row or a part of it; nothing is added up by two programs at once, so the same numbers come out every time.
Triton compiles a kernel for the GPU when it is first used. Everything here needs triton; only
`regard.kernels.dispatch` imports it, where a tensor is on a GPU.
"""

from regard.kernels.triton.additive import additive_backward, additive_forward
from regard.kernels.triton.cells import gru_backward, gru_forward, lstm_backward, lstm_forward
from regard.kernels.triton.look import (
    add_values_back,
    look_additive,
    look_additive_back,
    look_dot,
    look_dot_back,
)
from regard.kernels.triton.loss import softmax_minus_target
from regard.kernels.triton.products import Weight
from regard.kernels.triton.sums import add_parts, masked, scale, sum_bands, tanh_back, transpose

TWINS = {
    "PackedWeight": Weight,
    "sum_gradients": add_parts,
    "add_value_gradients": add_values_back,
    "_additive_backward": additive_backward,
    "_additive_forward": additive_forward,
    "gru_backward": gru_backward,
    "gru_forward": gru_forward,
    "additive_attention_forward": look_additive,
    "additive_attention_backward": look_additive_back,
    "dot_attention_forward": look_dot,
    "dot_attention_backward": look_dot_back,
    "lstm_backward": lstm_backward,
    "lstm_forward": lstm_forward,
    "_scale": scale,
    "_softmax_minus_target": softmax_minus_target,
    "sum_bands": sum_bands,
    "apply_mask": masked,
    "tanh_backward": tanh_back,
    "transpose": transpose,
}

__all__ = ["TWINS"]
