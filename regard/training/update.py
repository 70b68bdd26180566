"""One optimiser step: gradients of a few batches added, normalised by all their tokens, clipped, applied."""

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
from regard.training.device_memory import is_out_of_memory, let_go
from regard.training.graphs import Graphs, Record, on_cuda
from regard.training.schedule import make_optimiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Updated:
    """What one step did: mean loss in nats per token, target tokens, gradient norm before clipping.

    `applied` is False where loss or gradient was not finite and the weights were left alone. `split` batches did
    not fit in memory whole.
    """

    loss: float
    tokens: int
    gradient_norm: float
    applied: bool
    split: int = 0


class Update:
    """Takes optimiser steps for a model, on whatever device and in whatever precision Fabric was set to.

    The loss is divided by the target tokens of the whole global batch, over accumulated batches and ranks, so
    the gradient is that of one large batch however it is cut. A batch that does not fit in memory is cut in two,
    and its parts again, until they fit; ConfigError if a single pair does not. With fused kernels on a single GPU,
    passes over batches are recorded and played again (`graphs`) unless the recipe says otherwise; `record` is how.
    """

    def __init__(
        self, fabric: Fabric, model: nn.Module, config: TrainingConfig, record: Record | None = None
    ) -> None:
        self.fabric = fabric
        if record is None and fabric.device.type == "cuda" and config.graphs == "auto":
            record = on_cuda(fabric.device)
        self.optimiser = make_optimiser(config, model.parameters())
        self._clip_norm = config.clip_norm or math.inf
        self._forward, self._stepper = fabric.setup(_TensorsOnly(model), self.optimiser)
        self._graphs = None
        if record is not None and fabric.world_size == 1:
            self._graphs = Graphs(self._pass, model.parameters(), record)

    def __call__(self, batches: Sequence[Batch], learning_rate: float) -> Updated:
        """One step over these batches of this rank at this learning rate."""
        tokens = self._over_ranks(torch.tensor(sum(batch.num_tokens for batch in batches)))
        nll, split = self._gradients(batches, self.fabric.world_size / int(tokens))
        loss = float(self._over_ranks(nll)) / int(tokens)
        norm = self._clip()
        applied = math.isfinite(loss) and math.isfinite(norm)
        if applied:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate
            self._stepper.step()
        return Updated(loss, int(tokens), norm, applied, split)

    def _gradients(self, batches: Sequence[Batch], scale: float) -> tuple[Tensor, int]:
        """Add the gradients of every batch; gives this rank's negative log-likelihood, and how many were split.

        Where memory ends, the gradient may hold some of a batch's backward pass: all are taken anew.
        """
        parts = [[batch] for batch in batches]
        while True:
            self.optimiser.zero_grad(set_to_none=self._graphs is None)  # graphs know where gradients are
            nll = torch.zeros((), device=self.fabric.device)
            for cut in parts:
                if not self._add_gradients(cut, scale, nll, last=cut is parts[-1]):
                    if self._graphs is not None:
                        self._graphs.give_up()
                    let_go(self.fabric.device)
                    cut[:] = self._smaller(cut)
                    break
            else:
                return nll, sum(len(cut) > 1 for cut in parts)

    def _add_gradients(self, parts: Sequence[Batch], scale: float, nll: Tensor, last: bool) -> bool:
        """Add the gradients of the parts of a batch, and what they lose to `nll`; False if they do not fit."""
        try:
            for part in parts:
                more_to_come = not (last and part is parts[-1])
                with self.fabric.no_backward_sync(self._forward, enabled=more_to_come):
                    if self._graphs is not None and fused(next(self._forward.parameters())):
                        nll += self._graphs(part, scale)
                    else:
                        nll += self._pass(part.to(self.fabric.device), scale)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    def _pass(self, batch: Batch, scale: float | Tensor) -> Tensor:
        """Forwards and back over a batch: adds its gradients, gives its negative log-likelihood."""
        tensors = batch.source, batch.source_valid, batch.target, batch.target_valid
        total, nll = self._forward(*tensors, batch.fixed)
        self.fabric.backward(total * scale)
        return nll.detach()  # type: ignore[no-any-return]

    def _smaller(self, parts: Sequence[Batch]) -> list[Batch]:
        """Each part of more than one pair in two."""
        if all(len(part.source) == 1 for part in parts):
            largest = max(parts, key=lambda part: part.source.numel() + part.target.numel())
            raise ConfigError(
                f"training: a single pair of {largest.source.shape[1]} source and {largest.target.shape[1]} target "
                f"tokens does not fit in the memory of {self.fabric.device}; lower data.max_tokens, or make the "
                "model smaller"
            )
        return [half for part in parts for half in (part.halves() if len(part.source) > 1 else (part,))]

    def _clip(self) -> float:
        """Have the optimiser divide gradients whose norm is above what is allowed; gives their norm before."""
        norm = total_norm([weight.grad for weight in self._forward.parameters() if weight.grad is not None])
        too_long = self._clip_norm < norm < math.inf
        # fused optimisers divide as they read; of gradients that stay as they are nothing more is read
        self.optimiser.grad_scale = (  # type: ignore[attr-defined]
            torch.tensor(norm / self._clip_norm, device=self.fabric.device) if too_long else None
        )
        return norm

    def _over_ranks(self, value: Tensor) -> Tensor:
        summed = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(summed, Tensor)
        return summed


class _TensorsOnly(nn.Module):
    """A model's forward with tensors in and out: Fabric refuses our frozen records."""

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
