"""The comparison of both forms of an operation notices where they differ."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from regard import kernels
from tests.kernels.agreement import check_agreement, leaves, of_numba


@of_numba
def test_a_different_number_next_to_an_infinity_is_noticed() -> None:
    def operation(x: Tensor) -> tuple[Tensor, Tensor]:
        other = 99.0 if kernels.by_numba(x) else 1.0
        return x * 2, torch.tensor([-torch.inf, other])

    with pytest.raises(AssertionError, match=r"98\.0"):
        check_agreement(operation, leaves((3,)))
