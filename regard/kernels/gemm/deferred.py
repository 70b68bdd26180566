"""Weight gradients of a loop, formed once after its last step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import dispatch
from regard.kernels.dtypes import at_least_float32
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.ops.double_backward import is_double_backward
from regard.kernels.ops.reduce import column_sums


def dot_scores(query: Float[Tensor, "B T K"], keys: Float[Tensor, "B S K"]) -> Float[Tensor, "B T S"]:
    """The dot product of every query with every key, `q · k`, also under autocast in float32 or better."""
    query, keys = at_least_float32(query), at_least_float32(keys)
    loop = _loops.current
    if (
        loop is None
        or not (torch.is_grad_enabled() and keys.requires_grad)
        or not dispatch.fused(query, keys)
    ):
        with torch.autocast(query.device.type, enabled=False):
            return query @ keys.mT
    return loop.memory(query, keys, transposed=True)


def weighted_sum(weights: Float[Tensor, "B T S"], values: Float[Tensor, "B S M"]) -> Float[Tensor, "B T M"]:
    """The weighted sum of the values for every row of weights, also under autocast in float32 or better."""
    loop = _loops.current
    if (
        loop is None
        or not (torch.is_grad_enabled() and values.requires_grad)
        or not dispatch.fused(weights, values)
    ):
        with torch.autocast(weights.device.type, enabled=False):
            return weights @ values
    return loop.memory(weights, values, transposed=False)


@contextmanager
def deferred_weight_grads() -> Iterator[None]:
    """Inside, products belong to the steps of one loop, whose weight gradients are formed together."""
    before = _loops.current
    _loops.current = Loop()
    try:
        yield
    finally:
        _loops.current = before


GradientOf = Callable[[list[Tensor], list[Tensor]], tuple[Tensor, ...]]


class Slots:
    """For each step of a loop its input, and the gradient of its output with the backward pass that brought it.

    `form` makes the gradients of what all steps share from the inputs and gradients of each. In slots, not in a list
    that grows: a graph may be gone back over more than once.
    """

    def __init__(self, form: GradientOf) -> None:
        self._form = form
        self._inputs: list[Tensor] = []
        self._grads: list[tuple[int, Tensor] | None] = []
        self.matrix: Tensor | None = None  # a weight as a GPU multiplies by it

    def take(self, given: Tensor) -> int:
        """Keep a step's input; its number."""
        self._inputs.append(given.detach())
        self._grads.append(None)
        return len(self._inputs) - 1

    def put(self, number: int, grad: Tensor) -> None:
        """Keep the gradient of a step's output."""
        self._grads[number] = (backward_pass(), grad)

    def formed(self) -> tuple[Tensor, ...] | None:
        """The gradients from the steps that this backward pass came through; None if there were none."""
        now, inputs, grads = backward_pass(), [], []
        for given, kept in zip(self._inputs, self._grads, strict=True):
            if kept is not None and kept[0] == now:
                inputs.append(given)
                grads.append(kept[1])
        self._grads = [None] * len(self._grads)
        return self._form(inputs, grads) if grads else None


class Loop:
    """The weights and memories that one loop has met, each behind a gate that forms its gradient last."""

    def __init__(self) -> None:
        self._gates: dict[tuple[object, ...], tuple[tuple[Tensor, ...], tuple[Tensor, ...], Any]] = {}

    def linear(self, rows: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
        """A step's product with a weight, taken in this type."""
        if bias is None:
            (gated,), slots = self.gate((weight,), lambda: Slots(_of_weight))
            return _LinearStep.apply(rows, dtype, slots, gated)  # type: ignore[no-any-return]
        gated_both, slots = self.gate((weight, bias), lambda: Slots(_of_weight_and_bias))
        return _LinearStep.apply(rows, dtype, slots, *gated_both)  # type: ignore[no-any-return]

    def memory(self, given: Tensor, memory: Tensor, transposed: bool) -> Tensor:
        """A step's product with a memory."""
        form = _of_keys if transposed else _of_values
        (gated,), slots = self.gate((memory,), lambda: Slots(form), transposed)
        return _MemoryStep.apply(given, slots, gated, transposed)  # type: ignore[no-any-return]

    def gate(
        self, parts: tuple[Tensor, ...], make: Callable[[], Any], *use: object
    ) -> tuple[tuple[Tensor, ...], Any]:
        """The parts behind a gate for this use of them, the same at every step, and what forms their gradients."""
        key = (*use, *map(id, parts))
        if key not in self._gates:
            slots = make()
            self._gates[key] = (parts, _Gate.apply(slots, *parts), slots)
        _, gated, slots = self._gates[key]
        return gated, slots


def _of_weight(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    return ((torch.cat(grads).t() @ torch.cat(inputs)).float(),)


def _of_weight_and_bias(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor, Tensor]:
    grad = torch.cat(grads)
    return (grad.t() @ torch.cat(inputs)).float(), column_sums(grad)


def _of_keys(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    return (torch.cat(grads, dim=1).mT @ torch.cat(inputs, dim=1),)


def _of_values(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    return (torch.cat(inputs, dim=1).mT @ torch.cat(grads, dim=1),)


class _Current(threading.local):
    current: Loop | None = None
    int8_rows: int = 0


_loops = _Current()


def current_loop() -> Loop | None:
    """The loop whose steps are being taken, if gradients will be wanted of it."""
    return _loops.current if torch.is_grad_enabled() else None


class _Gate(torch.autograd.Function):
    """Passes tensors on to the steps; going back, it is reached after all of them and forms their gradients."""

    @staticmethod
    def forward(ctx: Any, slots: Slots, *parts: Tensor) -> tuple[Tensor, ...]:
        ctx.slots = slots
        ctx.set_materialize_grads(False)
        return tuple(part.view_as(part) for part in parts)

    @staticmethod
    def backward(ctx: Any, *direct: Tensor | None) -> tuple[Tensor | None, ...]:
        formed = ctx.slots.formed()
        if formed is None:
            return None, *direct
        return None, *(
            one if other is None else one + other for one, other in zip(formed, direct, strict=True)
        )


class _LinearStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, given: Tensor, dtype: torch.dtype, slots: Slots, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        rows = given.to(dtype)
        ctx.slots, ctx.number = slots, slots.take(rows)
        ctx.save_for_backward(given, weight)
        ctx.biased = bias is not None
        return (
            _product_on_gpu(rows, slots, weight, bias)
            if dispatch.on_gpu(rows)
            else PackedWeight([weight], bias, rows.dtype).forward(rows)
        )

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        given, weight = ctx.saved_tensors
        if is_double_backward():
            direct = (
                (grad.t() @ given.to(grad.dtype)).float(),
                *([grad.float().sum(dim=0)] if ctx.biased else []),
            )
            return (grad @ weight.to(grad.dtype)).to(given.dtype), None, None, *direct
        ctx.slots.put(ctx.number, grad)
        back = None
        if ctx.needs_input_grad[0]:
            if dispatch.on_gpu(grad):
                back = _product_on_gpu(grad, ctx.slots, weight, None, transposed=True)
            else:
                back = PackedWeight([weight], None, grad.dtype).backward(grad)
            back = back.to(given.dtype)
        return back, None, None, *([None] * (1 + ctx.biased))


class _MemoryStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, slots: Slots, memory: Tensor, transposed: bool) -> Tensor:
        ctx.slots, ctx.number, ctx.transposed = slots, slots.take(given), transposed
        ctx.save_for_backward(given, memory)
        with torch.autocast(given.device.type, enabled=False):
            return given @ (memory.mT if transposed else memory)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        given, memory = ctx.saved_tensors
        back = grad @ (memory if ctx.transposed else memory.mT)
        if is_double_backward():
            return back, None, (grad.mT @ given if ctx.transposed else given.mT @ grad), None
        ctx.slots.put(ctx.number, grad)
        return back, None, None, None


def backward_pass() -> int:
    """The number of the backward pass that is running."""
    return torch._C._current_graph_task_id()


def _product_on_gpu(
    rows: Tensor, slots: Slots, weight: Tensor, bias: Tensor | None, transposed: bool = False
) -> Tensor:
    """The same with a weight that is cast once a loop, and kept no longer: a recorded pass must cast it anew."""
    if slots.matrix is None or slots.matrix.dtype != rows.dtype:
        slots.matrix = weight.detach().to(rows.dtype)
    with torch.autocast(rows.device.type, enabled=False):
        if transposed:
            return rows @ slots.matrix
        return F.linear(rows, slots.matrix, None if bias is None else bias.detach().to(rows.dtype))
