"""A model says which form its loops and the steps of a search take, and why; and it takes that form."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regard import kernels
from regard.model import Seq2Seq
from regard.recurrent import CELLS
from tests.attention.sequential import RepellingScore
from tests.kernels.agreement import of_numba
from tests.small import random_batch, small_model, small_way

pytestmark = of_numba

# decoder's loop and search of a way, score and cell; what is None is fused
BACKENDS: dict[tuple[str, str, str], tuple[str | None, str | None]] = {
    ("luong", "additive", "lstm"): (None, None),
    ("bahdanau", "dot", "gru"): (None, None),
    ("gnmt", "general", "lstm"): (None, "the decoder GNMTDecoder has no fused step"),
    ("luong", "cosine", "lstm"): (None, "the score cosine has no kernel"),
    ("gnmt", "location", "gru"): (None, "the decoder GNMTDecoder has no fused step"),
    ("luong", "additive", "rnn"): ("step by step: the cell rnn has no kernel", "the cell rnn has no kernel"),
    ("luong, not fed", "cosine", "gru"): (None, "the score cosine has no kernel"),
    ("luong, not fed", "dot", "rnn"): ("step by step: the cell rnn has no kernel", "the cell rnn has no kernel"),
    ("plain", "none", "lstm"): (None, "the decoder PlainDecoder has no fused step"),
    ("plain", "none", "rnn"): (
        "step by step: the cell rnn has no kernel",
        "the decoder PlainDecoder has no fused step",
    ),
}  # fmt: skip


def forms(model: Seq2Seq) -> tuple[str | None, str | None]:
    """The reasons against the fused form."""
    choices = model.backends()
    loop, search = (choices[name] for name in ("decoder", "search"))
    return tuple(None if one.backend == "fused" else one.reason for one in (loop, search))  # type: ignore[return-value]


@pytest.mark.parametrize(("way", "score", "cell"), BACKENDS)
def test_a_decoder_says_why_it_goes_step_by_step(way: str, score: str, cell: str) -> None:
    model = small_way(way, score, cell)
    assert forms(model) == BACKENDS[way, score, cell]


@pytest.mark.parametrize("cell", CELLS)
def test_an_encoder_says_why_it_goes_step_by_step(cell: str) -> None:
    choice = small_way("luong", "dot", cell).backends()["encoder"]
    assert str(choice) == (
        "plain (step by step: the cell rnn has no kernel)"
        if cell == "rnn"
        else "fused (the whole loop is one operation)"
    )


def test_a_sequential_score_goes_step_by_step() -> None:
    model = small_model("luong", "dot")
    assert model.decoder.attention is not None
    model.decoder.attention.score = RepellingScore()
    reason = "the attention depends on the steps before"
    assert forms(model) == (f"step by step: {reason}", reason)


def test_the_plain_form_says_why() -> None:
    model = small_model()
    with kernels.forced("plain"):
        assert {str(choice) for choice in model.backends().values()} == {"plain (plain is forced)"}
    in_float64 = "fused kernels are for float32 and bfloat16, this is float64"
    assert forms(model.double()) == (in_float64, in_float64)


@pytest.mark.parametrize(("way", "score", "cell"), BACKENDS)
def test_what_is_said_is_what_runs(way: str, score: str, cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, ran = small_way(way, score, cell), random_batch(), []

    def record(name: str) -> Any:
        original = getattr(kernels, name)
        return lambda *args, **kwargs: (ran.append(name), original(*args, **kwargs))[1]

    for name in ("bahdanau_unroll", "luong_unroll", "gnmt_unroll", "recur"):
        monkeypatch.setattr(kernels, name, record(name))
    memory = model.encode(batch.source, batch.source_valid)
    ran.clear()
    model.decoder.unroll(batch.previous, memory)
    loop, search = forms(model)
    assert bool(ran) == (loop is None)
    with torch.no_grad():
        assert (model.stepper(memory).fused is not None) == (search is None)
