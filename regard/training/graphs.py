"""Forward and backward passes captured once as CUDA graphs and replayed, so that Python need not launch every kernel.

A recurrent step is many small operations, and a GPU waits for Python between them. A CUDA graph holds those of one
forward and backward pass, for tensors of fixed shapes at fixed addresses. Shapes are therefore rounded up, so that a
few graphs serve all batches. What is computed, and which random numbers are drawn, does not depend on whether a pass
is replayed, so that a resumed run, which has captured nothing yet, continues bit for bit.

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

Launch = Callable[[], None]
"""Launches a fixed sequence of kernels."""
Capture = Callable[[Launch], Launch]
"""Captures what a function launches, and returns a function that replays it."""
ForwardBackward = Callable[[Batch, Tensor], Tensor]
"""Adds the gradients of a batch, multiplied by a scalar, to those of the weights; returns the loss, a tensor."""

MAX_GRAPHS = 64
LENGTH_STEPS, ROW_STEPS = 4, 8  # sizes between two powers of two
SMALLEST_STEP = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shape:
    """The number of rows, and of source and target positions, of a batch."""

    rows: int
    source: int
    target: int

    @staticmethod
    def of(batch: Batch) -> Shape:
        """Round a batch's shape up: lengths by less than a quarter, rows by less than an eighth, or by up to 3."""
        (rows, source), target = batch.source.shape, batch.target.shape[1]
        lengths = (round_up(length, LENGTH_STEPS) for length in (source, target))
        return Shape(round_up(rows, ROW_STEPS), *lengths)

    def pad(self, batch: Batch) -> Batch:
        """Pad a batch, which must not be larger, to this shape, and mark it as fixed."""
        source = 0, self.source - batch.source.shape[1]
        target = 0, self.target - batch.target.shape[1]
        rows = 0, self.rows - len(batch.source)
        return Batch(
            F.pad(batch.source, source + rows),
            F.pad(batch.source_valid, source + rows),
            F.pad(batch.target, target + rows),
            F.pad(batch.target_valid, target + rows),
            fixed=True,
        )


def round_up(size: int, num_steps: int) -> int:
    """Round up to one of `num_steps` sizes between two powers of two, evenly spaced, at least SMALLEST_STEP apart."""
    step = max(2 ** ((size - 1).bit_length() - 1) // num_steps, SMALLEST_STEP) if size > 1 else SMALLEST_STEP
    return -(-size // step) * step


class GraphCache:
    """Runs forward and backward passes; those of shapes seen before are captured, up to MAX_GRAPHS, and replayed.

    `forward_backward` must not wait for the device. The first pass over a shape is not captured: it compiles kernels
    and creates the weights' gradients.
    """

    def __init__(
        self,
        forward_backward: ForwardBackward,
        weights: Iterable[nn.Parameter],
        capture: Capture,
        max_graphs: int = MAX_GRAPHS,
    ) -> None:
        self._forward_backward, self._weights = forward_backward, list(weights)
        self._capture, self._max_graphs = capture, max_graphs
        self._seen: Counter[Shape] = Counter()
        self._captured: dict[Shape, _CapturedPass] = {}
        self._addresses: list[int] = []
        self._enabled = True

    def __len__(self) -> int:
        """Return the number of captured graphs."""
        return len(self._captured)

    def __call__(self, batch: Batch, scale: float) -> Tensor:
        """Run the pass over a batch, which may lie on any device."""
        shape, device = Shape.of(batch), self._weights[0].device
        self._seen[shape] += 1
        self._discard_if_moved()
        padded = shape.pad(batch)
        if shape not in self._captured and self._may_capture(shape):
            self._try_capture(shape, padded.to(device))
        if shape in self._captured:
            return self._captured[shape](padded, scale)
        return self._forward_backward(padded.to(device), torch.tensor(scale, device=device))

    def disable(self) -> None:
        """Discard all graphs and the memory they hold, and capture no more."""
        self._enabled = False
        self._captured.clear()

    def _may_capture(self, shape: Shape) -> bool:
        return self._enabled and self._seen[shape] > 1 and len(self._captured) < self._max_graphs

    def _try_capture(self, shape: Shape, batch: Batch) -> None:
        """Capture the pass over a shape, if that is possible, and leave the gradients as they were."""
        before = [None if weight.grad is None else weight.grad.clone() for weight in self._weights]
        try:
            self._captured[shape] = _CapturedPass(self._forward_backward, batch, self._capture)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            _log.warning("training continues without CUDA graphs: capturing one failed with: %s", error)
            self.disable()
        for weight, grad in zip(self._weights, before, strict=True):
            if weight.grad is not None:
                weight.grad.zero_() if grad is None else weight.grad.copy_(grad)
        self._addresses = _addresses(self._weights)

    def _discard_if_moved(self) -> None:
        """Discard all graphs if weights or gradients are no longer at the addresses that these use."""
        if self._captured and _addresses(self._weights) != self._addresses:
            self._captured.clear()


class _CapturedPass:
    """The captured pass over a shape, with the tensors that it reads and writes."""

    def __init__(self, forward_backward: ForwardBackward, batch: Batch, capture: Capture) -> None:
        self._batch = batch
        self._scale = torch.zeros((), device=batch.source.device)
        self._nll = torch.zeros((), device=batch.source.device)

        def launch() -> None:
            self._nll.copy_(forward_backward(self._batch, self._scale))

        self._replay = capture(launch)

    def __call__(self, batch: Batch, scale: float) -> Tensor:
        for buffer, values in zip(_tensors(self._batch), _tensors(batch), strict=True):
            buffer.copy_(values)
        self._scale.fill_(scale)
        self._replay()
        return self._nll.clone()


def capture_on_cuda(device: torch.device) -> Capture:
    """Return what captures passes on a GPU; the graphs share one memory pool, as only one is replayed at a time."""
    pool = torch.cuda.graph_pool_handle()

    def capture(launch: Launch) -> Launch:
        with torch.random.fork_rng([device]), torch.cuda.device(device):
            current, side = torch.cuda.current_stream(), torch.cuda.Stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):
                launch()  # libraries allocate what they need when they are first used on a stream
            current.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool, stream=side):
                launch()
        return graph.replay

    return capture


def _tensors(batch: Batch) -> Sequence[Tensor]:
    return batch.source, batch.source_valid, batch.target, batch.target_valid


def _addresses(weights: Sequence[nn.Parameter]) -> list[int]:
    """Return the addresses of the weights and of their gradients, 0 for none."""
    gradients = (0 if weight.grad is None else weight.grad.data_ptr() for weight in weights)
    return [*(weight.data_ptr() for weight in weights), *gradients]
