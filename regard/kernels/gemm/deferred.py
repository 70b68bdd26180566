"""Weight gradients of a loop, computed once after its last step.

Step by step, every product with a weight would form a gradient as large as the weight and add it up. Inside
`deferred_weight_grads()` a step records only its input x_t and the gradient g_t of its output. The weight passes
through an identity whose backward runs after those of all steps; there `Σ_t g_tᵀ x_t` is one large product. Products
with a memory, whose "weight" belongs to a sentence, are treated alike.
"""

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
    """Return the dot product of every query with every key, also under autocast in float32 or better."""
    query, keys = at_least_float32(query), at_least_float32(keys)
    loop = _current_loop_for(query, keys)
    if loop is None:
        with torch.autocast(query.device.type, enabled=False):
            return query @ keys.mT
    return loop.memory_product(query, keys, transposed=True)


def weighted_sum(weights: Float[Tensor, "B T S"], values: Float[Tensor, "B S M"]) -> Float[Tensor, "B T M"]:
    """Return the weighted sum of the values for every row of weights, also under autocast in float32 or better."""
    loop = _current_loop_for(weights, values)
    if loop is None:
        with torch.autocast(weights.device.type, enabled=False):
            return weights @ values
    return loop.memory_product(weights, values, transposed=False)


@contextmanager
def deferred_weight_grads() -> Iterator[None]:
    """Make the products inside steps of one loop, whose weight gradients are computed together."""
    before = _thread.loop
    _thread.loop = DeferredLoop()
    try:
        yield
    finally:
        _thread.loop = before


def current_loop() -> DeferredLoop | None:
    """Return the loop whose steps are being recorded; None outside of one or without gradients."""
    return _thread.loop if torch.is_grad_enabled() else None


def backward_pass_id() -> int:
    """Return the id of the backward pass that is running."""
    return torch._C._current_graph_task_id()


class _ThreadState(threading.local):
    loop: DeferredLoop | None = None


_thread = _ThreadState()


def _current_loop_for(input: Tensor, memory: Tensor) -> DeferredLoop | None:
    """Return the loop that defers the gradient of a memory; None where the ordinary product is taken."""
    loop = current_loop()
    return loop if loop is not None and memory.requires_grad and dispatch.fused(input, memory) else None


GradientFunction = Callable[[list[Tensor], list[Tensor]], tuple[Tensor, ...]]


class RecordedSteps:
    """The input of every step of a loop, and the gradient of its output with the id of the pass that computed it.

    `gradient` computes the gradients of the shared tensors from the inputs and output gradients of the steps. These
    are kept by step, not in a list that grows, because a graph may be backpropagated more than once.
    """

    def __init__(self, gradient: GradientFunction) -> None:
        self._gradient = gradient
        self._inputs: list[Tensor] = []
        self._grads: list[tuple[int, Tensor] | None] = []
        self.cast_weight: Tensor | None = None  # the weight in the dtype of products, on a GPU

    def record_input(self, input: Tensor) -> int:
        """Record the input of a step; return the index of the step."""
        self._inputs.append(input.detach())
        self._grads.append(None)
        return len(self._inputs) - 1

    def record_grad(self, index: int, grad: Tensor) -> None:
        """Record the gradient of a step's output."""
        self._grads[index] = (backward_pass_id(), grad)

    def compute(self) -> tuple[Tensor, ...] | None:
        """Return the gradients from the steps in this backward pass, once; None if it has none."""
        current, inputs, grads = backward_pass_id(), [], []
        for input, pass_and_grad in zip(self._inputs, self._grads, strict=True):
            if pass_and_grad is not None and pass_and_grad[0] == current:
                inputs.append(input)
                grads.append(pass_and_grad[1])
        self._grads = [None] * len(self._grads)
        return self._gradient(inputs, grads) if grads else None


class DeferredLoop:
    """The weights and memories that the steps of one loop share, and what computes their gradients in the end."""

    def __init__(self) -> None:
        self._shared: dict[tuple[object, ...], tuple[tuple[Tensor, ...], tuple[Tensor, ...], Any]] = {}

    def linear(self, rows: Tensor, dtype: torch.dtype, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return a step's product `W x + b`, computed in a dtype."""
        if bias is None:
            (shared,), recorded = self.share((weight,), lambda: RecordedSteps(_weight_gradient))
            return _LinearStep.apply(rows, dtype, recorded, shared)  # type: ignore[no-any-return]
        both, recorded = self.share((weight, bias), lambda: RecordedSteps(_weight_and_bias_gradients))
        return _LinearStep.apply(rows, dtype, recorded, *both)  # type: ignore[no-any-return]

    def memory_product(self, input: Tensor, memory: Tensor, transposed: bool) -> Tensor:
        """Return a step's product with a memory."""
        gradient = _keys_gradient if transposed else _values_gradient
        (shared,), recorded = self.share((memory,), lambda: RecordedSteps(gradient), transposed)
        return _MemoryStep.apply(input, recorded, shared, transposed)  # type: ignore[no-any-return]

    def share(
        self, tensors: tuple[Tensor, ...], make: Callable[[], Any], *use: object
    ) -> tuple[tuple[Tensor, ...], Any]:
        """Return aliases of tensors for all steps to use, and what `make` made for the first of them.

        The backward of the aliases runs after those of all steps, and adds the gradients that the `compute` method of
        the made object returns. `use` tells apart different uses of the same tensors.
        """
        key = (*use, *map(id, tensors))
        if key not in self._shared:
            deferred = make()
            self._shared[key] = (tensors, _Share.apply(deferred, *tensors), deferred)
        _, aliases, deferred = self._shared[key]
        return aliases, deferred


def _weight_gradient(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    """Forward, at each step: `y = x Wᵀ`."""
    return ((torch.cat(grads).t() @ torch.cat(inputs)).float(),)


def _weight_and_bias_gradients(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Forward, at each step: `y = x Wᵀ + b`."""
    grad = torch.cat(grads)
    return (grad.t() @ torch.cat(inputs)).float(), column_sums(grad)


def _keys_gradient(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    """Forward, at each step: `scores = query · keysᵀ`."""
    return (torch.cat(grads, dim=1).mT @ torch.cat(inputs, dim=1),)


def _values_gradient(inputs: list[Tensor], grads: list[Tensor]) -> tuple[Tensor]:
    """Forward, at each step: `context = weights · values`."""
    return (torch.cat(inputs, dim=1).mT @ torch.cat(grads, dim=1),)


class _Share(torch.autograd.Function):
    """The identity; its backward runs after those of all steps, and adds the gradients that they deferred."""

    @staticmethod
    def forward(ctx: Any, deferred: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.deferred = deferred
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *direct: Tensor | None) -> tuple[Tensor | None, ...]:
        computed = ctx.deferred.compute()
        if computed is None:
            return None, *direct
        pairs = zip(computed, direct, strict=True)
        return None, *(one if other is None else one + other for one, other in pairs)


class _LinearStep(torch.autograd.Function):
    """A step's `x Wᵀ + b`."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        dtype: torch.dtype,
        recorded: RecordedSteps,
        weight: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        rows = input.to(dtype)
        ctx.recorded, ctx.index = recorded, recorded.record_input(rows)
        ctx.save_for_backward(input, weight)
        ctx.has_bias = bias is not None
        if dispatch.on_gpu(rows):
            return _gpu_product(rows, recorded, weight, bias)
        return PackedWeight([weight], bias, rows.dtype).forward(rows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        if is_double_backward():
            d_weight = (grad.t() @ input.to(grad.dtype)).float()
            d_bias = [grad.float().sum(dim=0)] if ctx.has_bias else []
            return (grad @ weight.to(grad.dtype)).to(input.dtype), None, None, d_weight, *d_bias
        ctx.recorded.record_grad(ctx.index, grad)
        d_input = None
        if ctx.needs_input_grad[0]:
            if dispatch.on_gpu(grad):
                d_input = _gpu_product(grad, ctx.recorded, weight, None, transposed=True)
            else:
                d_input = PackedWeight([weight], None, grad.dtype).backward(grad)
            d_input = d_input.to(input.dtype)
        return d_input, None, None, *([None] * (1 + ctx.has_bias))


class _MemoryStep(torch.autograd.Function):
    """A step's `x · memoryᵀ` (transposed) or `x · memory`."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, recorded: RecordedSteps, memory: Tensor, transposed: bool) -> Tensor:
        ctx.recorded, ctx.index, ctx.transposed = recorded, recorded.record_input(input), transposed
        ctx.save_for_backward(input, memory)
        with torch.autocast(input.device.type, enabled=False):
            return input @ (memory.mT if transposed else memory)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        input, memory = ctx.saved_tensors
        d_input = grad @ (memory if ctx.transposed else memory.mT)
        if is_double_backward():
            return d_input, None, (grad.mT @ input if ctx.transposed else input.mT @ grad), None
        ctx.recorded.record_grad(ctx.index, grad)
        return d_input, None, None, None


def _gpu_product(
    rows: Tensor, recorded: RecordedSteps, weight: Tensor, bias: Tensor | None, transposed: bool = False
) -> Tensor:
    """Return a step's product on a GPU, by a weight that is cast once a loop.

    It is not kept for longer: a CUDA graph that is being captured must cast it anew.
    """
    if recorded.cast_weight is None or recorded.cast_weight.dtype != rows.dtype:
        recorded.cast_weight = weight.detach().to(rows.dtype)
    with torch.autocast(rows.device.type, enabled=False):
        if transposed:
            return rows @ recorded.cast_weight
        return F.linear(rows, recorded.cast_weight, None if bias is None else bias.detach().to(rows.dtype))
