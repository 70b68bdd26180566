"""Passes over batches, recorded once on a GPU and played again, so that Python need not launch every operation anew.

A recurrent step is many small operations, and a GPU waits for Python between them. A CUDA graph holds those of one
pass over a batch, forwards and back, for tensors of fixed shapes at fixed places. Shapes are therefore rounded up, so
that few graphs serve all batches. What is computed, and which random numbers are drawn, is the same whether a pass is
played or not, so that a resumed run, which has recorded nothing yet, goes on bit for bit.

Source: CUDA graphs, https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs (whole passes, one memory pool).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.records.tensors import Batch
from regard.training.device_memory import is_out_of_memory

Run = Callable[[], None]
Record = Callable[[Run], Run]
Pass = Callable[[Batch, Tensor], Tensor]

MOST_GRAPHS = 64
LENGTH_PARTS, ROW_PARTS = 4, 8  # between two powers of two
LEAST_STEP = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shape:
    """Rows, source and target positions."""

    rows: int
    source: int
    target: int

    @staticmethod
    def of(batch: Batch) -> Shape:
        """A batch's shape, rounded up: lengths by less than a quarter, rows by less than an eighth, or by up to 3."""
        (rows, source), target = batch.source.shape, batch.target.shape[1]
        lengths = (rounded(length, LENGTH_PARTS) for length in (source, target))
        return Shape(rounded(rows, ROW_PARTS), *lengths)

    def filled(self, batch: Batch) -> Batch:
        """A fixed batch of this shape: the given one, and padding. It must fit."""
        wide = 0, self.source - batch.source.shape[1]
        high = 0, self.rows - len(batch.source)
        long = 0, self.target - batch.target.shape[1]
        return Batch(
            F.pad(batch.source, wide + high),
            F.pad(batch.source_valid, wide + high),
            F.pad(batch.target, long + high),
            F.pad(batch.target_valid, long + high),
            fixed=True,
        )


def rounded(number: int, parts: int) -> int:
    """The number rounded up to one of `parts` even steps between two powers of two; steps are at least LEAST_STEP."""
    step = max(2 ** ((number - 1).bit_length() - 1) // parts, LEAST_STEP) if number > 1 else LEAST_STEP
    return -(-number // step) * step


class Graphs:
    """Takes passes over batches; those of shapes that come again are recorded, up to MOST_GRAPHS, and played.

    `take(batch, scale)` adds the gradients of a pass, times a number, to those of the weights and gives the negative
    log-likelihood, without asking the device for anything. `record(run)` gives a function that does again what `run`
    does. A shape is first taken without recording: kernels are compiled, and weights get their gradients.
    """

    def __init__(
        self, take: Pass, weights: Iterable[nn.Parameter], record: Record, most: int = MOST_GRAPHS
    ) -> None:
        self._take, self._weights, self._record, self._most = take, list(weights), record, most
        self._seen: Counter[Shape] = Counter()
        self._recorded: dict[Shape, _Recorded] = {}
        self._places: list[int] = []
        self._works = True

    def __len__(self) -> int:
        """How many are held."""
        return len(self._recorded)

    def __call__(self, batch: Batch, scale: float) -> Tensor:
        """The pass over a batch, anywhere in memory."""
        shape, device = Shape.of(batch), self._weights[0].device
        self._seen[shape] += 1
        self._forget_if_moved()
        filled = shape.filled(batch)
        if shape not in self._recorded and self._may_record(shape):
            self._try_recording(shape, filled.to(device))
        if shape in self._recorded:
            return self._recorded[shape](filled, scale)
        return self._take(filled.to(device), torch.tensor(scale, device=device))

    def give_up(self) -> None:
        """Let go of all graphs and the memory they hold, and record no more."""
        self._works = False
        self._recorded.clear()

    def _may_record(self, shape: Shape) -> bool:
        return self._works and self._seen[shape] > 1 and len(self._recorded) < self._most

    def _try_recording(self, shape: Shape, batch: Batch) -> None:
        """Record the pass over a shape, if that can be. The gradients stay as they were."""
        before = [None if weight.grad is None else weight.grad.clone() for weight in self._weights]
        try:
            self._recorded[shape] = _Recorded(self._take, batch, self._record)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            _log.warning("training goes on without CUDA graphs: recording one failed with: %s", error)
            self.give_up()
        for weight, grad in zip(self._weights, before, strict=True):
            if weight.grad is not None:
                weight.grad.zero_() if grad is None else weight.grad.copy_(grad)
        self._places = _places(self._weights)

    def _forget_if_moved(self) -> None:
        """A graph reads and writes where weights and gradients were when it was recorded."""
        if self._recorded and _places(self._weights) != self._places:
            self._recorded.clear()


class _Recorded:
    """The pass over a shape, with the tensors that it reads and writes."""

    def __init__(self, take: Pass, batch: Batch, record: Record) -> None:
        self._batch = batch
        self._scale = torch.zeros((), device=batch.source.device)
        self._nll = torch.zeros((), device=batch.source.device)

        def run() -> None:
            self._nll.copy_(take(self._batch, self._scale))

        self._play = record(run)

    def __call__(self, batch: Batch, scale: float) -> Tensor:
        for ours, given in zip(_tensors(self._batch), _tensors(batch), strict=True):
            ours.copy_(given)
        self._scale.fill_(scale)
        self._play()
        return self._nll.clone()


def on_cuda(device: torch.device) -> Record:
    """How passes are recorded on a GPU; all graphs share their memory, for one is done before another is played."""
    pool = torch.cuda.graph_pool_handle()

    def record(run: Run) -> Run:
        with torch.random.fork_rng([device]), torch.cuda.device(device):
            here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
            aside.wait_stream(here)
            with torch.cuda.stream(aside):
                run()  # libraries make what they need on a stream when they are first used on it
            here.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, stream=aside):
                run()
        return graph.replay

    return record


def _tensors(batch: Batch) -> Sequence[Tensor]:
    return batch.source, batch.source_valid, batch.target, batch.target_valid


def _places(weights: Sequence[nn.Parameter]) -> list[int]:
    grads = (0 if weight.grad is None else weight.grad.data_ptr() for weight in weights)
    return [*(weight.data_ptr() for weight in weights), *grads]
