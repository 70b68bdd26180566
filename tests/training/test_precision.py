from __future__ import annotations

import pytest
import torch

from regard.errors import ConfigError
from regard.training import choose_device, choose_precision, precision
from regard.training.precision import CPU_BFLOAT16_WIDTH

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_recipes_choice_is_taken(name):
    chosen = choose_precision(name, CPU, 1, "plain")
    assert str(chosen) == f"{name} (as the recipe says), kernels plain (as the recipe says)"


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="unknown name 'fp16'; known names: auto, float32, bfloat16"):
        choose_precision("fp16", CPU, 1)


@pytest.mark.parametrize(
    ("units", "width", "dtype", "reason"),
    [
        (None, 1024, "float32", "the CPU has no bfloat16 units"),
        ("AMX-BF16", CPU_BFLOAT16_WIDTH, "bfloat16", "the CPU has AMX-BF16"),
        ("AVX512-BF16", 1024, "bfloat16", "the CPU has AVX512-BF16"),
        ("AVX512-BF16", 128, "float32", "states 128 wide are narrower than 256"),
    ],
)
def test_a_cpu_needs_units_and_width(monkeypatch, units, width, dtype, reason):
    monkeypatch.setattr(precision, "cpu_bfloat16_units", lambda: units)
    chosen = choose_precision("auto", CPU, width)
    assert chosen.dtype == dtype
    assert reason in chosen.reason


@pytest.mark.parametrize(("able", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_needs_units(monkeypatch, able, dtype):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
    assert choose_precision("auto", GPU, 16).dtype == dtype


@pytest.mark.parametrize(
    ("amx", "avx512", "units"),
    [(True, True, "AMX-BF16"), (False, True, "AVX512-BF16"), (False, False, None)],
)
def test_the_units_of_a_cpu(monkeypatch, amx, avx512, units):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert precision.cpu_bfloat16_units() == units


@pytest.mark.parametrize(
    ("gpus", "name", "device"), [(0, "auto", CPU), (2, "auto", GPU), (2, "cpu", CPU), (2, "cuda:0", GPU)]
)
def test_devices_that_are_here(monkeypatch, gpus, name, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert choose_device(name) == device


@pytest.mark.parametrize("name", ["cuda:1", "gpu", "meta"])
def test_devices_that_are_not(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        ConfigError, match=f"{name!r} is not available .this machine has 1 GPU.; use auto, cpu or cuda:N"
    ):
        choose_device(name)
