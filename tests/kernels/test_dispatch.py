from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from regard import kernels
from regard.errors import ConfigError
from regard.kernels import dispatch
from regard.kernels.gemm import brgemm
from tests.kernels.agreement import of_numba

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


def test_fused_where_it_runs() -> None:
    assert dispatch.fused(torch.ones(1))
    assert not dispatch.fused(torch.ones(1, dtype=torch.float64))
    assert not dispatch.fused(torch.ones(1), torch.ones(1, device="meta"))


@of_numba
def test_what_has_no_twin_asks_for_numba() -> None:
    assert dispatch.by_numba(torch.ones(1))
    with kernels.forced("plain"):
        assert not dispatch.by_numba(torch.ones(1))


def test_it_can_be_forced_and_is_as_before_afterwards() -> None:
    with kernels.forced("plain"):
        assert not dispatch.fused(torch.ones(1))
        with kernels.forced("fused"):
            assert dispatch.fused(torch.ones(1))
        assert not dispatch.fused(torch.ones(1))
    assert dispatch.fused(torch.ones(1))


def test_the_choice_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(kernels.choose_backend("auto", CPU)).startswith("fused (compiled for this CPU by numba")
    assert str(kernels.choose_backend("plain", CPU)) == "plain (as the recipe says)"
    other = torch.device("mps")
    assert (
        str(kernels.choose_backend("auto", other))
        == "plain (fused kernels are for CPUs and CUDA GPUs, this is mps)"
    )
    monkeypatch.setattr(dispatch, "MISSING", "numba is not installed")
    assert kernels.choose_backend("auto", CPU).backend == "plain"
    with pytest.raises(ConfigError, match="numba is not installed; set it to auto or plain"):
        kernels.choose_backend("fused", CPU)


def test_it_says_where_torch_has_no_micro_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, ending in ((True, "by numba)"), (False, "no micro-kernels for it, so loops are slower)")):
        monkeypatch.setattr(brgemm, "available", lambda _, found=found: found)
        assert str(kernels.choose_backend("auto", CPU)).endswith(ending)


WITHOUT = """
import sys
sys.modules[{module!r}] = None
from regard.kernels import compile, dispatch
import torch
assert not dispatch.fused(torch.ones(1))
print(compile.MISSING)
"""


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("numba", "numba is not installed"),
        ("llvmlite", "numba is not installed"),
        ("numba.np.ufunc.omppool", "numba's OpenMP layer does not load: "),
    ],
)
def test_without_a_part_of_numba_it_is_named_and_the_plain_form_runs(module: str, expected: str) -> None:
    command = [sys.executable, "-c", WITHOUT.format(module=module)]
    made = subprocess.run(command, capture_output=True, check=True, text=True)
    assert made.stdout.startswith(expected)


def test_on_a_gpu_it_is_triton_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_triton_is_missing", lambda: True)
    assert str(kernels.choose_backend("auto", GPU)) == "plain (triton is not installed)"
    with pytest.raises(ConfigError, match="triton is not installed; set it to auto or plain"):
        kernels.choose_backend("fused", GPU)
    monkeypatch.setattr(dispatch, "_triton_is_missing", lambda: False)
    assert str(kernels.choose_backend("auto", GPU)) == "fused (compiled for this GPU by Triton)"
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert (
        str(kernels.choose_backend("auto", GPU))
        == "plain (Triton compiles for capability 7.0 or newer, this GPU has 6.1)"
    )


def test_the_interpreter_is_refused_where_it_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ConfigError, match="needs triton, and TRITON_INTERPRET=1 set"), dispatch.interpreted():
        pass


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown name 'quick'; known names: auto, fused, plain"):
        kernels.choose_backend("quick", CPU)


def test_kernels_leave_the_number_of_threads_alone() -> None:
    script = (
        "import torch; torch.set_num_threads(1); from regard import kernels; x = torch.zeros(2, 4);"
        "kernels.lstm(x, x, x[:, :1], x[:, :1]); y = torch.rand(400, 400); y @ y;"
        "import os; print(len(os.listdir('/proc/self/task')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before = (
        "import torch; torch.set_num_threads(1); import numba, os; print(len(os.listdir('/proc/self/task')))"
    )
    alone = subprocess.run([sys.executable, "-c", before], capture_output=True, text=True, check=True)
    assert run.stdout == alone.stdout
