from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from regard import kernels
from regard.errors import ConfigError
from regard.kernels import dispatch
from regard.kernels.compile import kernel
from regard.kernels.gemm import brgemm
from regard.kernels.threads import parallel_range
from tests.kernels.agreement import of_numba

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


def test_fused_where_it_runs() -> None:
    assert dispatch.fused(torch.ones(1))
    assert not dispatch.fused(torch.ones(1, dtype=torch.float64))
    assert not dispatch.fused(torch.ones(1), torch.ones(1, device="meta"))


@of_numba
def test_operations_without_a_twin_need_numba() -> None:
    assert dispatch.by_numba(torch.ones(1))
    with kernels.forced("plain"):
        assert not dispatch.by_numba(torch.ones(1))


def test_forcing_a_backend_ends_with_the_block() -> None:
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
    ],
)
def test_without_a_part_of_numba_it_is_named_and_the_plain_form_runs(module: str, expected: str) -> None:
    command = [sys.executable, "-c", WITHOUT.format(module=module)]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    assert run.stdout.startswith(expected)


def test_on_a_gpu_triton_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_interpreter_needs_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ConfigError, match="needs triton, and TRITON_INTERPRET=1 set"), dispatch.interpreted():
        pass


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown name 'quick'; known names: auto, fused, plain"):
        kernels.choose_backend("quick", CPU)


@kernel
def count_iterations(indices, counts):  # type: ignore[no-untyped-def]
    """Count how often each iteration runs."""
    for r in parallel_range(len(indices)):
        indices[r] = r
        counts[r] += 1


@of_numba
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_every_iteration_runs_once_whatever_the_threads(threads: int, size: int) -> None:
    indices, counts = np.full(size, -1), np.zeros(size, np.int64)
    torch.set_num_threads(threads)
    count_iterations(indices, counts)
    assert indices.tolist() == list(range(size))
    assert counts.tolist() == [1] * size


def test_kernels_run_on_the_threads_of_torch() -> None:
    script = (
        "import os, torch; torch.set_num_threads({threads}); from regard import kernels; x = torch.zeros(64, 64);"
        "y = torch.rand(400, 400); y @ y; before = len(os.listdir('/proc/self/task'));"
        "kernels.lstm(x, x, x[:, :16], x[:, :16]); print(len(os.listdir('/proc/self/task')) - before)"
    )
    for threads in (1, 2):
        command = [sys.executable, "-c", script.format(threads=threads)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "0"
