"""The functions that kernels are written with, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from regard.kernels import intrinsics
from regard.kernels.compile import AVAILABLE, MISSING, f32, numba

pytestmark = pytest.mark.skipif(not AVAILABLE, reason=str(MISSING))


@pytest.fixture(scope="module")
def applied():
    """Applies exp, tanh and sigmoid to an array."""
    exp, tanh, sigmoid = intrinsics.exp, intrinsics.tanh, intrinsics.sigmoid

    @numba.njit
    def apply(x, output):
        for i in range(len(x)):
            output[0, i], output[1, i], output[2, i] = exp(x[i]), tanh(x[i]), sigmoid(x[i])

    def run(x):
        output = np.empty((3, len(x)), np.float32)
        apply(x, output)
        return output

    return run


def units_off(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest error, in units in the last place."""
    return float(np.max(np.abs(found - exact) / np.spacing(np.abs(exact).astype(np.float32))))


def test_they_are_exact_to_a_few_units_of_the_last_digit(applied) -> None:
    x = np.linspace(-20, 20, 400_001, dtype=np.float32)
    exact = x.astype(np.float64)
    exp, tanh, sigmoid = applied(x)
    assert units_off(exp, np.exp(exact)) < 2
    inside = x != 0
    assert units_off(tanh[inside], np.tanh(exact)[inside]) < 5
    assert units_off(sigmoid, 1 / (1 + np.exp(-exact))) < 4


def test_they_keep_their_bounds_far_out(applied) -> None:
    exp, tanh, sigmoid = applied(np.array([-1e30, -200, 0, 80, 200, 1e30], np.float32))
    assert np.isfinite(exp[:4]).all()
    assert exp[0] == pytest.approx(0, abs=1e-37)
    assert tanh.tolist() == [-1, -1, 0, 1, 1, 1]
    assert sigmoid[[2, 3, 4, 5]].tolist() == [0.5, 1, 1, 1]
    assert sigmoid[0] == pytest.approx(0, abs=1e-37)


def test_what_is_not_a_number_stays_so(applied) -> None:
    assert np.isnan(applied(np.array([np.nan], np.float32))).all()


@pytest.mark.parametrize("least", [0.0, -1.0])
def test_sixteen_bits_tell_the_numbers_of_a_gate_apart(least: float) -> None:
    quantize, dequantize = intrinsics.quantize, intrinsics.dequantize

    @numba.njit
    def there_and_back(x, kept, output, least):
        for i in range(len(x)):
            kept[i] = quantize(kept, x[i], f32(least))
        for i in range(len(x)):
            output[i] = dequantize(kept[i], f32(least))

    # what a rounded tanh may give beyond 1 stays at the end
    beyond = np.float32([least - 6e-7, 1 + 6e-7])
    x = np.concatenate([np.linspace(least, 1, 200_001, dtype=np.float32), beyond])
    for kept, allowed in ((np.empty(len(x), np.uint16), (1 - least) / 2 / 65535 + 1e-6), (x.copy(), 0)):
        output = np.empty_like(x)
        there_and_back(x, kept, output, least)
        assert np.abs(output - x).max() <= allowed
        assert (np.diff(output[:-2]) >= 0).all()
