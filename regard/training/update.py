"""One optimiser step: add the gradients of a few batches, normalise them by all their tokens, clip and apply them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.kernels import fused, total_norm
from regard.records.tensors import Batch, Loss
from regard.training.device_memory import is_out_of_memory, release_unused
from regard.training.graphs import Capture, GraphCache, capture_on_cuda
from regard.training.optimisers import make_optimiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class UpdateResult:
    """The mean loss of a step in nats per token, its target tokens, and the gradient norm before clipping.

    `applied` is False if the loss or gradient was not finite and the weights were left unchanged. `split` is the
    number of batches that did not fit in memory.
    """

    loss: float
    tokens: int
    gradient_norm: float
    applied: bool
    split: int = 0


class Update:
    """Takes optimiser steps for a model, on the device and in the precision that Fabric was set up for.

    The loss is divided by the target tokens of the whole global batch, over accumulated batches and ranks, so that
    the gradient is that of one large batch however it is split. A batch that does not fit in memory is split in
    two, and its parts again, until they fit; ConfigError if a single pair does not. With fused kernels on a single
    GPU, passes over batches are captured as CUDA graphs if the recipe says so; `capture` can replace how.
    """

    def __init__(
        self, fabric: Fabric, model: nn.Module, config: TrainingConfig, capture: Capture | None = None
    ) -> None:
        self.fabric = fabric
        if capture is None and fabric.device.type == "cuda" and config.graphs == "auto":
            capture = capture_on_cuda(fabric.device)
        self.optimiser = make_optimiser(config, model.parameters())
        self._clip_norm = config.clip_norm or math.inf
        self._forward, self._stepper = fabric.setup(_TensorsOnly(model), self.optimiser)
        self._graphs = None
        if capture is not None and fabric.world_size == 1:
            self._graphs = GraphCache(self._forward_backward, model.parameters(), capture)

    def __call__(self, batches: Sequence[Batch], learning_rate: float) -> UpdateResult:
        """Take one step over this rank's batches at this learning rate."""
        tokens = self._sum_over_ranks(torch.tensor(sum(batch.num_tokens for batch in batches)))
        nll, split = self._gradients(batches, self.fabric.world_size / int(tokens))
        loss = float(self._sum_over_ranks(nll)) / int(tokens)
        norm = self._clip()
        applied = math.isfinite(loss) and math.isfinite(norm)
        if applied:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate
            self._stepper.step()
        return UpdateResult(loss, int(tokens), norm, applied, split)

    def _gradients(self, batches: Sequence[Batch], scale: float) -> tuple[Tensor, int]:
        """Compute the gradients of all batches; return their negative log-likelihood, and how many were split.

        When memory runs out, the gradients may hold part of a batch's backward pass, so all are computed anew.
        """
        parts = [[batch] for batch in batches]
        while True:
            self.optimiser.zero_grad(set_to_none=self._graphs is None)  # graphs hold the gradients' addresses
            nll = torch.zeros((), device=self.fabric.device)
            for batch_parts in parts:
                if not self._add_gradients(batch_parts, scale, nll, last=batch_parts is parts[-1]):
                    if self._graphs is not None:
                        self._graphs.disable()
                    release_unused(self.fabric.device)
                    batch_parts[:] = self._halved(batch_parts)
                    break
            else:
                return nll, sum(len(batch_parts) > 1 for batch_parts in parts)

    def _add_gradients(self, parts: Sequence[Batch], scale: float, nll: Tensor, last: bool) -> bool:
        """Add the gradients of a batch's parts, and their loss to `nll`; return False if memory runs out."""
        try:
            for part in parts:
                more_to_come = not (last and part is parts[-1])
                with self.fabric.no_backward_sync(self._forward, enabled=more_to_come):
                    if self._graphs is not None and fused(next(self._forward.parameters())):
                        nll += self._graphs(part, scale)
                    else:
                        nll += self._forward_backward(part.to(self.fabric.device), scale)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _forward_backward(self, batch: Batch, scale: float | Tensor) -> Tensor:
        """Add the gradients of a batch, multiplied by `scale`, and return its negative log-likelihood."""
        tensors = batch.source, batch.source_valid, batch.target, batch.target_valid
        total, nll = self._forward(*tensors, batch.fixed)
        self.fabric.backward(total * scale)
        return nll.detach()  # type: ignore[no-any-return]

    def _halved(self, parts: Sequence[Batch]) -> list[Batch]:
        """Split each part of more than one pair in two."""
        if all(len(part.source) == 1 for part in parts):
            largest = max(parts, key=lambda part: part.source.numel() + part.target.numel())
            raise ConfigError(
                f"training: a single pair of {largest.source.shape[1]} source and {largest.target.shape[1]} target "
                f"tokens does not fit in the memory of {self.fabric.device}; lower data.max_tokens, or make the "
                "model smaller"
            )
        return [half for part in parts for half in (part.halves() if len(part.source) > 1 else (part,))]

    def _clip(self) -> float:
        """Have the optimiser scale down gradients whose norm is too large; return the norm before."""
        norm = total_norm([weight.grad for weight in self._forward.parameters() if weight.grad is not None])
        too_large = self._clip_norm < norm < math.inf
        # fused optimisers divide the gradients by this as they read them, which saves a pass over them
        self.optimiser.grad_scale = (  # type: ignore[attr-defined]
            torch.tensor(norm / self._clip_norm, device=self.fabric.device) if too_large else None
        )
        return norm

    def _sum_over_ranks(self, value: Tensor) -> Tensor:
        summed = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(summed, Tensor)
        return summed


class _TensorsOnly(nn.Module):
    """A model whose forward takes and returns tensors only: Fabric cannot handle our frozen records."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        source: Tensor,
        source_valid: Tensor,
        target: Tensor,
        target_valid: Tensor,
        fixed: bool,
    ) -> tuple[Tensor, Tensor]:
        loss: Loss = self.model(Batch(source, source_valid, target, target_valid, fixed))
        return loss.total, loss.nll
