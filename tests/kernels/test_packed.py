"""Products with weights that are packed once, and again into the same memory when they change."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from regard.kernels.compile import array
from regard.kernels.gemm import brgemm, packed
from tests.kernels.agreement import of_numba

pytestmark = of_numba
DTYPES = [torch.float32, torch.bfloat16]
needs_units = pytest.mark.skipif(
    not brgemm.available(torch.bfloat16), reason="this CPU multiplies no blocks in bfloat16"
)


def check_products(*weights: torch.Tensor, rows: int = 16, dtype: torch.dtype = torch.bfloat16) -> None:
    """Compare products with packed weights, forward and backward, with ordinary ones."""
    matrix = torch.cat(weights, dim=1).detach().to(dtype)
    input, grads = (torch.randn(rows, size).to(dtype) for size in matrix.shape[::-1])
    packed_weight = packed.PackedWeight(weights, None, dtype)
    output, expected = (
        (packed_weight.forward(input), packed_weight.backward(grads)),
        (input @ matrix.t(), grads @ matrix),
    )
    close = {"atol": 1e-4, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0.1, "rtol": 0.02}
    torch.testing.assert_close(output, expected, **close)


@pytest.fixture(params=["in blocks", "as they are"])
def packing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pack with the micro-kernels, if there are any here, and without."""
    if request.param == "as they are":
        monkeypatch.setattr(brgemm, "_ADDRESSES", {})
    elif not brgemm.available(torch.float32):
        pytest.skip("torch has no micro-kernels here")
    return str(request.param)


@pytest.mark.usefixtures("packing")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [0, 1, 5, 64, 65, 200])
@pytest.mark.parametrize("shape", [(64, 32), (2, 2), (50, 34), (130, 6), (66, 1030), (7, 5)])
def test_products_of_any_size(shape: tuple[int, int], rows: int, dtype: torch.dtype) -> None:
    check_products(torch.randn(shape), rows=rows, dtype=dtype)


@pytest.mark.usefixtures("packing")
@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_addend_and_tanh_go_into_the_first_columns(dtype: torch.dtype) -> None:
    weight, bias = torch.randn(96, 40), torch.randn(96)
    input, plus, output = torch.randn(9, 44), torch.randn(9, 96), torch.full((9, 100), 7.0)
    input, plus, output = (part.to(dtype) for part in (input, plus, output))
    arrays = [array(part) for part in (input, output, plus)]
    packed.PackedWeight([weight], bias, dtype).forward_into(*arrays, activation="tanh")
    expected = torch.tanh(input[:, :40].float() @ weight.to(dtype).float().t() + bias + plus.float())
    torch.testing.assert_close(output[:, :96].float(), expected, atol=0.05, rtol=0.02)
    assert (output[:, 96:] == 7).all()


@needs_units
@pytest.mark.parametrize("shape", [(64, 32), (96, 160), (192, 128), (512, 256), (50, 32), (32, 50)])
@pytest.mark.parametrize("change", ["overwritten", "by an optimiser", "moved"])
def test_products_follow_a_weight_that_changes(shape: tuple[int, int], change: str) -> None:
    weight = torch.nn.Parameter(torch.randn(shape))
    optimiser = torch.optim.Adam([weight], lr=0.5, fused=True)
    for _ in range(3):
        check_products(weight)
        if change == "overwritten":
            with torch.no_grad():
                weight.normal_()
        elif change == "moved":
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
def test_one_of_several_weights_changes(widths: tuple[int, ...], changed: int) -> None:
    weights = [torch.randn(128, width) for width in widths]
    for _ in range(3):
        check_products(*weights)
        weights[changed].normal_()


@needs_units
def test_a_weight_is_packed_with_each_other_weight() -> None:
    weight, one, other = (torch.randn(128, 64) for _ in range(3))
    packed_weights = [packed.PackedWeight([weight, second], None, torch.bfloat16) for second in (one, other)]
    input = torch.randn(16, 128).bfloat16()
    for packed_weight, second in zip(packed_weights, (one, other), strict=True):
        expected = input @ torch.cat([weight, second], dim=1).bfloat16().t()
        torch.testing.assert_close(packed_weight.forward(input), expected, atol=0.1, rtol=0.02)


@needs_units
def test_another_weight_at_the_address_of_one_that_is_gone() -> None:
    weight, numbers = torch.randn(128, 64), torch.randn(128, 64).numpy()
    for _ in range(3):
        check_products(weight, torch.from_numpy(numbers))  # at the same address, and often of the same id
        numbers[:] = torch.randn(128, 64).numpy()


MANY_SHAPES = """
import torch, regard.kernels
for _ in range(2):
    print("again", flush=True)
    for rows in range(1, 1300):
        torch.mm(torch.ones(rows, 32).bfloat16(), torch.ones(32, 32).bfloat16())
"""


@needs_units
def test_programs_of_many_shapes_stay_in_the_cache() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ONEDNN")}
    output = subprocess.run(
        [sys.executable, "-c", MANY_SHAPES],
        env=environment | {"ONEDNN_VERBOSE": "profile_create"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    first, second = (part.count("cache_miss") for part in output.split("again")[1:])
    assert first > 1024
    assert second == 0
