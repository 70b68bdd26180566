"""The elementwise part of a recurrent step: a program takes a part of a row's state, with all gates of that part."""

import triton
import triton.language as tl
from torch import Tensor

from regard.kernels.triton.functions import OPTIONS, block, sigmoid, tanh

WIDEST = 1024  # numbers of a state that a program takes


def lstm_forward(
    projected: Tensor,
    recurrent: Tensor,
    hidden: Tensor,
    cell: Tensor,
    alive: Tensor,
    gates: Tensor,
    new_hidden: Tensor,
    new_cell: Tensor,
    read: Tensor,
) -> None:
    """The twin of numba's."""
    grid, size, width = _parts(cell)
    given = projected, recurrent, hidden, cell, alive
    _lstm_forward[grid](*given, gates, new_hidden, new_cell, read, size, BLOCK=width, **OPTIONS)


def lstm_backward(
    gates: Tensor,
    old: Tensor,
    new: Tensor,
    alive: Tensor,
    d_hidden: Tensor,
    d_cell: Tensor,
    d_gates: Tensor,
    d_kept: Tensor,
    d_old: Tensor,
) -> None:
    """The twin of numba's."""
    grid, size, width = _parts(old)
    _lstm_backward[grid](
        gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old, size, BLOCK=width, **OPTIONS
    )


def gru_forward(
    projected: Tensor,
    recurrent: Tensor,
    hidden: Tensor,
    alive: Tensor,
    gates: Tensor,
    new: Tensor,
    read: Tensor,
) -> None:
    """The twin of numba's."""
    grid, size, width = _parts(hidden)
    _gru_forward[grid](projected, recurrent, hidden, alive, gates, new, read, size, BLOCK=width, **OPTIONS)


def gru_backward(
    gates: Tensor,
    products: Tensor,
    old: Tensor,
    alive: Tensor,
    d_new: Tensor,
    d_projected: Tensor,
    d_recurrent: Tensor,
    d_old: Tensor,
) -> None:
    """The twin of numba's."""
    grid, size, width = _parts(old)
    _gru_backward[grid](
        gates, products, old, alive, d_new, d_projected, d_recurrent, d_old, size, BLOCK=width, **OPTIONS
    )


def _parts(state: Tensor) -> tuple[tuple[int, int], int, int]:
    """The grid of programs over the rows of a state and parts of them; the state's width; that of a part."""
    rows, size = state.shape
    width = block(size, WIDEST)
    return (rows, triton.cdiv(size, width)), size, width


@triton.jit
def _sum(one, other, place, inside):
    """Two numbers added in float32."""
    return tl.load(one + place, mask=inside, other=0.0).to(tl.float32) + tl.load(
        other + place, mask=inside, other=0.0
    ).to(tl.float32)


@triton.jit
def _lstm_forward(
    projected, recurrent, hidden, cell, alive, gates, new_hidden, new_cell, read, size, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    place = row * size + j
    gate = row * 4 * size + j
    goes_on = tl.load(alive + row) != 0
    enter = sigmoid(_sum(projected, recurrent, gate, inside))
    forget = sigmoid(_sum(projected, recurrent, gate + size, inside))
    candidate = tanh(_sum(projected, recurrent, gate + 2 * size, inside))
    leave = sigmoid(_sum(projected, recurrent, gate + 3 * size, inside))
    tl.store(gates + gate, enter, mask=inside)
    tl.store(gates + gate + size, forget, mask=inside)
    tl.store(gates + gate + 2 * size, candidate, mask=inside)
    tl.store(gates + gate + 3 * size, leave, mask=inside)
    old = tl.load(cell + place, mask=inside, other=0.0)
    kept = tl.load(hidden + place, mask=inside, other=0.0)
    new = forget * old + enter * candidate
    tl.store(new_cell + place, tl.where(goes_on, new, old), mask=inside)
    made = tl.where(goes_on, leave * tanh(new), kept)
    tl.store(new_hidden + place, made, mask=inside)
    tl.store(read + place, made, mask=inside)


@triton.jit
def _lstm_backward(
    gates, old, new, alive, d_hidden, d_cell, d_gates, d_kept, d_old, size, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    place = row * size + j
    gate = row * 4 * size + j
    goes_on = tl.load(alive + row) != 0
    enter = tl.load(gates + gate, mask=inside, other=0.0)
    forget = tl.load(gates + gate + size, mask=inside, other=0.0)
    candidate = tl.load(gates + gate + 2 * size, mask=inside, other=0.0)
    leave = tl.load(gates + gate + 3 * size, mask=inside, other=0.0)
    before = tl.load(old + place, mask=inside, other=0.0)
    after = tanh(tl.load(new + place, mask=inside, other=0.0))
    dh = tl.load(d_hidden + place, mask=inside, other=0.0)
    d_after = tl.load(d_cell + place, mask=inside, other=0.0)
    dc = dh * leave * (1 - after * after) + d_after
    d_enter = dc * candidate * enter * (1 - enter)
    d_forget = dc * before * forget * (1 - forget)
    d_candidate = dc * enter * (1 - candidate * candidate)
    d_leave = dh * after * leave * (1 - leave)
    tl.store(d_gates + gate, tl.where(goes_on, d_enter, 0.0), mask=inside)
    tl.store(d_gates + gate + size, tl.where(goes_on, d_forget, 0.0), mask=inside)
    tl.store(d_gates + gate + 2 * size, tl.where(goes_on, d_candidate, 0.0), mask=inside)
    tl.store(d_gates + gate + 3 * size, tl.where(goes_on, d_leave, 0.0), mask=inside)
    tl.store(d_kept + place, tl.where(goes_on, 0.0, dh), mask=inside)
    tl.store(d_old + place, tl.where(goes_on, dc * forget, d_after), mask=inside)


@triton.jit
def _gru_forward(projected, recurrent, hidden, alive, gates, new, read, size, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    place = row * size + j
    gate = row * 3 * size + j
    goes_on = tl.load(alive + row) != 0
    old = tl.load(hidden + place, mask=inside, other=0.0)
    reset = sigmoid(_sum(projected, recurrent, gate, inside))
    keep = sigmoid(_sum(projected, recurrent, gate + size, inside))
    x = tl.load(projected + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(recurrent + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    candidate = tanh(x + reset * u)
    tl.store(gates + gate, reset, mask=inside)
    tl.store(gates + gate + size, keep, mask=inside)
    tl.store(gates + gate + 2 * size, candidate, mask=inside)
    made = tl.where(goes_on, candidate + keep * (old - candidate), old)
    tl.store(new + place, made, mask=inside)
    tl.store(read + place, made, mask=inside)


@triton.jit
def _gru_backward(
    gates, products, old, alive, d_new, d_projected, d_recurrent, d_old, size, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < size
    place = row * size + j
    gate = row * 3 * size + j
    goes_on = tl.load(alive + row) != 0
    reset = tl.load(gates + gate, mask=inside, other=0.0)
    keep = tl.load(gates + gate + size, mask=inside, other=0.0)
    candidate = tl.load(gates + gate + 2 * size, mask=inside, other=0.0)
    u = tl.load(products + gate + 2 * size, mask=inside, other=0.0).to(tl.float32)
    before = tl.load(old + place, mask=inside, other=0.0)
    d = tl.load(d_new + place, mask=inside, other=0.0)
    d_candidate = d * (1 - keep) * (1 - candidate * candidate)
    d_reset = tl.where(goes_on, d_candidate * u * reset * (1 - reset), 0.0)
    d_keep = tl.where(goes_on, d * (before - candidate) * keep * (1 - keep), 0.0)
    tl.store(d_projected + gate, d_reset, mask=inside)
    tl.store(d_projected + gate + size, d_keep, mask=inside)
    tl.store(d_projected + gate + 2 * size, tl.where(goes_on, d_candidate, 0.0), mask=inside)
    tl.store(d_recurrent + gate, d_reset, mask=inside)
    tl.store(d_recurrent + gate + size, d_keep, mask=inside)
    tl.store(d_recurrent + gate + 2 * size, tl.where(goes_on, d_candidate * reset, 0.0), mask=inside)
    tl.store(d_old + place, tl.where(goes_on, d * keep, d), mask=inside)
