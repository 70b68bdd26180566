from __future__ import annotations

import pytest
import torch

from regard import kernels
from tests.kernels.agreement import check_agreement, leaves

SIZES = pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 5), (4, 16), (7, 33), (64, 40)])
LIVE = pytest.mark.parametrize("live", ["all", "some", "none"])


def live_rows(live: str, rows: int) -> torch.Tensor | None:
    """Return which rows go on."""
    if live == "all":
        return None
    goes_on = torch.arange(rows) % 2 == 0 if live == "some" else torch.zeros(rows, dtype=torch.bool)
    return goes_on.unsqueeze(1)


@LIVE
@SIZES
def test_lstm_is_its_plain_form(rows: int, size: int, live: str) -> None:
    inputs = leaves((rows, 4 * size), (rows, 4 * size), (rows, size), (rows, size))
    check_agreement(kernels.lstm, inputs, live_rows(live, rows))


@LIVE
@SIZES
def test_gru_is_its_plain_form(rows: int, size: int, live: str) -> None:
    check_agreement(
        kernels.gru, leaves((rows, 3 * size), (rows, 3 * size), (rows, size)), live_rows(live, rows)
    )


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_lstm_by_hand(form: kernels.Backend) -> None:
    # c = 1; input σ(ln 3) = 3/4, forget σ(0) = 1/2, candidate tanh(ln 3) = 0.8: c' = 1/2 + 3/4 · 0.8 = 1.1
    ln3 = torch.tensor(3.0).log().item()
    products = torch.tensor([[ln3, 0.0, ln3, -ln3]])
    with kernels.forced(form):
        hidden, cell = kernels.lstm(products, torch.zeros(1, 4), torch.zeros(1, 1), torch.ones(1, 1))
    assert cell.item() == pytest.approx(1.1)
    assert hidden.item() == pytest.approx(torch.tensor(1.1).tanh().item() / 4)


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_a_row_that_has_ended_keeps_its_state_to_the_bit(form: kernels.Backend) -> None:
    products, hidden, cell = torch.randn(2, 12), torch.randn(2, 3), torch.randn(2, 3)
    live = torch.tensor([[True], [False]])
    with kernels.forced(form):
        new_hidden, new_cell = kernels.lstm(products, products, hidden, cell, live)
        new = kernels.gru(products[:, :9], products[:, :9], hidden, live)
    assert torch.equal(new_hidden[1], hidden[1])
    assert torch.equal(new_cell[1], cell[1])
    assert torch.equal(new[1], hidden[1])
    assert not torch.equal(new[0], hidden[0])


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_nan_stays_nan(form: kernels.Backend) -> None:
    broken = torch.full((1, 8), torch.nan)
    with kernels.forced(form):
        hidden, cell = kernels.lstm(broken, torch.zeros(1, 8), torch.zeros(1, 2), torch.zeros(1, 2))
        new = kernels.gru(broken[:, :6], torch.zeros(1, 6), torch.zeros(1, 2))
    assert hidden.isnan().all()
    assert cell.isnan().all()
    assert new.isnan().all()


def test_rows_that_are_not_contiguous() -> None:
    products = torch.randn(5, 3, 24, requires_grad=True)
    check_agreement(lambda w, h, c: kernels.lstm(w[:, 1], w[:, 2], h, c), [products, *leaves((5, 6), (5, 6))])
