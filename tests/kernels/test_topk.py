from __future__ import annotations

import pytest
import torch

from regard import kernels


def both(
    log_probabilities: torch.Tensor, number: int, banned: tuple[int, ...]
) -> list[tuple[torch.Tensor, ...]]:
    results = []
    for form in kernels.BACKENDS:
        with kernels.forced(form):
            results.append(kernels.top(log_probabilities, number, banned))
    return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 1000])
def test_log_probabilities_are_those_of_torch(size: int, dtype: torch.dtype) -> None:
    logits = (torch.randn(3, 2, size, generator=torch.Generator().manual_seed(size)) * 20).to(dtype)
    promoted = torch.promote_types(dtype, torch.float32)
    with torch.no_grad():
        found = kernels.log_softmax(logits)
    assert found.dtype == promoted
    torch.testing.assert_close(found, torch.log_softmax(logits.to(promoted), dim=-1), atol=1e-5, rtol=1e-5)


def test_log_probabilities_keep_their_gradient() -> None:
    logits = torch.randn(2, 7, requires_grad=True)
    kernels.log_softmax(logits)[0, 3].backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("size", [5, 63, 64, 65, 1000])
def test_the_best_are_found_whatever_their_index(size: int, number: int) -> None:
    input = torch.randn(40, size, generator=torch.Generator().manual_seed(size))
    input[0] = input[0].sort().values  # each better than all before
    input[1] = input[1].sort(descending=True).values
    (best, indices), (expected, expected_indices) = both(input, number, (0, 2) if size > number + 2 else ())
    assert torch.equal(best, expected)
    assert torch.equal(indices, expected_indices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("number", [1, 5])
@pytest.mark.parametrize("size", [5, 63, 64, 65, 1000])
def test_the_best_of_logits_are_those_of_their_log_probabilities(
    size: int, number: int, dtype: torch.dtype
) -> None:
    logits = (torch.randn(40, size, generator=torch.Generator().manual_seed(size)) * 5).to(dtype)
    banned = (0, 2) if size > number + 2 else ()
    with torch.no_grad():
        log_probabilities, indices = kernels.best(logits, number, banned)
        expected, expected_indices = kernels.top(kernels.log_softmax(logits), number, banned)
    torch.testing.assert_close(log_probabilities, expected, atol=1e-5, rtol=1e-5)
    if dtype != torch.bfloat16:  # which has equals, and the plain form of `top` may take any
        assert torch.equal(indices, expected_indices)
    assert not set(banned) & set(indices.flatten().tolist())


def test_a_banned_index_is_never_among_the_best() -> None:
    input = torch.zeros(1, 200)
    input[0, 130], input[0, 7] = 3.0, 2.0
    best, indices = kernels.top(input, 1, banned=(130,))
    assert (best.item(), indices.item()) == (2.0, 7)


def test_minus_infinity_fills_up_what_is_missing() -> None:
    input = torch.full((2, 70), -torch.inf)
    input[0, 66] = -1.5
    for best, indices in both(input, 3, (0,)):
        assert best[0].tolist() == [-1.5, -torch.inf, -torch.inf]
        assert indices[0, 0] == 66
        assert best[1].tolist() == [-torch.inf] * 3


def test_of_equals_the_first_is_the_best() -> None:
    best, indices = kernels.top(torch.zeros(1, 300), 3)
    if kernels.fused(best):
        assert indices.tolist() == [[0, 1, 2]]
