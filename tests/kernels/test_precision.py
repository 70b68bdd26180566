from __future__ import annotations

import pytest
import torch

from regard import kernels
from regard.errors import SearchError
from regard.kernels.decode import precision as chosen
from regard.kernels.gemm.int8 import runs_in_int8
from tests.kernels.agreement import of_numba

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "width", "units", "in_bfloat16", "int8_rows"),
    [
        ("auto", 512, "AMX-BF16", True, chosen.MAX_INT8_ROWS),
        ("auto", 64, "AMX-BF16", False, 0),
        ("auto", 512, None, False, 0),
        ("float32", 512, "AMX-BF16", False, 0),
        ("bfloat16", 64, None, True, 0),
    ],
)
def test_hardware_and_width_choose(
    name: str,
    width: int,
    units: str | None,
    in_bfloat16: bool,
    int8_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chosen, "cpu_bfloat16_units", lambda: units)
    with kernels.inference_precision(name, CPU, width):
        assert torch.is_autocast_enabled("cpu") == in_bfloat16
        assert runs_in_int8(1) == (int8_rows > 0)
        assert runs_in_int8(max(int8_rows, 1)) == (int8_rows > 0)
        assert not runs_in_int8(int8_rows + 1)
    assert not torch.is_autocast_enabled("cpu")
    assert not runs_in_int8(1)


def test_int8_is_refused_off_the_cpu() -> None:
    with (
        pytest.raises(
            SearchError,
            match=r"search.precision int8: expected a model on the CPU, got one on cuda; leave it out",
        ),
        kernels.inference_precision("int8", torch.device("cuda"), 512),
    ):
        pass


@of_numba
def test_many_rows_are_multiplied_as_they_were() -> None:
    torch.manual_seed(1)
    layer = kernels.Linear(256, 256)
    few, many = torch.randn(2, 256), torch.randn(9, 256)
    with torch.inference_mode():
        exact = [layer(few), layer(many)]
        with kernels.int8(8):
            rounded = [layer(few), layer(many)]
    assert torch.equal(rounded[1], exact[1])
    assert not torch.equal(rounded[0], exact[0])
    torch.testing.assert_close(rounded[0], exact[0], atol=0.1, rtol=0.1)
