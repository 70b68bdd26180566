"""Weights laid out for the matrix kernels, and written anew in place."""

from __future__ import annotations

import pytest
import torch

from regard.kernels import layouts
from tests.kernels.agreement import of_numba

pytestmark = of_numba
needs_units = pytest.mark.skipif(
    not layouts.packing_pays(8, torch.bfloat16), reason="this CPU packs no weights in bfloat16"
)


def products(
    weight: torch.Tensor, rows: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Forwards and back by packed weights, and by ordinary ones."""
    given, grads = (torch.randn(rows, size).bfloat16() for size in weight.shape[::-1])
    laid = layouts.Layouts(weight, None, torch.bfloat16, rows)
    matrix = weight.detach().bfloat16()
    return laid.forwards(given), given @ matrix.t(), laid.backwards(grads), grads @ matrix


@needs_units
@pytest.mark.parametrize("shape", [(64, 32), (96, 160), (192, 128), (512, 256), (50, 32), (32, 50)])
@pytest.mark.parametrize("how", ["in place", "by an optimiser", "moved"])
def test_products_follow_a_weight_that_changes(shape: tuple[int, int], how: str) -> None:
    weight = torch.nn.Parameter(torch.randn(shape))
    optimiser = torch.optim.Adam([weight], lr=0.5, fused=True)
    for _ in range(3):
        forwards, expected, back, expected_back = products(weight, 16)
        torch.testing.assert_close(forwards, expected, atol=0.1, rtol=0.02)
        torch.testing.assert_close(back, expected_back, atol=0.1, rtol=0.02)
        if how == "in place":
            with torch.no_grad():
                weight.normal_()
        elif how == "moved":
            weight.data = torch.randn(shape)
        else:
            weight.grad = torch.randn(shape)
            optimiser.step()


@needs_units
def test_a_weight_that_begins_as_zeros() -> None:
    weight = torch.nn.Parameter(torch.zeros(192, 128))
    for _ in range(2):
        forwards, expected, back, expected_back = products(weight, 16)
        torch.testing.assert_close((forwards, back), (expected, expected_back), atol=0.1, rtol=0.02)
        with torch.no_grad():
            weight.normal_()


@needs_units
def test_our_kernels_write_what_onednn_would_have_laid_out() -> None:
    weight = torch.randn(192, 128)
    for transposed in (False, True):
        matrix = (weight.t() if transposed else weight).bfloat16().contiguous()
        packed = torch.ops.mkldnn._reorder_linear_weight(matrix, 16)
        room = layouts._room(weight, packed, transposed, torch.bfloat16, 16)
        if room is None:
            pytest.skip("oneDNN lays weights out in another way on this CPU")
        before = room.memory.copy()
        room.memory[:] = 0
        layouts._write(weight, transposed, room.memory)
        assert (room.memory == before).all()
