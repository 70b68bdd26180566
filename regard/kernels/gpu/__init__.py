"""The twins of numba's loops for GPUs, by the names of those, in Triton or, where that does as well, in torch.

They take tensors where the others take arrays, and write into them alike. A program, Triton's unit of work, takes
one row or a part of it; nothing is added up by two programs at once, so the same numbers come out every time.
Triton compiles a kernel for the GPU when it is first used. Everything here needs triton; only
`regard.kernels.operations` imports it, where a tensor is on a GPU.
"""

from regard.kernels.gpu.additive import additive_backward, additive_forward
from regard.kernels.gpu.cells import gru_backward, gru_forward, lstm_backward, lstm_forward
from regard.kernels.gpu.look import (
    add_values_back,
    look_additive,
    look_additive_back,
    look_dot,
    look_dot_back,
)
from regard.kernels.gpu.loss import softmax_minus_target
from regard.kernels.gpu.products import Weight
from regard.kernels.gpu.sums import add_columns, add_parts, masked, scale, tanh_back, transpose

TWINS = {
    "Layouts": Weight,
    "_add_parts": add_parts,
    "_add_values_back": add_values_back,
    "_additive_backward": additive_backward,
    "_additive_forward": additive_forward,
    "_gru_backward": gru_backward,
    "_gru_forward": gru_forward,
    "_look_additive": look_additive,
    "_look_additive_back": look_additive_back,
    "_look_dot": look_dot,
    "_look_dot_back": look_dot_back,
    "_lstm_backward": lstm_backward,
    "_lstm_forward": lstm_forward,
    "_scale": scale,
    "_softmax_minus_target": softmax_minus_target,
    "add_columns": add_columns,
    "masked": masked,
    "tanh_back": tanh_back,
    "turn": transpose,
}

__all__ = ["TWINS"]
