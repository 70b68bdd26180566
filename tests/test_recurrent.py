"""Cells by hand and against torch; runs over padded sentences; dropout."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from regard.errors import ConfigError
from regard.recurrent import CELLS, Cell, Dropout, GRUCell, LSTMCell, RNNCell, Stack, run

every_cell = pytest.mark.parametrize("name", CELLS)
THEIRS: dict[str, type[nn.RNNCellBase]] = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
LN2, LN3 = math.log(2), math.log(3)


def make(name: str, input_size: int = 3, hidden_size: int = 4) -> Cell:
    """A cell in float64 whose biases are not zero either."""
    cell = CELLS[name](input_size, hidden_size).double()
    for parameter in cell.parameters():
        nn.init.normal_(parameter)
    return cell


def one_unit(
    cell: Cell, inputs: list[float], recurrent: list[float], biases: list[float] | None = None
) -> Cell:
    """A cell of one input and one unit with these numbers, a number a gate."""
    with torch.no_grad():
        cell.project.weight.copy_(torch.tensor(inputs).unsqueeze(1))
        cell.recur.weight.copy_(torch.tensor(recurrent).unsqueeze(1))
        cell.project.bias.copy_(torch.tensor(biases or [0.0] * len(inputs)))
    return cell


def random_state(cell: Cell, rows: int) -> tuple[Tensor, ...]:
    return tuple(torch.randn_like(part) for part in cell.zero(rows))


def sentences() -> tuple[Tensor, Tensor]:
    """Inputs of lengths 5, 2, 1 and 0, with noise in the padding."""
    return torch.randn(4, 5, 3, dtype=torch.float64), torch.arange(5) < torch.tensor([[5], [2], [1], [0]])


def test_rnn_by_hand() -> None:
    # tanh(ln 3 × 1 + 0.5 × 0) = (9 - 1) / (9 + 1) = 0.8; then tanh(0 + 0.5 × 0.8) = tanh 0.4
    cell = one_unit(RNNCell(1, 1), [LN3], [0.5])
    (first,) = cell(cell.project(torch.tensor([[1.0]])), cell.zero(1))
    (second,) = cell(cell.project(torch.tensor([[0.0]])), (first,))
    assert first.item() == pytest.approx(0.8)
    assert second.item() == pytest.approx(math.tanh(0.4))


def test_gru_by_hand() -> None:
    # x = 1, h = 1. reset σ(ln 3) = 3/4, keep σ(-ln 3) = 1/4,
    # new tanh(ln 2 + 3/4 × 4/3 × (ln 3 - ln 2)) = tanh(ln 3) = 0.8; h' = 3/4 × 0.8 + 1/4 × 1 = 0.85
    cell = one_unit(GRUCell(1, 1), [LN3, -LN3, LN2], [0.0, 0.0, 4 / 3 * (LN3 - LN2)])
    (new,) = cell(cell.project(torch.tensor([[1.0]])), (torch.tensor([[1.0]]),))
    assert new.item() == pytest.approx(0.85)


def test_lstm_by_hand() -> None:
    # x = 1, h = 0, c = 1. input σ(ln 3) = 3/4, forget σ(0) = 1/2, candidate tanh(ln 3) = 0.8, output σ(-ln 3) = 1/4
    # c' = 1/2 × 1 + 3/4 × 0.8 = 1.1; h' = tanh(1.1) / 4
    cell = one_unit(LSTMCell(1, 1), [LN3, 0.0, LN3, -LN3], [0.0] * 4)
    hidden, memory = cell(cell.project(torch.tensor([[1.0]])), (torch.tensor([[0.0]]), torch.tensor([[1.0]])))
    assert memory.item() == pytest.approx(1.1)
    assert hidden.item() == pytest.approx(math.tanh(1.1) / 4)


def test_lstm_remembers_at_first() -> None:
    cell = LSTMCell(2, 3)
    assert cell.project.bias.tolist() == [0] * 3 + [1] * 3 + [0] * 6
    assert cell.recur.bias.tolist() == [0] * 12


@every_cell
def test_a_cell_agrees_with_torch(name: str) -> None:
    cell, other = make(name), THEIRS[name](3, 4).double()
    other.load_state_dict(
        {
            "weight_ih": cell.project.weight,
            "weight_hh": cell.recur.weight,
            "bias_ih": cell.project.bias,
            "bias_hh": cell.recur.bias,
        }
    )
    inputs, state = torch.randn(2, 3, dtype=torch.float64), random_state(cell, 2)
    expected = other(inputs, state if name == "lstm" else state[0])
    new = cell(cell.project(inputs), state)
    assert len(new) == len(cell.parts)
    for ours, theirs in zip(new, expected if name == "lstm" else (expected,), strict=True):
        assert torch.allclose(ours, theirs)


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_run_is_each_row_alone(name: str, reverse: bool) -> None:
    cell, (inputs, valid) = make(name), sentences()
    state = random_state(cell, 4)
    hidden, last = run(cell, inputs, state, valid, reverse)
    for row, length in enumerate(valid.sum(1).tolist()):
        one, steps = tuple(part[row : row + 1] for part in state), inputs[row, :length].unbind(0)
        for t, step in reversed(list(enumerate(steps))) if reverse else enumerate(steps):
            one = cell(cell.project(step.unsqueeze(0)), one)
            assert torch.allclose(hidden[row, t], one[0][0])
        assert all(torch.allclose(a[row], b[0]) for a, b in zip(last, one, strict=True))
        assert (hidden[row, length:] == 0).all()


@every_cell
def test_reverse_is_forward_on_the_reversed_inputs(name: str) -> None:
    cell = make(name)
    inputs = torch.randn(2, 5, 3, dtype=torch.float64)
    backward, last = run(cell, inputs, cell.zero(2), reverse=True)
    forward, other = run(cell, inputs.flip(1), cell.zero(2))
    assert torch.allclose(backward, forward.flip(1))
    assert all(torch.allclose(a, b) for a, b in zip(last, other, strict=True))


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_gets_no_gradient(name: str, reverse: bool) -> None:
    cell, (inputs, valid) = make(name), sentences()
    hidden, last = run(cell, inputs.requires_grad_(), cell.zero(4), valid, reverse)
    (hidden.sin().sum() + sum(part.sin().sum() for part in last)).backward()
    assert inputs.grad is not None
    assert (inputs.grad[~valid] == 0).all()
    assert (inputs.grad[valid] != 0).any(dim=-1).all()


@every_cell
def test_a_run_where_all_is_valid_needs_no_mask(name: str) -> None:
    cell = make(name)
    inputs = torch.randn(2, 3, 3, dtype=torch.float64)
    with_mask = run(cell, inputs, cell.zero(2), torch.ones(2, 3, dtype=torch.bool))
    without = run(cell, inputs, cell.zero(2))
    assert torch.equal(with_mask[0], without[0])


@every_cell
def test_states_stay_in_float32_under_autocast(name: str) -> None:
    cell = CELLS[name](3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inputs = torch.randn(2, 5, 3)
        hidden, last = run(cell, inputs, cell.zero(2))
        assert cell.project(inputs).dtype == torch.bfloat16
    assert {hidden.dtype, *(part.dtype for part in last)} == {torch.float32}


@every_cell
def test_a_stack_steps_as_it_unrolls(name: str) -> None:
    stack = Stack(CELLS[name], 3, 4, 3, Dropout(0.0)).double()
    inputs = torch.randn(2, 5, 3, dtype=torch.float64)
    states = [random_state(cell, 2) for cell in stack.cells]
    unrolled, stepped = stack.unroll(inputs, states), []
    for projected in stack.cells[0].project(inputs).unbind(1):
        states = stack(projected, states)
        stepped.append(states[-1][0])
    assert torch.allclose(torch.stack(stepped, dim=1), unrolled)


def test_plain_dropout_draws_at_every_step() -> None:
    dropped = Dropout(0.5)(torch.ones(8, 50, 16))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert (dropped != dropped[:, :1]).any()
    assert dropped.mean().item() == pytest.approx(1, abs=0.1)


def test_variational_dropout_keeps_its_mask_over_all_steps() -> None:
    dropped = Dropout(0.5, variational=True)(torch.ones(8, 50, 16))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert (dropped[0] != dropped[1]).any()


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_outside_training_changes_nothing(variational: bool) -> None:
    states = torch.randn(2, 3, 4)
    assert torch.equal(Dropout(0.5, variational).eval()(states), states)
    assert torch.equal(Dropout(0.0, variational)(states), states)


@pytest.mark.parametrize("variational", [False, True])
def test_a_stack_drops_between_its_layers_only(variational: bool) -> None:
    stack = Stack(RNNCell, 3, 16, 3, Dropout(0.5, variational))
    masks = stack.masks(2, 5, torch.zeros(()))
    assert len(masks) == 5
    for step in masks:
        assert step is not None
        assert [mask.shape for mask in step] == [(2, 16), (2, 16)]
    assert masks[0] is not None
    assert masks[1] is not None
    assert all(torch.equal(a, b) == variational for a, b in zip(masks[0], masks[1], strict=True))
    assert stack.eval().masks(2, 5, torch.zeros(())) == [None] * 5
    assert Stack(RNNCell, 3, 16, 1, Dropout(0.5)).masks(2, 5, torch.zeros(())) == [None] * 5


def test_a_masked_step_is_a_step_on_masked_states() -> None:
    stack = Stack(RNNCell, 3, 4, 2, Dropout(0.0))
    states = [cell.zero(1) for cell in stack.cells]
    mask = torch.tensor([[2.0, 0.0, 2.0, 0.0]])
    projected = stack.cells[0].project(torch.randn(1, 3))
    below, above = stack(projected, states, [mask])
    assert torch.equal(above[0], stack.cells[1](stack.cells[1].project(below[0] * mask), states[1])[0])


@pytest.mark.parametrize("share", [-0.1, 1.0, 3.0])
def test_a_share_that_cannot_be_dropped_is_refused(share: float) -> None:
    with pytest.raises(
        ConfigError, match=rf"model\.dropout: expected a share from 0 to below 1, got {share}"
    ):
        Dropout(share)


def test_the_base_only_promises() -> None:
    class Nothing(Cell):
        parts = ("hidden",)
        num_gates = 1

    with pytest.raises(TypeError, match="Nothing promises a step"):
        Nothing(1, 1)(torch.zeros(1, 1), (torch.zeros(1, 1),))
