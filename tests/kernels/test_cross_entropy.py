from __future__ import annotations

import math

import pytest
import torch

from regard import kernels
from regard.kernels.ops import cross_entropy as loss
from tests.kernels.agreement import check_agreement, leaves, of_numba

SMOOTHING = pytest.mark.parametrize("smoothing", [0.0, 0.1])


@SMOOTHING
@pytest.mark.parametrize(("rows", "width", "size"), [(1, 1, 2), (5, 3, 7), (300, 8, 33)])
def test_it_is_its_plain_form(
    rows: int, width: int, size: int, smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "LOGIT_BYTES", 1)  # the smallest chunks there are, of at most 128 rows
    combined, weight, bias = leaves((rows, width), (size, width), (size,))
    labels = torch.randint(0, size, (rows,))
    scale = 1 / rows  # the loss is a sum

    def mean_loss(*tensors: torch.Tensor) -> torch.Tensor:
        return kernels.cross_entropy(*tensors, labels, smoothing)[0] * scale

    check_agreement(mean_loss, [combined, weight, bias])


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_by_hand(form: kernels.Backend) -> None:
    # logits 0 and ln 3: probabilities 1/4 and 3/4; smoothed by 0.2: 0.8 · ln 4 + 0.2 · (ln 4 + ln 4/3) / 2
    combined, weight = torch.ones(1, 1), torch.tensor([[0.0], [math.log(3)]])
    with kernels.forced(form):
        total, nll = kernels.cross_entropy(combined, weight, torch.zeros(2), torch.tensor([0]), 0.2)
    assert nll.item() == pytest.approx(math.log(4))
    assert total.item() == pytest.approx(0.8 * math.log(4) + 0.1 * (math.log(4) + math.log(4 / 3)))


@pytest.mark.parametrize("form", kernels.BACKENDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stays_so(form: kernels.Backend, bad: float) -> None:
    combined = torch.full((2, 3), bad)
    with kernels.forced(form):
        total, nll = kernels.cross_entropy(combined, torch.ones(4, 3), torch.zeros(4), torch.tensor([0, 1]))
    assert not total.isfinite()
    assert not nll.isfinite()


@SMOOTHING
def test_rows_without_a_label_have_no_loss(smoothing: float) -> None:
    combined, weight, bias = leaves((5, 3), (7, 3), (7,))
    labels = torch.tensor([2, kernels.NO_LABEL, 6, kernels.NO_LABEL, 0])

    def total(*tensors: torch.Tensor) -> torch.Tensor:
        return kernels.cross_entropy(*tensors, labels, smoothing)[0]

    check_agreement(total, [combined, weight, bias])
    whole, kept = total(combined, weight, bias), labels != kernels.NO_LABEL
    part, nll = kernels.cross_entropy(combined[kept], weight, bias, labels[kept], smoothing)
    torch.testing.assert_close(whole, part)
    assert torch.equal(kernels.cross_entropy(combined, weight, bias, labels)[1], nll)
    (grad,) = torch.autograd.grad(whole, combined)
    assert not grad[~kept].any()


@pytest.mark.parametrize("form", kernels.BACKENDS)
def test_no_rows_have_no_loss(form: kernels.Backend) -> None:
    with kernels.forced(form):
        total, nll = kernels.cross_entropy(
            torch.ones(0, 3), torch.ones(4, 3), torch.zeros(4), torch.zeros(0, dtype=torch.long)
        )
    assert total.item() == nll.item() == 0


def test_large_logits_do_not_overflow() -> None:
    combined, weight, bias = torch.ones(1, 1), torch.tensor([[300.0], [-300.0]]), torch.zeros(2)
    for form in kernels.BACKENDS:
        with kernels.forced(form):
            total, _ = kernels.cross_entropy(combined, weight, bias, torch.tensor([1]))
        assert total.item() == pytest.approx(600)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects the number of rows of every chunk, with chunks as small as they may be."""
    rows: list[int] = []
    original = loss.softmax_minus_target
    monkeypatch.setattr(loss, "LOGIT_BYTES", 1)
    monkeypatch.setattr(
        loss,
        "softmax_minus_target",
        lambda logits, *more: (rows.append(len(logits)), original(logits, *more)),
    )
    return rows


@of_numba
def test_all_logits_are_never_held(seen: list[int]) -> None:
    combined, weight, bias = leaves((300, 4), (9, 4), (9,))
    with kernels.forced("fused"):
        total, _ = kernels.cross_entropy(combined, weight, bias, torch.zeros(300, dtype=torch.long))
        total.backward()
    assert seen == [100, 100, 100]


@of_numba
@pytest.mark.parametrize("least", [128, 1024])
def test_chunks_in_bfloat16_give_one_gradient(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "LOGIT_BYTES", 1)
    monkeypatch.setattr(loss, "MIN_ROWS", {torch.bfloat16: least})
    combined, weight, bias = leaves((300, 16), (33, 16), (33,))
    labels = torch.randint(0, 33, (300,))
    found = []
    for form in kernels.BACKENDS:
        low = torch.autocast("cpu", torch.bfloat16, enabled=form == "fused")
        with kernels.forced(form), low:
            total, _ = kernels.cross_entropy(combined, weight, bias, labels)
            found.append([total, *torch.autograd.grad(total / 300, [combined, weight, bias])])
    torch.testing.assert_close(found[0], found[1], atol=5e-3, rtol=2e-2)


@of_numba
def test_in_bfloat16_rows_are_padded_to_a_multiple(seen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "MIN_ROWS", {torch.bfloat16: 100})
    for rows in (1, 31, 33, 201):
        combined, weight, bias = leaves((rows, 4), (9, 4), (9,))
        labels = torch.zeros(rows, dtype=torch.long)
        with kernels.forced("fused"), torch.autocast("cpu", torch.bfloat16):
            total, nll = kernels.cross_entropy(combined, weight, bias, labels, 0.1)
            (grad,) = torch.autograd.grad(total, combined)
        expected, expected_nll = loss.cross_entropy_plain(combined, weight, bias, labels, 0.1)
        torch.testing.assert_close((total, nll), (expected, expected_nll), rtol=1e-2, atol=1e-2)
        assert grad.shape == combined.shape
    assert seen == [32, 32, 64, 96, 96, 32]
