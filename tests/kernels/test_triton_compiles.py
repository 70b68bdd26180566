"""Triton's kernels compiled for NVIDIA GPUs down to machine code, which needs triton but no GPU; nothing is run."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch

from regard import kernels
from regard.kernels import dispatch
from regard.training.graphs import Shape
from tests.kernels.agreement import INTERPRETED, leaves
from tests.small import random_batch, small_way

pytest.importorskip("triton")
if INTERPRETED:
    pytest.skip("the interpreter compiles nothing", allow_module_level=True)

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TYPES = {
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.bool: "*i1",
    torch.int64: "*i64",
    int: "i32",
    float: "fp32",
}


@pytest.fixture(params=[80, 90], ids=["Ampere", "Hopper"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """In place of a launch a kernel is compiled: bytes of machine code by its name."""
    target, compiled_sizes = GPUTarget("cuda", request.param, 32), {}

    def run(kernel: Any, *arguments: Any, grid: Any, warmup: bool, **more: Any) -> None:
        named = dict(zip(kernel.arg_names, arguments, strict=False)) | more
        options = {name: named.pop(name) for name in ("num_warps", "enable_fp_fusion") if name in named}
        constants = {parameter.name for parameter in kernel.params if parameter.is_constexpr}
        constants |= {
            name for name, value in named.items() if value is None or (type(value) is int and value == 1)
        }
        signature = {
            name: "constexpr" if name in constants else TYPES[getattr(value, "dtype", type(value))]
            for name, value in named.items()
        }
        source = ASTSource(kernel, signature, {name: named[name] for name in constants})
        compiled_sizes[kernel.__name__] = len(
            triton.compile(source, target=target, options=options).asm["cubin"]
        )

    monkeypatch.setattr(JITFunction, "run", run)
    monkeypatch.setattr(dispatch, "_interpreted", True)  # tensors on the CPU stand for those on the GPU
    return compiled_sizes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("rows", "size", "positions"), [(2, 48, 5), (1, 1, 1)]
)  # of a 1 Triton makes a constant
def test_every_kernel_compiles(
    compiled: dict[str, int], dtype: torch.dtype, rows: int, size: int, positions: int
) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16), kernels.forced("fused"):
        for additive in (True, False):
            memory = leaves((rows, positions, size), (rows, positions, 40))
            attention = kernels.AttentionInputs(
                *memory,
                torch.ones(rows, positions, dtype=torch.bool),
                *(leaves((size, size), (size,)) if additive else (None, None)),
                1.0,
            )
            for cell, gates, parts in (("lstm", 4, 2), ("gru", 3, 1)):
                projected, weight, bias, feed, combine = leaves(
                    (3, rows, gates * size), (gates * size, size), (gates * size,), (gates * size, size),
                    (size, 40 + size),
                )  # fmt: skip
                start = leaves(*[(rows, size)] * parts)
                layer = kernels.UnrolledLayer(kernels.Recurrence(cell, weight, bias), start, [feed])
                combined, _ = kernels.luong_unroll([layer], None, attention, combine, projected)
                combined.sum().backward()
        query, keys, v = leaves((rows, 3, size), (rows, positions, size), (size,))
        kernels.additive(query, keys, v).sum().backward()
        states, weight, bias = leaves((4, size), (50, size), (50,))
        kernels.cross_entropy(states, weight, bias, torch.zeros(4, dtype=torch.long), 0.1)[0].backward()
    assert len(compiled) == 11
    assert all(compiled.values())


@pytest.mark.parametrize("way", ["luong", "bahdanau", "gnmt"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_all_tensors_are_on_the_device_of_the_model(
    way: str, cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # on the meta device: mixing it with tensors on the CPU raises
    devices: set[str] = set()

    def run(kernel: Any, *arguments: Any, **more: Any) -> None:
        devices.update(one.device.type for one in arguments if isinstance(one, torch.Tensor))

    monkeypatch.setattr(JITFunction, "run", run)
    monkeypatch.setattr(dispatch, "on_gpu", lambda tensor: True)
    monkeypatch.setattr(dispatch, "fused", lambda *tensors: True)
    monkeypatch.setattr(kernels, "fused", lambda *tensors: True)
    monkeypatch.setattr(torch, "autocast", lambda *device, **more: nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *device: False)
    model = small_way(way, "additive", cell, num_layers=1 if way == "bahdanau" else 2).to("meta")
    batch = random_batch()
    loss = model(Shape.of(batch).pad(batch).to("meta"))
    loss.total.backward()
    assert loss.total.device.type == "meta"
    assert all(weight.grad is not None and weight.grad.device.type == "meta" for weight in model.parameters())
    assert devices == {"meta"}
