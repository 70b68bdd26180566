"""One optimiser step: gradients of a few batches added, normalised by all their tokens, clipped, applied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from regard.config import TrainingConfig
from regard.records import Batch, Loss
from regard.training.schedule import make_optimiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Updated:
    """What one step did: mean loss in nats per token, target tokens, gradient norm before clipping.

    `applied` is False where loss or gradient was not finite and the weights were left alone.
    """

    loss: float
    tokens: int
    gradient_norm: float
    applied: bool


class Update:
    """Takes optimiser steps for a model, on whatever device and in whatever precision Fabric was set to.

    The loss is divided by the target tokens of the whole global batch, over accumulated batches and ranks, so
    the gradient is that of one large batch however it is cut.
    """

    def __init__(self, fabric: Fabric, model: nn.Module, config: TrainingConfig) -> None:
        self.fabric = fabric
        self.optimiser = make_optimiser(config, model.parameters())
        self._clip_norm = config.clip_norm or math.inf
        self._forward, self._stepper = fabric.setup(_TensorsOnly(model), self.optimiser)

    def __call__(self, batches: Sequence[Batch], learning_rate: float) -> Updated:
        """One step over these batches of this rank at this learning rate."""
        self.optimiser.zero_grad()
        tokens = self._over_ranks(torch.tensor(sum(batch.num_tokens for batch in batches)))
        nll = self._gradients(batches, self.fabric.world_size / int(tokens))
        loss = float(self._over_ranks(nll)) / int(tokens)
        norm = self._clip()
        applied = math.isfinite(loss) and math.isfinite(norm)
        if applied:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate
            self._stepper.step()
        return Updated(loss, int(tokens), norm, applied)

    def _gradients(self, batches: Sequence[Batch], scale: float) -> Tensor:
        """Add the gradients of every batch; gives the summed negative log-likelihood of this rank."""
        nll = torch.zeros((), device=self.fabric.device)
        for number, batch in enumerate(batches, start=1):
            with self.fabric.no_backward_sync(self._forward, enabled=number < len(batches)):
                moved = batch.to(self.fabric.device)
                total, batch_nll = self._forward(
                    moved.source, moved.source_valid, moved.target, moved.target_valid, moved.rows
                )
                self.fabric.backward(total * scale)
            nll += batch_nll.detach()
        return nll

    def _clip(self) -> float:
        """Scale the gradients down to the norm allowed; gives their norm before."""
        norm = self.fabric.clip_gradients(
            self._forward, self._stepper, max_norm=self._clip_norm, error_if_nonfinite=False
        )
        assert norm is not None, "Fabric gives the norm whenever it clips by norm"
        return float(norm)

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
        self, source: Tensor, source_valid: Tensor, target: Tensor, target_valid: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        loss: Loss = self.model(Batch(source, source_valid, target, target_valid, rows))
        return loss.total, loss.nll
