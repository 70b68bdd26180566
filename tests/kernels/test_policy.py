from __future__ import annotations

import pytest
import torch

from regard import kernels
from regard.errors import ConfigError
from regard.kernels import compiled, policy

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


def test_fused_where_it_runs() -> None:
    assert policy.fused(torch.ones(1))
    assert not policy.fused(torch.ones(1, dtype=torch.float64))
    assert not policy.fused(torch.ones(1), torch.ones(1, device="meta"))


def test_it_can_be_forced_and_is_as_before_afterwards() -> None:
    with kernels.forced("plain"):
        assert not policy.fused(torch.ones(1))
        with kernels.forced("fused"):
            assert policy.fused(torch.ones(1))
        assert not policy.fused(torch.ones(1))
    assert policy.fused(torch.ones(1))


def test_the_choice_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(kernels.choose_kernels("auto", CPU)) == "fused (compiled for this CPU by numba)"
    assert str(kernels.choose_kernels("plain", CPU)) == "plain (as the recipe says)"
    assert str(kernels.choose_kernels("auto", GPU)) == "plain (fused kernels are for the CPU, this is cuda)"
    monkeypatch.setattr(compiled, "AVAILABLE", False)
    assert kernels.choose_kernels("auto", CPU).form == "plain"
    with pytest.raises(
        ConfigError, match="numba or its OpenMP layer is not installed; set it to auto or plain"
    ):
        kernels.choose_kernels("fused", CPU)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown name 'quick'; known names: auto, fused, plain"):
        kernels.choose_kernels("quick", CPU)
