from __future__ import annotations

import pytest
import torch

from regard import kernels


def both(
    log_probabilities: torch.Tensor, number: int, banned: tuple[int, ...]
) -> list[tuple[torch.Tensor, ...]]:
    made = []
    for form in kernels.BACKENDS:
        with kernels.forced(form):
            made.append(kernels.top(log_probabilities, number, banned))
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 1000])
def test_log_probabilities_are_those_of_torch(size: int, dtype: torch.dtype) -> None:
    logits = (torch.randn(3, 2, size, generator=torch.Generator().manual_seed(size)) * 20).to(dtype)
    to_float32 = torch.promote_types(dtype, torch.float32)
    with torch.no_grad():
        found = kernels.log_softmax(logits)
    assert found.dtype == to_float32
    torch.testing.assert_close(found, torch.log_softmax(logits.to(to_float32), dim=-1), atol=1e-5, rtol=1e-5)


def test_log_probabilities_keep_their_gradient() -> None:
    logits = torch.randn(2, 7, requires_grad=True)
    kernels.log_softmax(logits)[0, 3].backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("size", [5, 63, 64, 65, 1000])
def test_the_best_are_found_whatever_their_place(size: int, number: int) -> None:
    given = torch.randn(40, size, generator=torch.Generator().manual_seed(size))
    given[0] = given[0].sort().values  # each better than all before
    given[1] = given[1].sort(descending=True).values
    (best, places), (wanted, wanted_places) = both(given, number, (0, 2) if size > number + 2 else ())
    assert torch.equal(best, wanted)
    assert torch.equal(places, wanted_places)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("number", [1, 5])
@pytest.mark.parametrize("size", [5, 63, 64, 65, 1000])
def test_the_best_of_logits_are_those_of_their_log_probabilities(
    size: int, number: int, dtype: torch.dtype
) -> None:
    logits = (torch.randn(40, size, generator=torch.Generator().manual_seed(size)) * 5).to(dtype)
    banned = (0, 2) if size > number + 2 else ()
    with torch.no_grad():
        gains, places = kernels.best(logits, number, banned)
        wanted, wanted_places = kernels.top(kernels.log_softmax(logits), number, banned)
    torch.testing.assert_close(gains, wanted, atol=1e-5, rtol=1e-5)
    if dtype != torch.bfloat16:  # which has equals, and the plain form of `top` may take any
        assert torch.equal(places, wanted_places)
    assert not set(banned) & set(places.flatten().tolist())


def test_a_banned_place_is_never_among_the_best() -> None:
    given = torch.zeros(1, 200)
    given[0, 130], given[0, 7] = 3.0, 2.0
    best, places = kernels.top(given, 1, banned=(130,))
    assert (best.item(), places.item()) == (2.0, 7)


def test_minus_infinity_fills_up_what_is_missing() -> None:
    given = torch.full((2, 70), -torch.inf)
    given[0, 66] = -1.5
    for best, places in both(given, 3, (0,)):
        assert best[0].tolist() == [-1.5, -torch.inf, -torch.inf]
        assert places[0, 0] == 66
        assert best[1].tolist() == [-torch.inf] * 3


def test_of_equals_the_first_is_the_best() -> None:
    best, places = kernels.top(torch.zeros(1, 300), 3)
    if kernels.fused(best):
        assert places.tolist() == [[0, 1, 2]]
