"""How much memory there is, and when it was not enough."""

from __future__ import annotations

import pytest
import torch

from regard.training import device_memory
from regard.training.device_memory import PeakMemory, free_bytes, is_out_of_memory

CPU = torch.device("cpu")


def test_an_allocation_that_cannot_be_is_seen_as_what_it_is():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(error.value)
    with pytest.raises(RuntimeError) as error:
        torch.zeros(2) @ torch.zeros(3)
    assert not is_out_of_memory(error.value)
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_peak_counts_what_was_given_back():
    peak = PeakMemory(CPU)
    del_me = torch.ones(2**24)  # 64 MiB
    assert del_me.sum() == 2**24
    del del_me
    assert 60 * 2**20 <= peak.increase_bytes() < 128 * 2**20


def test_a_container_may_have_less_than_the_machine(tmp_path, monkeypatch):
    assert 0 < free_bytes(CPU) < 2**50
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert device_memory._free_in_control_group(tmp_path) == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert device_memory._free_in_control_group(tmp_path) > 2**50
    monkeypatch.setattr(device_memory, "_free_in_control_group", lambda: 2000)
    assert free_bytes(CPU) == 2000
