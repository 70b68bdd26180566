"""Weights laid out for the matrix kernels, and written anew in place."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from regard.kernels import layouts
from tests.kernels.agreement import of_numba

pytestmark = of_numba
needs_units = pytest.mark.skipif(
    not layouts.packing_pays(8, torch.bfloat16), reason="this CPU packs no weights in bfloat16"
)


def check_products(*weights: torch.Tensor, rows: int = 16) -> None:
    """Forwards and back by packed weights, and by ordinary ones."""
    matrix = torch.cat(weights, dim=1).detach().bfloat16()
    given, grads = (torch.randn(rows, size).bfloat16() for size in matrix.shape[::-1])
    laid = layouts.Layouts(weights, None, torch.bfloat16, rows)
    made = laid.forwards(given), laid.backwards(grads)
    torch.testing.assert_close(made, (given @ matrix.t(), grads @ matrix), atol=0.1, rtol=0.02)


@needs_units
@pytest.mark.parametrize("shape", [(64, 32), (96, 160), (192, 128), (512, 256), (50, 32), (32, 50)])
@pytest.mark.parametrize("how", ["in place", "by an optimiser", "moved"])
def test_products_follow_a_weight_that_changes(shape: tuple[int, int], how: str) -> None:
    weight = torch.nn.Parameter(torch.randn(shape))
    optimiser = torch.optim.Adam([weight], lr=0.5, fused=True)
    for _ in range(3):
        check_products(weight)
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
        check_products(weight)
        with torch.no_grad():
            weight.normal_()


@needs_units
@pytest.mark.parametrize("widths", [(64, 128), (128, 64, 192), (32, 50), (33, 31)])
@pytest.mark.parametrize("changed", [0, -1])
def test_weights_side_by_side_of_which_one_changes(widths: tuple[int, ...], changed: int) -> None:
    weights = [torch.randn(128, width) for width in widths]
    for _ in range(3):
        check_products(*weights)
        weights[changed].normal_()


@needs_units
def test_a_weight_has_a_layout_beside_each_other_weight() -> None:
    weight, one, other = (torch.randn(128, 64) for _ in range(3))
    laid = [layouts.Layouts([weight, beside], None, torch.bfloat16, 16) for beside in (one, other)]
    given = torch.randn(16, 128).bfloat16()
    for made, beside in zip(laid, (one, other), strict=True):
        expected = given @ torch.cat([weight, beside], dim=1).bfloat16().t()
        torch.testing.assert_close(made.forwards(given), expected, atol=0.1, rtol=0.02)


@needs_units
def test_another_weight_in_the_place_of_one_that_is_gone() -> None:
    weight, numbers = torch.randn(128, 64), torch.randn(128, 64).numpy()
    for _ in range(3):
        check_products(weight, torch.from_numpy(numbers))  # at the same place, and often of the same id
        numbers[:] = torch.randn(128, 64).numpy()


MANY_SHAPES = """
import torch, regard.kernels
for _ in range(2):
    print("again", flush=True)
    for rows in range(1, 1300):
        torch.mm(torch.ones(rows, 32).bfloat16(), torch.ones(32, 32).bfloat16())
"""


@needs_units
def test_programs_of_many_shapes_are_kept() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ONEDNN")}
    made = subprocess.run(
        [sys.executable, "-c", MANY_SHAPES],
        env=environment | {"ONEDNN_VERBOSE": "profile_create"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    first, second = (part.count("cache_miss") for part in made.split("again")[1:])
    assert first > 1024
    assert second == 0


@needs_units
def test_our_kernels_write_what_onednn_would_have_laid_out() -> None:
    weight = torch.randn(192, 128)
    for transposed in (False, True):
        matrix = (weight.t() if transposed else weight).bfloat16().contiguous()
        packed = torch.ops.mkldnn._reorder_linear_weight(matrix, 16)
        room = layouts._room([weight], packed, transposed, torch.bfloat16, 16)
        if room is None:
            pytest.skip("oneDNN lays weights out in another way on this CPU")
        before = room.memory.copy()
        room.memory[:] = 0
        layouts._write([weight], transposed, room.memory)
        assert (room.memory == before).all()
