"""Whole loops as one operation: a cell over a sentence, and the decoders that attend at every step.

Everything is time-major, (T, R, width). The plain form takes the same steps one by one and is what gradients of
gradients go through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from regard.kernels import policy
from regard.kernels.additive import additive_plain
from regard.kernels.cells import gru_plain, lstm_plain
from regard.kernels.derivatives import double_backward, is_double_backward
from regard.kernels.operations import operations
from regard.kernels.packing import Packing
from regard.kernels.parts import (
    CELLS,
    Cell,
    LayerInput,
    Look,
    PackedSteps,
    PaddedSteps,
    Product,
    column_sums,
    tanh_back,
)
from regard.kernels.products import at_least_float32, autocast_dtype, dot_scores, weighted_sum
from regard.kernels.reading import read

How = tuple[str, Tensor | None, PaddedSteps | PackedSteps]  # which cell, which rows live (T, R), which steps


@dataclass(frozen=True)
class Recurrence:
    """What a cell multiplies its hidden state by. `cell` is lstm or gru."""

    cell: str
    weight: Float[Tensor, "G H"]
    bias: Float[Tensor, " G"]


@dataclass(frozen=True)
class AttentionInputs:
    """A memory, and the score: `v · tanh(W q + k)`, or without W and v `q · k`, times `scale`."""

    keys: Float[Tensor, "R S K"]
    values: Float[Tensor, "R S M"]
    valid: Bool[Tensor, "R S"]
    W: Float[Tensor, "K Q"] | None
    v: Float[Tensor, " K"] | None
    scale: float


def recur(
    recurrence: Recurrence,
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
    live: Bool[Tensor, "T R"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Tensor, "T R H"], tuple[Float[Tensor, "R H"], ...]]:
    """All steps of a cell, from the last to the first if `reverse`: its hidden states, and its last state."""
    weights = recurrence.weight, recurrence.bias
    fused = policy.fused(projected, *start, *weights)
    if fused and not torch.is_grad_enabled() and not policy.on_gpu(projected):
        dtype = autocast_dtype(weights[0])
        hidden, *last = read(recurrence.cell, live, reverse, dtype, projected, *weights, start)
        return hidden, tuple(last)
    steps = PaddedSteps(len(projected), projected.shape[1], reverse)
    return _recur((recurrence.cell, live, steps), projected, weights, start)


def recur_packed(
    recurrence: Recurrence,
    projected: Float[Tensor, "N G"],
    start: Sequence[Float[Tensor, "R H"]],
    packing: Packing,
) -> tuple[Float[Tensor, "N H"], tuple[Float[Tensor, "R H"], ...]]:
    """The same of a batch that was packed; `start` and the last state have the sentences in the batch's order."""
    weights = recurrence.weight, recurrence.bias
    return _recur((recurrence.cell, None, PackedSteps(packing)), projected, weights, start)


def _recur(
    how: How, projected: Tensor, weights: tuple[Tensor, Tensor], start: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if policy.fused(projected, *start, *weights):
        dtype = autocast_dtype(weights[0])
        hidden, *last = _Recur.apply(how, dtype, projected.to(dtype), *weights, *start)
    else:
        hidden, *last = _recur_plain(how, projected, *weights, *start)
    return hidden, tuple(last)


def bahdanau_unroll(
    recurrence: Recurrence,
    looking: AttentionInputs,
    context_gates: Float[Tensor, "G M"],
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
) -> tuple[Float[Tensor, "T R H"], Float[Tensor, "T R M"], Float[Tensor, "T R S"]]:
    """Bahdanau's decoder: look with the state before, and let what was seen into the cell.

    Gives hidden states, contexts and weights. Source: Bahdanau et al. 2015, section 3.1 and appendix A.2.
    """
    loop, tensors = _loop([recurrence], looking, projected)
    inputs = context_gates, projected, *tensors, *start
    if policy.fused(projected, looking.keys, *start):
        return _BahdanauUnroll.apply(loop, *inputs)  # type: ignore[no-any-return]
    return _attend_before_plain(loop, *inputs)  # type: ignore[arg-type]


def luong_unroll(
    recurrences: Sequence[Recurrence],
    lifts: Sequence[tuple[Float[Tensor, "G H"], Float[Tensor, " G"]]],
    masks: Sequence[Float[Tensor, "T R H"]] | None,
    looking: AttentionInputs,
    feed: Float[Tensor, "G C"],
    combine: Float[Tensor, "C M+H"],
    projected: Float[Tensor, "T R G"],
    start: Sequence[Float[Tensor, "R H"]],
) -> tuple[Float[Tensor, "T R C"], Float[Tensor, "T R S"]]:
    """Luong's decoder with input feeding: move, look with the new state, combine, feed what was combined.

    `lifts` are weight and bias of what each layer but the lowest makes of the one below, times a mask if there are
    any; `start` has the states of all layers. Gives the combined vectors `tanh(W [c; h])` and the weights.
    Source: Luong et al. 2015, sections 3 (equation 5) and 3.3.
    """
    loop, tensors = _loop(recurrences, looking, projected, masks)
    inputs = feed, combine, projected, *tensors, *(part for lift in lifts for part in lift), *start
    if policy.fused(projected, looking.keys, *start):
        return _LuongUnroll.apply(loop, *inputs)  # type: ignore[no-any-return]
    return _attend_after_plain(loop, *inputs)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Loop:
    """What of a loop with attention is no tensor that wants a gradient."""

    cell: str
    layers: int
    dtype: torch.dtype
    valid: Tensor
    scale: float
    masks: Sequence[Tensor] | None

    def cell_of(
        self,
        layer: int,
        projected: Tensor,
        weights: Sequence[Tensor],
        start: Sequence[Tensor],
        below: Tensor,
    ) -> Cell:
        """The cell of a layer, from weights, biases and first states of all layers in a row."""
        weight, bias = weights[2 * layer : 2 * layer + 2]
        return CELLS[self.cell](projected, weight, bias, self._part(start, layer), self.dtype, below=below)

    def step(
        self, layer: int, projected: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor]
    ) -> list[Tensor]:
        """The plain step of a layer."""
        state = self._part(states, layer)
        products = projected, F.linear(state[0], *weights[2 * layer : 2 * layer + 2])
        return list(lstm_plain(*products, *state)) if self.cell == "lstm" else [gru_plain(*products, *state)]

    def look(
        self, query: Tensor, keys: Tensor, values: Tensor, project: Tensor | None, v: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The plain look: context and weights."""
        if project is None or v is None:
            scores = dot_scores(query.unsqueeze(1), keys).squeeze(1)
        else:
            scores = additive_plain(F.linear(query, project).unsqueeze(1), keys, v).squeeze(1)
        scores = at_least_float32(scores * self.scale).masked_fill(
            ~self.valid, torch.finfo(torch.float32).min
        )
        weights = torch.softmax(scores, dim=-1) * self.valid
        return weighted_sum(weights.unsqueeze(1), values).squeeze(1), weights

    def _part(self, states: Sequence[Tensor], layer: int) -> Sequence[Tensor]:
        parts = len(states) // self.layers
        return states[layer * parts : (layer + 1) * parts]


def _loop(
    recurrences: Sequence[Recurrence],
    looking: AttentionInputs,
    projected: Tensor,
    masks: Sequence[Tensor] | None = None,
) -> tuple[_Loop, list[Tensor | None]]:
    """The loop, and the tensors of the memory and of all layers in the order in which operations take them."""
    loop = _Loop(
        recurrences[0].cell, len(recurrences), autocast_dtype(projected), looking.valid, looking.scale, masks
    )
    memory = [looking.keys, looking.values, looking.W, looking.v]
    return loop, [*memory, *(part for each in recurrences for part in (each.weight, each.bias))]


class _Query:
    """From a state to the scores: the product with W, if there is one, and the look."""

    def __init__(self, loop: _Loop, memory: Sequence[Tensor | None], steps: int, inputs: Tensor) -> None:
        keys, values, project, v = memory
        assert keys is not None
        assert values is not None
        self._on = operations(inputs)
        self._product = None if project is None else Product([project], None, inputs)
        self._inputs, self._queries = inputs, self._on.steps(inputs)
        if self._product is not None:
            self._queries = self._on.steps(inputs.new_empty(*inputs.shape[:2], self._product.layouts.width))
        self.look = Look(keys, values, loop.valid, v, loop.scale, steps, loop.dtype)

    def __call__(self, t: int, context: Any) -> None:
        """Write the context of a step into the first columns."""
        if self._product is not None:
            self._product(t, self._queries[t])
        self.look(t, self._queries[t], context)

    def begin_back(self, d_weights: Tensor | None) -> None:
        """Get ready to go back, from the gradients of the weights."""
        self.look.begin_back(d_weights)
        grads = torch.empty_like(self._inputs) if self._product is None else self._product.room()
        self._grads = self._on.steps(grads)

    def back(self, t: int, d_context: Any) -> Any:
        """The gradient of the state."""
        self.look.back(t, self._queries[t], d_context, self._grads[t])
        return self._grads[t] if self._product is None else self._product.back(t)

    def gradients(self) -> list[Tensor | None]:
        """Of keys, values, W and v."""
        memory = [self.look.d_keys, self.look.d_values()]
        if self._product is None:
            return [*memory, None, None]
        return [*memory, *self._product.gradients()[0], self.look.d_v.sum(dim=0)]


class _BahdanauUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: _Loop, gates: Tensor, projected: Tensor, *more: Tensor | None
    ) -> tuple[Tensor, ...]:
        memory, weights, start = more[:4], more[4:6], more[6:]
        given = projected.to(loop.dtype).contiguous()
        cell = loop.cell_of(0, given, weights, start, gates)  # type: ignore[arg-type]
        steps = len(projected)
        query = _Query(loop, memory, steps, cell.low[:steps])
        contexts = operations(projected).steps(cell.entering)
        for t in range(steps):
            query(t, contexts[t])
            cell(t)
        ctx.loop, ctx.parts = loop, (cell, query)
        ctx.save_for_backward(gates, projected, *more)
        ctx.set_materialize_grads(False)
        seen = cell.entering[:steps, :, : gates.shape[1]].clone(memory_format=torch.contiguous_format)
        return cell.hidden[1:], seen, query.look.weights.clone()

    @staticmethod
    def backward(
        ctx: Any, d_hidden: Tensor | None, d_contexts: Tensor | None, d_weights: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            plain = partial(_attend_before_plain, ctx.loop)
            return None, *double_backward(plain, inputs, (d_hidden, d_contexts, d_weights))
        cell, query = ctx.parts
        cell.begin_back([None] * len(cell.states))
        query.begin_back(d_weights)
        wanted = None if d_hidden is None else operations(d_hidden).steps(d_hidden.contiguous())
        d_seen = None if d_contexts is None else d_contexts.unbind(0)
        d_query = None
        for t in reversed(cell.steps.order):
            parts = (None if wanted is None else wanted[t]), d_query
            d_context = cell.back(t, *((part, 0) for part in parts if part is not None))
            if d_seen is not None:
                cell.d_entering[:, : d_seen[t].shape[1]].add_(d_seen[t])
            d_query = query.back(t, d_context)
        d_start = cell.end_back(*([] if d_query is None else [(d_query, 0)]))
        d_projected = cell.d_projected.to(inputs[1].dtype)
        d_weight, d_bias, d_gates = cell.gradients()
        return None, d_gates, d_projected, *query.gradients(), d_weight, d_bias, *d_start


class _LuongUnroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, loop: _Loop, feed: Tensor, combine: Tensor, projected: Tensor, *more: Tensor | None
    ) -> tuple[Tensor, ...]:
        memory, weights, lifts, start = _of_layers(loop, more)
        steps, rows, _ = projected.shape
        cells = [loop.cell_of(0, projected.to(loop.dtype).contiguous(), weights, start, feed)]
        for layer in range(1, loop.layers):
            below, bias = lifts[2 * layer - 2 : 2 * layer]
            given = bias.to(loop.dtype).expand(rows, -1).contiguous().expand(steps, -1, -1)
            cells.append(loop.cell_of(layer, given, weights, start, below))
        top = cells[-1]
        query = _Query(loop, memory, steps, top.low[1:])
        size, width = top.low.shape[-1], len(combine)
        joined = Product([combine], None, top.low.new_empty(steps, rows, combine.shape[1]))
        contexts = operations(projected).steps(joined.inputs)
        states, read = joined.inputs[:, :, -size:].unbind(0), top.low[1:].unbind(0)
        made = cells[0].entering[:, :, :width]  # what is fed at each step, then the last
        made[0], fed = 0, operations(projected).steps(cells[0].entering[1:])
        masks = [None] * (loop.layers - 1) if loop.masks is None else loop.masks
        rises = [LayerInput(*pair, mask) for pair, mask in zip(pairwise(cells), masks, strict=True)]
        for t in top.steps.order:
            cells[0](t)
            for rise, cell in zip(rises, cells[1:], strict=True):
                rise(t)
                cell(t)
            states[t].copy_(read[t])
            query(t, contexts[t])
            joined(t, fed[t], then="tanh")
        ctx.loop, ctx.parts = loop, (cells, rises, query, joined)
        ctx.save_for_backward(feed, combine, projected, *more)
        ctx.set_materialize_grads(False)
        return made[1:].clone(memory_format=torch.contiguous_format), query.look.weights.clone()

    @staticmethod
    def backward(ctx: Any, d_combined: Tensor | None, d_weights: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            plain = partial(_attend_after_plain, ctx.loop)
            return None, *double_backward(plain, inputs, (d_combined, d_weights))
        cells, rises, query, joined = ctx.parts
        for cell in cells:
            cell.begin_back([None] * len(cell.states))
        query.begin_back(d_weights)
        top, d_given = cells[-1], joined.room()
        on, size = operations(d_given), top.low.shape[-1]
        width = joined.inputs.shape[-1] - size
        through_tanh, d_made = on.of(tanh_back), on.steps(d_given)
        made = on.steps(cells[0].entering[1:])
        wanted = on.steps(torch.zeros_like(d_given) if d_combined is None else d_combined.contiguous())
        d_fed = on.take(torch.zeros_like(cells[0].entering[0]))
        for t in reversed(top.steps.order):
            through_tanh(wanted[t], d_fed, made[t], d_made[t])
            d_joined = joined.back(t)
            d_entering = top.back(t, (d_joined, width), (query.back(t, d_joined), 0))
            for cell, rise in zip(cells[-2::-1], rises[::-1], strict=True):
                d_entering = cell.back(t, rise.back(t, d_entering))
            d_fed = d_entering
        weights, biases, feeds = zip(*(cell.gradients() for cell in cells), strict=True)
        return (
            None,
            feeds[0],
            *joined.gradients()[0],
            cells[0].d_projected.to(inputs[2].dtype),
            *query.gradients(),
            *(part for pair in zip(weights, biases, strict=True) for part in pair),
            *(
                part
                for below, cell in zip(feeds[1:], cells[1:], strict=True)
                for part in (below, column_sums(cell.d_projected))
            ),
            *(grad for cell in cells for grad in cell.end_back()),
        )


def _of_layers(
    loop: _Loop, more: Sequence[Any]
) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Memory, weights of the cells, weights between the layers, first states."""
    ends = 4, 4 + 2 * loop.layers, 4 + 2 * loop.layers + 2 * (loop.layers - 1)
    return more[: ends[0]], more[ends[0] : ends[1]], more[ends[1] : ends[2]], more[ends[2] :]


def _attend_before_plain(
    loop: _Loop, gates: Tensor, projected: Tensor, *more: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One step after another."""
    memory, weights, state = more[:4], more[4:6], list(more[6:])
    hidden, looks = [], []
    for given in projected.unbind(0):
        looks.append(loop.look(state[0], *memory))  # type: ignore[arg-type]
        state = loop.step(0, given + F.linear(looks[-1][0], gates), weights, state)  # type: ignore[arg-type,assignment]
        hidden.append(state[0])
    contexts, seen = (torch.stack(part) for part in zip(*looks, strict=True))
    return torch.stack(hidden), contexts, seen  # type: ignore[arg-type]


def _attend_after_plain(
    loop: _Loop, feed: Tensor, combine: Tensor, projected: Tensor, *more: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One step after another."""
    memory, weights, lifts, start = _of_layers(loop, more)
    states, parts = list(start), len(start) // loop.layers
    fed, combined, seen = projected.new_zeros(projected.shape[1], len(combine)), [], []
    for t, given in enumerate(projected.unbind(0)):
        given = given + F.linear(fed, feed)
        for layer in range(loop.layers):
            if layer > 0:
                below = states[(layer - 1) * parts]
                below = below if loop.masks is None else below * loop.masks[layer - 1][t]
                given = F.linear(below, *lifts[2 * layer - 2 : 2 * layer])
            states[layer * parts : (layer + 1) * parts] = loop.step(layer, given, weights, states)
        top = states[-parts]
        context, looked = loop.look(top, *memory)
        fed = torch.tanh(F.linear(torch.cat([context, top], dim=-1), combine))
        combined.append(fed)
        seen.append(looked)
    return torch.stack(combined), torch.stack(seen)


class _Recur(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        how: How,
        dtype: torch.dtype,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor,
        *start: Tensor,
    ) -> tuple[Tensor, ...]:
        (named, live, steps), projected = how, projected.contiguous()
        cell = CELLS[named](projected, weight, bias, start, dtype, live, steps=steps)
        for t in steps.order:
            cell(t)
        ctx.how, ctx.cell = how, cell
        ctx.save_for_backward(projected, weight, bias, *start)
        ctx.set_materialize_grads(False)
        return steps.after(cell.hidden), *map(steps.last, cell.states)

    @staticmethod
    def backward(ctx: Any, d_hidden: Tensor | None, *d_last: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if is_double_backward():
            return None, None, *double_backward(partial(_recur_plain, ctx.how), inputs, (d_hidden, *d_last))
        cell: Cell = ctx.cell
        cell.begin_back(d_last)
        wanted = None if d_hidden is None else cell.steps.cut(d_hidden.contiguous(), operations(d_hidden))
        for t in reversed(cell.steps.order):
            cell.back(t, *([] if wanted is None else [(wanted[t], 0)]))
        d_weight, d_bias, _ = cell.gradients()
        return None, None, cell.d_projected, d_weight, d_bias, *cell.end_back()


def _recur_plain(
    how: How, projected: Tensor, weight: Tensor, bias: Tensor, *start: Tensor
) -> tuple[Tensor, ...]:
    """One step after another."""
    cell, live, steps = how
    step: Callable[..., Any] = lstm_plain if cell == "lstm" else gru_plain
    state, per_step = [steps.arranged(first) for first in start], steps.per_step(projected)
    hidden: list[Tensor] = list(per_step)
    for t in steps.order:
        old = [steps.first_rows(t, part) for part in state]
        products = per_step[t], F.linear(old[0], weight, bias)
        alive = None if live is None else live[t].unsqueeze(-1)
        made = step(*products, *old, alive)
        new = made if isinstance(made, tuple) else (made,)
        state = [torch.cat([moved, part[len(moved) :]]) for moved, part in zip(new, state, strict=True)]
        hidden[t] = new[0]
    return steps.joined(hidden), *map(steps.as_given, state)
