"""The elementwise part of a recurrent step: a program processes a part of a row's state, with all its gates."""

import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block, sigmoid, tanh

MAX_BLOCK = 1024  # elements of a state that a program processes


def lstm_forward(
    projected: Tensor,
    recurrent: Tensor,
    hidden: Tensor,
    cell: Tensor,
    alive: Tensor,
    gates: Tensor,
    new_hidden: Tensor,
    new_cell: Tensor,
    cast_hidden: Tensor,
) -> None:
    """Twin of numba's kernel."""
    grid, size, width = _blocks(cell)
    inputs = projected, recurrent, hidden, cell, alive
    _lstm_forward[grid](*inputs, gates, new_hidden, new_cell, cast_hidden, size, BLOCK=width, **OPTIONS)


def lstm_backward(
    gates: Tensor,
    cell: Tensor,
    new_cell: Tensor,
    alive: Tensor,
    d_new_hidden: Tensor,
    d_new_cell: Tensor,
    d_gates: Tensor,
    d_hidden: Tensor,
    d_cell: Tensor,
) -> None:
    """Twin of numba's kernel."""
    grid, size, width = _blocks(cell)
    saved, grads = (gates, cell, new_cell, alive), (d_new_hidden, d_new_cell)
    _lstm_backward[grid](*saved, *grads, d_gates, d_hidden, d_cell, size, BLOCK=width, **OPTIONS)


def gru_forward(
    projected: Tensor,
    recurrent: Tensor,
    hidden: Tensor,
    alive: Tensor,
    gates: Tensor,
    new_hidden: Tensor,
    cast_hidden: Tensor,
) -> None:
    """Twin of numba's kernel."""
    grid, size, width = _blocks(hidden)
    outputs = gates, new_hidden, cast_hidden
    _gru_forward[grid](projected, recurrent, hidden, alive, *outputs, size, BLOCK=width, **OPTIONS)


def gru_backward(
    gates: Tensor,
    recurrent: Tensor,
    hidden: Tensor,
    alive: Tensor,
    d_new_hidden: Tensor,
    d_projected: Tensor,
    d_recurrent: Tensor,
    d_hidden: Tensor,
) -> None:
    """Twin of numba's kernel."""
    grid, size, width = _blocks(hidden)
    saved, outputs = (gates, recurrent, hidden, alive), (d_projected, d_recurrent, d_hidden)
    _gru_backward[grid](*saved, d_new_hidden, *outputs, size, BLOCK=width, **OPTIONS)


def _blocks(state: Tensor) -> tuple[tuple[int, int], int, int]:
    """Return the grid of programs over the rows of a state and their blocks, the state's width, and a block's."""
    rows, size = state.shape
    width = block(size, MAX_BLOCK)
    return (rows, triton.cdiv(size, width)), size, width


@triton.jit
def _sum(one, other, index, inside):
    """Return the sum of two elements in float32."""
    return tl.load(one + index, mask=inside, other=0.0).to(tl.float32) + tl.load(
        other + index, mask=inside, other=0.0
    ).to(tl.float32)


@triton.jit
def _lstm_forward(
    projected,
    recurrent,
    hidden,
    cell,
    alive,
    gates,
    new_hidden,
    new_cell,
    cast_hidden,
    size,
    BLOCK: tl.constexpr,
):
    """The formulas are those of numba's kernel."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    index = row * size + j
    gate = row * 4 * size + j
    goes_on = tl.load(alive + row) != 0
    input_gate = sigmoid(_sum(projected, recurrent, gate, inside))
    forget_gate = sigmoid(_sum(projected, recurrent, gate + size, inside))
    candidate = tanh(_sum(projected, recurrent, gate + 2 * size, inside))
    output_gate = sigmoid(_sum(projected, recurrent, gate + 3 * size, inside))
    tl.store(gates + gate, input_gate, mask=inside)
    tl.store(gates + gate + size, forget_gate, mask=inside)
    tl.store(gates + gate + 2 * size, candidate, mask=inside)
    tl.store(gates + gate + 3 * size, output_gate, mask=inside)
    c = tl.load(cell + index, mask=inside, other=0.0)
    h = tl.load(hidden + index, mask=inside, other=0.0)
    new_c = forget_gate * c + input_gate * candidate
    new_h = output_gate * tanh(new_c)
    tl.store(new_cell + index, tl.where(goes_on, new_c, c), mask=inside)
    new_h = tl.where(goes_on, new_h, h)
    tl.store(new_hidden + index, new_h, mask=inside)
    tl.store(cast_hidden + index, new_h, mask=inside)


@triton.jit
def _lstm_backward(
    gates,
    cell,
    new_cell,
    alive,
    d_new_hidden,
    d_new_cell,
    d_gates,
    d_hidden,
    d_cell,
    size,
    BLOCK: tl.constexpr,
):
    """The formulas are those of numba's kernel."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    index = row * size + j
    gate = row * 4 * size + j
    goes_on = tl.load(alive + row) != 0
    input_gate = tl.load(gates + gate, mask=inside, other=0.0)
    forget_gate = tl.load(gates + gate + size, mask=inside, other=0.0)
    candidate = tl.load(gates + gate + 2 * size, mask=inside, other=0.0)
    output_gate = tl.load(gates + gate + 3 * size, mask=inside, other=0.0)
    c = tl.load(cell + index, mask=inside, other=0.0)
    tanh_c = tanh(tl.load(new_cell + index, mask=inside, other=0.0))
    d_new_h = tl.load(d_new_hidden + index, mask=inside, other=0.0)
    d_new_c = tl.load(d_new_cell + index, mask=inside, other=0.0)
    # forward: h' = o ⊙ tanh(c')
    d_output_gate = d_new_h * tanh_c * output_gate * (1 - output_gate)
    dc = d_new_h * output_gate * (1 - tanh_c * tanh_c) + d_new_c
    # forward: c' = f ⊙ c + i ⊙ g
    d_input_gate = dc * candidate * input_gate * (1 - input_gate)
    d_forget_gate = dc * c * forget_gate * (1 - forget_gate)
    d_candidate = dc * input_gate * (1 - candidate * candidate)
    tl.store(d_gates + gate, tl.where(goes_on, d_input_gate, 0.0), mask=inside)
    tl.store(d_gates + gate + size, tl.where(goes_on, d_forget_gate, 0.0), mask=inside)
    tl.store(d_gates + gate + 2 * size, tl.where(goes_on, d_candidate, 0.0), mask=inside)
    tl.store(d_gates + gate + 3 * size, tl.where(goes_on, d_output_gate, 0.0), mask=inside)
    tl.store(d_hidden + index, tl.where(goes_on, 0.0, d_new_h), mask=inside)
    tl.store(d_cell + index, tl.where(goes_on, dc * forget_gate, d_new_c), mask=inside)


@triton.jit
def _gru_forward(
    projected, recurrent, hidden, alive, gates, new_hidden, cast_hidden, size, BLOCK: tl.constexpr
):
    """The formulas are those of numba's kernel."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    index = row * size + j
    gate = row * 3 * size + j
    goes_on = tl.load(alive + row) != 0
    h = tl.load(hidden + index, mask=inside, other=0.0)
    reset_gate = sigmoid(_sum(projected, recurrent, gate, inside))
    update_gate = sigmoid(_sum(projected, recurrent, gate + size, inside))
    x = tl.load(projected + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(recurrent + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    candidate = tanh(x + reset_gate * u)
    tl.store(gates + gate, reset_gate, mask=inside)
    tl.store(gates + gate + size, update_gate, mask=inside)
    tl.store(gates + gate + 2 * size, candidate, mask=inside)
    new_h = tl.where(goes_on, candidate + update_gate * (h - candidate), h)
    tl.store(new_hidden + index, new_h, mask=inside)
    tl.store(cast_hidden + index, new_h, mask=inside)


@triton.jit
def _gru_backward(
    gates,
    recurrent,
    hidden,
    alive,
    d_new_hidden,
    d_projected,
    d_recurrent,
    d_hidden,
    size,
    BLOCK: tl.constexpr,
):
    """The formulas are those of numba's kernel."""
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    index = row * size + j
    gate = row * 3 * size + j
    goes_on = tl.load(alive + row) != 0
    reset_gate = tl.load(gates + gate, mask=inside, other=0.0)
    update_gate = tl.load(gates + gate + size, mask=inside, other=0.0)
    candidate = tl.load(gates + gate + 2 * size, mask=inside, other=0.0)
    u = tl.load(recurrent + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    h = tl.load(hidden + index, mask=inside, other=0.0)
    d = tl.load(d_new_hidden + index, mask=inside, other=0.0)
    # forward: h' = n + z ⊙ (h − n), n = tanh(x_n + r ⊙ u_n)
    d_candidate = d * (1 - update_gate) * (1 - candidate * candidate)
    d_reset_gate = tl.where(goes_on, d_candidate * u * reset_gate * (1 - reset_gate), 0.0)
    d_update_gate = tl.where(goes_on, d * (h - candidate) * update_gate * (1 - update_gate), 0.0)
    tl.store(d_projected + gate, d_reset_gate, mask=inside)
    tl.store(d_projected + gate + size, d_update_gate, mask=inside)
    tl.store(d_projected + gate + 2 * size, tl.where(goes_on, d_candidate, 0.0), mask=inside)
    tl.store(d_recurrent + gate, d_reset_gate, mask=inside)
    tl.store(d_recurrent + gate + size, d_update_gate, mask=inside)
    tl.store(d_recurrent + gate + 2 * size, tl.where(goes_on, d_candidate * reset_gate, 0.0), mask=inside)
    tl.store(d_hidden + index, tl.where(goes_on, d * update_gate, d), mask=inside)
