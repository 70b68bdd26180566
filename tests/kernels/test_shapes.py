"""Compiled kernels read and write memory unchecked, so their entries refuse shapes that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, zeros

from regard import kernels
from regard.errors import ShapeError
from regard.kernels.decode.batched import LargeBatch
from regard.kernels.decode.inputs import StepInput
from regard.kernels.decode.single import MAX_ROWS, SmallBatch
from regard.kernels.gemm.packed import PackedWeight
from tests.kernels.agreement import of_numba

pytestmark = of_numba
LABELS = torch.zeros(3, dtype=torch.long)


def attention(**different: Tensor | None) -> kernels.AttentionInputs:
    """Return a memory of two sentences of five positions, with an additive score."""
    parts: dict[str, Any] = {
        "keys": zeros(2, 5, 4),
        "values": zeros(2, 5, 6),
        "valid": torch.ones(2, 5, dtype=torch.bool),
        "W": zeros(4, 3),
        "v": zeros(4),
    }
    return kernels.AttentionInputs(**parts | different, scale=1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: kernels.lstm(zeros(3, 8), zeros(3, 8), zeros(3, 2), zeros(3, 3)),
            r"lstm: expected a state of shape \(3, 2\), got \(3, 3\)",
        ),
        (
            lambda: kernels.lstm(zeros(3, 8), zeros(2, 8), zeros(3, 2), zeros(3, 2)),
            r"lstm: expected recurrent of shape \(3, 8\), got \(2, 8\)",
        ),
        (
            lambda: kernels.gru(zeros(3, 8), zeros(3, 6), zeros(3, 2)),
            r"gru: expected projected of shape \(3, 6\), got \(3, 8\)",
        ),
        (
            lambda: kernels.gru(zeros(3, 6), zeros(3, 6), zeros(3, 2), torch.ones(2, 1, dtype=torch.bool)),
            r"gru: expected live of shape \(3, 1\), got \(2, 1\)",
        ),
        (
            lambda: kernels.additive(zeros(2, 1, 4), zeros(2, 5, 4), zeros(3)),
            r"additive: expected v of shape \(4,\), got \(3,\)",
        ),
        (
            lambda: kernels.additive(zeros(1, 1, 4), zeros(2, 5, 4), zeros(4)),
            r"additive: expected query of shape \(2, 1, 4\), got \(1, 1, 4\)",
        ),
        (
            lambda: kernels.attend(attention(), zeros(3, 3)),
            "attend: expected a multiple of 2 queries, got 3",
        ),
        (
            lambda: kernels.attend(attention(), zeros(2, 4)),
            r"attention: expected W of shape \(4, 4\), got \(4, 3\)",
        ),
        (
            lambda: kernels.attend(attention(W=None, v=None), zeros(2, 3)),
            "attention: expected queries as wide as the keys, 4, got 3",
        ),
        (
            lambda: kernels.attend(attention(valid=torch.ones(2, 4, dtype=torch.bool)), zeros(2, 3)),
            r"attention: expected valid of shape \(2, 5\), got \(2, 4\)",
        ),
        (
            lambda: kernels.cross_entropy(zeros(3, 2), zeros(7, 2), zeros(6), LABELS),
            r"cross_entropy: expected weight of shape \(6, 2\), got \(7, 2\)",
        ),
        (
            lambda: kernels.cross_entropy(zeros(4, 2), zeros(7, 2), zeros(7), LABELS),
            r"cross_entropy: expected labels of shape \(4,\), got \(3,\)",
        ),
        (
            lambda: kernels.top(zeros(7), 2),
            r"top: expected rows over the vocabulary \(R, V\), got \(7,\)",
        ),
        (
            lambda: kernels.top(zeros(1, 7), 2, banned=(7,)),
            r"top: expected banned indices below 7, got \(7,\)",
        ),
        (
            lambda: PackedWeight([zeros(4, 2)], None, torch.float32).forward(zeros(3, 3)),
            r"PackedWeight: expected inputs of shape \(R, 2\), got \(3, 3\)",
        ),
        (
            lambda: PackedWeight([zeros(4, 2)], None, torch.float32).backward(zeros(3, 3)),
            r"PackedWeight: expected gradients of shape \(R, 4\), got \(3, 3\)",
        ),
        (
            lambda: PackedWeight([zeros(4, 2), zeros(3, 2)], None, torch.float32),
            r"PackedWeight: expected weights and bias with equally many outputs, got \(4, 2\), \(3, 2\), \(4,\)",
        ),
        (
            lambda: kernels.Linear(2, 4)(zeros(3, 3)),
            "linear: expected inputs 2 wide, got 3",
        ),
    ],
)
@torch.no_grad()
def test_shapes_that_do_not_fit_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


def decoder(memory: int, key_size: int = 2) -> kernels.DecoderWeights:
    """Return a decoder like Luong's with states 2 wide, without input feeding, and a memory."""
    return kernels.DecoderWeights(
        embedding=torch.nn.Embedding(7, 3),
        layers=[kernels.LayerWeights("lstm", torch.nn.Linear(3, 8), torch.nn.Linear(2, 8))],
        attention=kernels.AttentionInputs(
            zeros(memory, 5, key_size),
            zeros(memory, 5, 2),
            torch.ones(memory, 5, dtype=torch.bool),
            None,
            None,
            1.0,
        ),
        feed=None,
        combine=[torch.nn.Linear(4, 2)],
        head=torch.nn.Linear(2, 7),
        attend_first=False,
    )


def rows(num_rows: int, state_size: int = 2, sentences: int = 1, num_states: int = 2) -> StepInput:
    """Return the input of a step of that decoder."""
    states = [zeros(num_rows, state_size) for _ in range(num_states)]
    return StepInput(torch.zeros(num_rows, dtype=torch.long), states, None, torch.arange(sentences))


def test_a_memory_that_does_not_fit_a_decoder_is_refused() -> None:
    with pytest.raises(ShapeError, match="attention: expected queries as wide as the keys, 3, got 2"):
        decoder(1, key_size=3)


@torch.inference_mode()
def test_a_small_batch_refuses_more_rows_than_it_multiplies() -> None:
    step = SmallBatch(decoder(1))
    assert step(rows(MAX_ROWS)).log_probabilities.shape == (MAX_ROWS, 7)
    with pytest.raises(ShapeError, match=f"at most {MAX_ROWS} rows, got {MAX_ROWS + 1}; use LargeBatch"):
        step(rows(MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("step_input", "message"),
    [
        (rows(2, state_size=3), r"a decoding step: expected a state of shape \(2, 2\), got \(2, 3\)"),
        (rows(3, sentences=2), "a decoding step: expected a multiple of 2 rows, got 3"),
        (rows(2, num_states=1), "a decoding step: expected 2 states, got 1"),
    ],
)
def test_rows_that_do_not_fit_a_decoder_are_refused(step_input: StepInput, message: str) -> None:
    for batch in (SmallBatch(decoder(2)), LargeBatch(decoder(2))):
        with pytest.raises(ShapeError, match=message):
            batch(step_input)
