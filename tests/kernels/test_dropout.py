from __future__ import annotations

import pytest
import torch

from regard import kernels
from tests.kernels.agreement import DEVICE, check_agreement, leaves

pytestmark = pytest.mark.skipif(DEVICE != "cpu", reason="a GPU drops by torch's own")


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 4096), (7, 33, 129)])
def test_both_forms_drop_the_same(shape: tuple[int, ...]) -> None:
    def dropped(states: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return kernels.dropout(states, 0.3)

    check_agreement(dropped, leaves(shape))


@pytest.mark.parametrize("form", kernels.BACKENDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped(form: kernels.Backend, share: float) -> None:
    number = 200_000
    with kernels.forced(form):
        states = kernels.dropout(torch.ones(number), share)
    kept = states != 0
    # five standard deviations of a binomial share
    assert float(kept.float().mean()) == pytest.approx(
        1 - share, abs=5 * (share * (1 - share) / number) ** 0.5
    )
    assert states[kept].unique().tolist() == pytest.approx([1 / (1 - share)])


def test_neighbours_and_steps_are_independent() -> None:
    number = 200_000
    one, other = (kernels.dropout(torch.ones(number), 0.5) - 1 for _ in range(2))
    allowed = 5 / number**0.5
    assert abs(float((one * other).mean())) < allowed
    for lag in (1, 2, 64, 512):
        assert abs(float((one[lag:] * one[:-lag]).mean())) < allowed


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_the_generator_decides(form: kernels.Backend) -> None:
    with kernels.forced(form):
        state = torch.get_rng_state()
        one = kernels.dropout(torch.ones(1000), 0.5)
        two = kernels.dropout(torch.ones(1000), 0.5)
        torch.set_rng_state(state)
        again = kernels.dropout(torch.ones(1000), 0.5)
    assert torch.equal(one, again)
    assert not torch.equal(one, two)


def test_bfloat16() -> None:
    torch.manual_seed(2)
    exact = kernels.dropout(torch.ones(1000), 0.2)
    torch.manual_seed(2)
    states = kernels.dropout(torch.ones(1000, dtype=torch.bfloat16), 0.2)
    assert states.dtype == torch.bfloat16
    torch.testing.assert_close(states.float(), exact)
