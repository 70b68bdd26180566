"""Step 2: scores become weights that share one unit of attention among the encoder states."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from regard.errors import ConfigError


class Normaliser(nn.Module):
    """Turns scores (B, T, S) into weights (B, T, S): at least 0, exactly 0 where `valid` is False.

    A row sums to 1 unless the class says `sums_to_one = False`; a row without a valid position is all 0, and
    neither value nor gradient is ever NaN.
    """

    sums_to_one: ClassVar[bool] = True
    sequential: ClassVar[bool] = False

    def forward(self, scores: Float[Tensor, "B T S"], valid: Bool[Tensor, "B T S"]) -> Float[Tensor, "B T S"]:
        """Return the weights (B, T, S)."""
        raise TypeError(f"{type(self).__name__} promises weights but does not compute them")


class Softmax(Normaliser):
    """Weights `exp(e_s / τ) / Σ exp(e_s' / τ)`: the larger the score, the larger the share.

    Source: Bahdanau et al. 2015, equation 6. The temperature τ is 1 there; below 1 the weights are sharper,
    above 1 softer. Raises ConfigError unless τ is positive.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"model.attention.temperature: expected a number above 0, got {temperature}")
        self.temperature = temperature

    def forward(self, scores: Tensor, valid: Tensor) -> Tensor:
        """Return the weights (B, T, S)."""
        lowest = torch.finfo(scores.dtype).min  # not minus infinity: a row of those would be NaN
        filled = (scores / self.temperature).masked_fill(~valid, lowest)
        return torch.softmax(filled, dim=-1) * valid


NORMALISERS: dict[str, type[Normaliser]] = {"softmax": Softmax}
