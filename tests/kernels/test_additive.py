from __future__ import annotations

import math

import pytest
import torch

from regard import kernels
from tests.kernels.agreement import CLOSE, check_agreement, leaves


@pytest.mark.parametrize(
    ("batch", "steps", "positions", "size"), [(1, 1, 1, 1), (2, 1, 3, 5), (3, 4, 7, 16), (5, 2, 9, 33)]
)
def test_it_is_its_plain_form(batch: int, steps: int, positions: int, size: int) -> None:
    shapes = (batch, steps, size), (batch, positions, size), (size,)
    check_agreement(kernels.additive, leaves(*shapes))


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_by_hand(form: kernels.Backend) -> None:
    # tanh(ln 3) = 0.8, tanh(0) = 0: 2 · 0.8 + 5 · 0 = 1.6
    ln3 = math.log(3)
    with kernels.forced(form):
        score = kernels.additive(
            torch.tensor([[[ln3, 1.0]]]), torch.tensor([[[0.0, -1.0]]]), torch.tensor([2.0, 5.0])
        )
    assert score.item() == pytest.approx(1.6)


def test_keys_that_a_loop_shares_get_the_gradient_of_every_step() -> None:
    queries, keys, v = leaves((3, 4, 6), (3, 5, 6), (6,))
    found = {}
    for form in kernels.BACKENDS:
        with kernels.forced(form), kernels.deferred_weight_grads():
            scores = [kernels.additive(query.unsqueeze(1), keys, v) for query in queries.unbind(1)]
            value = torch.cat(scores, dim=1).sin().sum()
        once = torch.autograd.grad(value, [queries, keys, v], retain_graph=True)
        twice = torch.autograd.grad(value, [queries, keys, v])
        found[form] = [value, *once, *twice]
    for fused, plain in zip(found["fused"], found["plain"], strict=True):
        torch.testing.assert_close(fused, plain, **CLOSE)


def test_nothing_as_large_as_steps_times_positions_times_width_is_saved() -> None:
    queries, keys, v = leaves((2, 30, 16), (2, 40, 16), (16,))
    saved: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.numel())
        return tensor

    with (
        kernels.forced("fused"),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        kernels.additive(queries, keys, v)
    assert max(saved) == 2 * 40 * 16
