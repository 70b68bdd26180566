"""The norm of all gradients together."""

from __future__ import annotations

import pytest
import torch

from regard import kernels


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_the_norm_of_millions_of_small_numbers_is_that_of_float64(form: kernels.Backend) -> None:
    """Added up one after another in float32 they come out 2e-4 too small."""
    gradients = [
        1e-5 * torch.rand(2000, 1000, generator=torch.Generator().manual_seed(1)),
        torch.tensor([1e-3]),
    ]
    expected = torch.cat([part.double().flatten() for part in gradients]).norm().item()
    with kernels.forced(form):
        assert kernels.total_norm(gradients) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_the_norm_of_nothing_is_zero(form: kernels.Backend) -> None:
    with kernels.forced(form):
        assert kernels.total_norm([]) == 0
        assert kernels.total_norm([torch.zeros(3)]) == 0
