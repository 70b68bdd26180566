from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from regard import kernels
from tests.kernels.agreement import CLOSE, DEVICE, leaves, of_numba


def unrolled(layer: nn.Module, start: Tensor, length: int = 5) -> Tensor:
    """Run a small recurrence."""
    state = start
    with kernels.deferred_weight_grads():
        for _ in range(length):
            state = torch.tanh(layer(state))
    return state


def in_both(make: Callable[[], list[Tensor]]) -> None:
    """Check that both forms make the same tensors."""
    found = {}
    for form in kernels.BACKENDS:
        with kernels.forced(form):
            found[form] = make()
    for fused, plain in zip(found["fused"], found["plain"], strict=True):
        torch.testing.assert_close(fused, plain, **CLOSE)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 64])
def test_a_loop_gets_the_gradients_of_all_steps(rows: int, bias: bool) -> None:
    layer, (start,) = kernels.Linear(17, 17, bias=bias), leaves((rows, 17))

    def make() -> list[Tensor]:
        value = unrolled(layer, start).square().sum()
        return [value, *torch.autograd.grad(value, [start, *layer.parameters()])]

    in_both(make)


def test_a_graph_may_be_backpropagated_twice() -> None:
    layer, (start,) = kernels.Linear(4, 4), leaves((2, 4))

    def make() -> list[Tensor]:
        value = unrolled(layer, start).square().sum()
        first = torch.autograd.grad(value, list(layer.parameters()), retain_graph=True)
        layer.zero_grad()
        value.backward()
        assert layer.weight.grad is not None
        return [*first, layer.weight.grad.clone()]

    in_both(make)


def test_gradients_of_an_earlier_pass_are_not_counted() -> None:
    layer, (start,) = kernels.Linear(4, 4), leaves((2, 4))

    def make() -> list[Tensor]:
        with kernels.deferred_weight_grads():
            one = layer(start)
            two = layer(one.tanh())
        torch.autograd.grad(
            two.sum(), start, retain_graph=True
        )  # runs through both steps, without gradients of weights
        return list(torch.autograd.grad(one.sin().sum(), list(layer.parameters())))

    in_both(make)


def test_gradients_of_gradients() -> None:
    layer, (start,) = kernels.Linear(4, 4), leaves((3, 4))

    def make() -> list[Tensor]:
        (slope,) = torch.autograd.grad(unrolled(layer, start).sum(), start, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), [start, *layer.parameters()]))

    in_both(make)


def test_gradient_times_input() -> None:
    layer, (start,) = kernels.Linear(4, 4), leaves((3, 4))

    def make() -> list[Tensor]:
        (slope,) = torch.autograd.grad(unrolled(layer, start).sum(), start)
        return [slope * start]

    in_both(make)


def test_a_frozen_weight_gets_no_gradient() -> None:
    layer, (start,) = kernels.Linear(4, 4), leaves((3, 4))
    layer.requires_grad_(False)
    unrolled(layer, start).sum().backward()
    assert start.grad is not None
    assert layer.weight.grad is None


@pytest.mark.parametrize("transposed", [True, False])
def test_a_memory_gets_the_gradients_of_all_steps(transposed: bool) -> None:
    memory, input = leaves((2, 5, 3), (2, 4, 3 if transposed else 5))
    product = kernels.dot_scores if transposed else kernels.weighted_sum

    def make() -> list[Tensor]:
        with kernels.deferred_weight_grads():
            output = torch.cat([product(one.unsqueeze(1), memory) for one in input.unbind(1)], dim=1)
        value = output.sin().sum()
        return [value, *torch.autograd.grad(value, [memory, input], retain_graph=True), output]

    in_both(make)


@pytest.mark.parametrize("form", kernels.BACKENDS)
@pytest.mark.parametrize("fused_optimiser", [True, False])
def test_a_step_of_an_optimiser_is_noticed(form: kernels.Backend, fused_optimiser: bool) -> None:
    # a fused optimiser leaves no trace in the version of a weight
    layer = kernels.Linear(3, 3)
    optimiser = torch.optim.Adam(layer.parameters(), lr=1.0, fused=fused_optimiser)
    input = torch.ones(2, 3)
    with kernels.forced(form):
        with torch.no_grad():
            before = layer(input)
        unrolled(layer, input).sum().backward()
        optimiser.step()
        with torch.no_grad():
            after = layer(input)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, nn.functional.linear(input, layer.weight, layer.bias))


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_an_overwritten_weight_is_noticed(form: kernels.Backend) -> None:
    layer, input = kernels.Linear(3, 3), torch.ones(2, 3)
    with kernels.forced(form), torch.inference_mode():
        layer(input)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3))
        layer.bias.zero_()
    with kernels.forced(form), torch.inference_mode():
        assert torch.equal(layer(input), input)
    layer.load_state_dict({"weight": 2 * torch.eye(3), "bias": torch.zeros(3)})
    with kernels.forced(form), torch.inference_mode():
        assert torch.equal(layer(input), 2 * input)


def test_training_after_decoding_and_the_other_way_round() -> None:
    layer, input = kernels.Linear(3, 3), torch.randn(2, 3)
    with kernels.forced("fused"):
        with torch.inference_mode():
            layer(input)
        unrolled(layer, input).sum().backward()
        with torch.inference_mode():
            layer(input)
    assert layer.weight.grad is not None


def test_shapes_with_more_than_rows() -> None:
    layer, (input,) = kernels.Linear(3, 5), leaves((2, 4, 3))

    def make() -> list[Tensor]:
        with kernels.deferred_weight_grads():
            output = layer(input)
        assert output.shape == (2, 4, 5)
        return [output, *torch.autograd.grad(output.sin().sum(), [input, *layer.parameters()])]

    in_both(make)


def test_bfloat16_under_autocast() -> None:
    layer, (start,) = kernels.Linear(16, 16), leaves((4, 16))
    found = {}
    for form in kernels.BACKENDS:
        with kernels.forced(form), torch.autocast(DEVICE, torch.bfloat16):
            value = unrolled(layer, start).float().square().sum()
        found[form] = torch.autograd.grad(value, [start, *layer.parameters()])
    for fused, plain in zip(found["fused"], found["plain"], strict=True):
        assert fused.dtype == torch.float32
        torch.testing.assert_close(fused, plain, atol=5e-2, rtol=5e-2)


@of_numba
def test_int8_is_close_and_only_without_gradients() -> None:
    layer, input = kernels.Linear(256, 300), torch.randn(20, 256)
    with torch.no_grad():
        layer.bias.fill_(3.0)
    with kernels.forced("fused"), kernels.int8():
        exact = layer(input).detach()  # gradients are needed
        with torch.inference_mode():
            close = layer(input)
    torch.testing.assert_close(exact, nn.functional.linear(input, layer.weight, layer.bias).detach())
    assert not torch.equal(exact, close)
    # a product of 256 rounded numbers: inputs off by at most max / 254 each, weights likewise
    step = float(input.abs().max() / 127 + layer.weight.detach().abs().max() / 127)
    assert float((exact - close).abs().max()) < step * 4


def test_narrow_weights_stay_as_they_are_in_int8() -> None:
    layer, input = kernels.Linear(16, 16), torch.randn(4, 16)
    with kernels.forced("fused"), torch.inference_mode():
        expected = layer(input)
        with kernels.int8():
            assert torch.equal(layer(input), expected)
