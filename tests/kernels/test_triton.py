"""Triton's kernels beyond what the tests of every operation say: sizes of more than one tile, and the twins.

The other tests of this folder hold for them too: `make test-triton`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels
from regard.kernels import dispatch
from regard.kernels.gemm.packed import PackedWeight
from regard.kernels.unroll.attention_stage import AttentionStage
from regard.training.graphs import Shape
from tests.kernels.agreement import DEVICE, INTERPRETED, check_agreement, leaves
from tests.small import random_batch, small_way

pytest.importorskip("triton")
if not INTERPRETED and DEVICE == "cpu":
    pytest.skip("Triton's kernels need a GPU, or its interpreter: make test-triton", allow_module_level=True)

from regard.kernels.triton import TWINS
from regard.kernels.triton.functions import block, tile

NUMBAS = {
    loop.__name__: loop
    for module in map(
        import_module,
        (
            "regard.kernels.ops.additive",
            "regard.kernels.ops.attention",
            "regard.kernels.ops.cross_entropy",
            "regard.kernels.ops.gru",
            "regard.kernels.ops.lstm",
            "regard.kernels.ops.reduce",
            "regard.kernels.unroll.cell_stage",
            "regard.kernels.unroll.layer_input",
            "regard.kernels.unroll.linear_stage",
        ),
    )
    for loop in vars(module).values()
    if hasattr(loop, "py_func") and loop.__name__ in TWINS
} | {"PackedWeight": PackedWeight}


def test_every_loop_has_a_twin_with_the_same_arguments() -> None:
    assert set(TWINS) == set(NUMBAS)
    for name, twin in TWINS.items():
        assert len(_arguments(twin)) == len(_arguments(getattr(NUMBAS[name], "py_func", NUMBAS[name]))), name
    for name in ("forward_into", "backward_into"):
        assert _arguments(getattr(TWINS["PackedWeight"], name)) == _arguments(getattr(PackedWeight, name))


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_it_is_triton_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def noting(name: str, twin: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (ran.append(name), twin(*arguments))

    for name in ("lstm_forward", "lstm_backward"):
        monkeypatch.setitem(TWINS, name, noting(name, TWINS[name]))
    inputs = leaves((2, 8), (2, 8), (2, 2), (2, 2))
    with kernels.forced("fused"):
        kernels.lstm(*inputs)[0].sum().backward()
    with kernels.forced("plain"):
        kernels.lstm(*inputs)[0].sum().backward()
    assert ran == ["lstm_forward", "lstm_backward"]
    assert dispatch.on_gpu(inputs[0])


@pytest.mark.parametrize(("size", "limit", "expected"), [(1, 64, 1), (33, 64, 64), (65, 64, 64), (0, 64, 1)])
def test_a_block_is_a_power_of_two(size: int, limit: int, expected: int) -> None:
    assert block(size, limit) == expected


@pytest.mark.parametrize(
    ("positions", "columns", "expected"), [(30, 512, (32, 128)), (1, 3, (1, 4)), (5000, 512, (8192, 1))]
)
def test_a_tile_holds_all_positions_of_a_row(positions: int, columns: int, expected: tuple[int, int]) -> None:
    assert tile(positions, columns) == expected


def test_states_wider_than_a_program() -> None:
    size = 1030
    check_agreement(kernels.lstm, leaves((2, 4 * size), (2, 4 * size), (2, size), (2, size)), None)
    check_agreement(kernels.gru, leaves((1, 3 * size), (1, 3 * size), (1, size)), None)


@pytest.mark.parametrize("additive", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_looks_over_more_than_a_tile(additive: bool, dtype: torch.dtype) -> None:
    # 70 places hold 128 at a time and 32 columns: two parts of keys and values; the context lies within a wider row
    rows, places, width, memory = 3, 70, 40, 50
    query, context = torch.randn(rows, width).to(dtype), torch.zeros(rows, memory + 6, dtype=dtype)
    keys, values = (torch.randn(rows, places, size).to(dtype).float() for size in (width, memory))
    v, valid = torch.randn(width), torch.rand(rows, places) > 0.4
    valid[0], valid[1] = False, True
    inputs = [tensor.requires_grad_() for tensor in (query.float(), keys, values, v)]
    added = inputs[0].unsqueeze(1)
    scores = torch.tanh(added + keys) @ v if additive else (added * keys).sum(-1)
    shown = (0.3 * scores).masked_fill(~valid, torch.finfo(torch.float32).min)
    weights = torch.softmax(shown, dim=-1) * valid
    expected = (weights.unsqueeze(1) @ values).squeeze(1)

    with torch.no_grad():
        look = AttentionStage(keys, values, valid, v if additive else None, 0.3, 2, dtype)
        for t in range(2):
            look(t, query, context)
        torch.testing.assert_close(look.weights[0], weights, atol=1e-5, rtol=1e-5)
        allowed = 1e-5 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(context[:, :memory].float(), expected, atol=allowed, rtol=allowed)
        assert not context[:, memory:].any()

    d_context, d_weights = torch.randn(rows, memory + 6).to(dtype), torch.randn(rows, places)
    wanted = [d_context[:, :memory].float(), d_weights]
    grads = torch.autograd.grad([expected, weights], inputs, wanted, allow_unused=True)
    with torch.no_grad():
        look.begin_backward(torch.stack([d_weights, d_weights]))
        d_query = torch.empty_like(query)
        for t in range(2):  # both steps add the same
            look.backward(t, query, d_context, d_query)
    torch.testing.assert_close(d_query.float(), grads[0], atol=allowed, rtol=allowed)
    torch.testing.assert_close(look.d_keys, 2 * grads[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(look.d_values(), 2 * grads[2], atol=1e-4, rtol=1e-4)
    if additive:
        torch.testing.assert_close(look.d_v.sum(dim=0), 2 * grads[3], atol=1e-4, rtol=1e-4)


def test_additive_scores_over_more_than_a_tile() -> None:
    check_agreement(kernels.additive, leaves((2, 3, 70), (2, 67, 70), (70,)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_vocabulary_of_more_than_a_tile(smoothing: float, dtype: torch.dtype) -> None:
    size = 4096 + 5
    logits, bias = (3 * torch.randn(2, size)).to(dtype), torch.randn(size)
    labels = torch.tensor([4099, 17])
    leaf = logits.float().requires_grad_()
    log_probabilities = torch.log_softmax(leaf + bias, dim=-1)
    nll = -log_probabilities[torch.arange(2), labels]
    expected = (1 - smoothing) * nll - smoothing * log_probabilities.mean(dim=-1)
    (grad,) = torch.autograd.grad(expected.sum(), leaf)
    losses = torch.zeros(2, 2)
    TWINS["softmax_minus_target"](logits, bias, labels, smoothing, losses)
    torch.testing.assert_close(losses, torch.stack([expected, nll], dim=1).detach())
    torch.testing.assert_close(logits.float(), grad, atol=1e-6 if dtype == torch.float32 else 2e-3, rtol=1e-2)


def test_no_rows_have_no_loss() -> None:
    empty: list[Tensor] = [torch.empty(0, width) for width in (8, 8, 2, 2)]
    hidden, cell = kernels.lstm(*empty)
    assert hidden.shape == cell.shape == (0, 2)


def test_the_twins_are_found_once() -> None:
    assert dispatch.launcher(torch.ones(1)) is dispatch.launcher(torch.ones(2))


@pytest.mark.parametrize("way", ["luong", "bahdanau", "gnmt"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_whole_models_with_rows_of_padding(way: str, cell: str, dtype: torch.dtype) -> None:
    model = small_way(way, "additive", cell, num_layers=1 if way == "bahdanau" else 2)
    model, batch = model.to(DEVICE), random_batch()
    filled = Shape.of(batch).pad(batch).to(DEVICE)
    assert not filled.source_valid[len(batch.rows) :].any()
    found = {}
    for form in kernels.BACKENDS:
        with (
            kernels.forced(form),
            torch.autocast(DEVICE, torch.bfloat16, enabled=dtype == torch.bfloat16),
        ):
            loss = model(filled)
        grads = torch.autograd.grad(loss.total, list(model.parameters()))
        found[form] = [loss.total, loss.nll, *grads]
    for fused, plain in zip(found["fused"], found["plain"], strict=True):
        assert fused.isfinite().all()
        allowed = 1e-5 if dtype == torch.float32 else 0.05
        scale = 1 + float(plain.detach().abs().max())
        torch.testing.assert_close(fused.float(), plain.float(), atol=allowed * scale, rtol=0)
