"""A fast path belongs to the class that declares it: a subclass runs as it is written, in training and in search."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels
from regard.attention import AdditiveScore, Attention, DotScore, Score, Softmax
from regard.decoders import BahdanauDecoder, GNMTDecoder, LuongDecoder
from regard.decoders.readout import MaxoutReadout
from regard.errors import ShapeError
from regard.kernels import Linear
from regard.model import Seq2Seq
from regard.records.tensors import Batch, DecoderState, Memory
from regard.records.text import START
from regard.recurrent import CellState, GRUCell, LSTMCell, Stack
from tests.kernels.agreement import of_numba
from tests.small import random_batch, small_model

pytestmark = of_numba
Change = Callable[[Seq2Seq], None]


class Coverage(AdditiveScore):
    """What has been attended to before scores less."""

    sequential = True

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        return super().forward(query, keys, memory, state) - 5 * state["coverage"]


class Negated(AdditiveScore):
    """Prefers what the score likes least."""

    def forward(self, query: Tensor, keys: Tensor, memory: Memory, state: Mapping[str, Tensor]) -> Tensor:
        return -super().forward(query, keys, memory, state)


class ClippedLSTM(LSTMCell):
    """A cell whose state stays small."""

    def forward(self, projected: Tensor, state: CellState, live: Tensor | None = None) -> CellState:
        hidden, cell = super().forward(projected, state, live)
        return hidden.clamp(-0.05, 0.05), cell.clamp(-0.05, 0.05)


class DoublingGRU(GRUCell):
    """A cell that projects its inputs twice as large."""

    def project_steps(self, inputs: Tensor) -> Any:
        return [2 * step for step in super().project_steps(inputs)]


class ReluLuong(LuongDecoder):
    """Combines without tanh."""

    def _combine(self, context: Tensor, hidden: Tensor) -> Tensor:
        return torch.relu(self.combine(torch.cat([context, hidden], dim=-1)))


class StillLuong(LuongDecoder):
    """Moves on half of the input."""

    def _move(self, projected: Tensor, state: DecoderState, mask: Any) -> list[CellState]:
        return super()._move(projected / 2, state, mask)


class QuietBahdanau(BahdanauDecoder):
    """Steps on half of the input."""

    def _advance(self, projected: Tensor, state: DecoderState, memory: Memory) -> Any:
        return super()._advance(projected / 2, state, memory)


class QuietGNMT(GNMTDecoder):
    """Steps on half of the input."""

    def _advance(self, projected: Tensor, state: DecoderState, memory: Memory, mask: Any) -> Any:
        return super()._advance(projected / 2, state, memory, mask)


class Sharper(Softmax):
    """A softmax of doubled scores."""

    def forward(self, scores: Tensor, valid: Tensor) -> Tensor:
        return super().forward(2 * scores, valid)


class HalvedStack(Stack):
    """Every step on half of the input."""

    def forward(self, projected: Tensor, states: Any, masks: Any = None) -> Any:
        return super().forward(projected / 2, states, masks)


class DoublingLinear(Linear):
    """Twice the product."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class HalvedReadout(MaxoutReadout):
    """Half of the readout."""

    def forward(self, hidden: Tensor, embedded: Tensor, context: Tensor) -> Tensor:
        return super().forward(hidden, embedded, context) / 2


def become(part: Callable[[Seq2Seq], Any], kind: type) -> Change:
    """Make a part of a model an instance of a subclass, with the same weights."""

    def change(model: Seq2Seq) -> None:
        part(model).__class__ = kind

    return change


def score_of(model: Seq2Seq) -> Score:
    assert model.decoder.attention is not None
    return model.decoder.attention.score


def attention_of(model: Seq2Seq) -> Attention:
    assert model.decoder.attention is not None
    return model.decoder.attention


def cell_of(model: Seq2Seq) -> Any:
    decoder: Any = model.decoder
    return decoder.cell if isinstance(decoder, BahdanauDecoder) else decoder.stack.cells[0]


HEIRS: dict[str, tuple[str, str, Change]] = {
    "score that covers": ("luong", "lstm", become(score_of, Coverage)),
    "score that covers, bahdanau": ("bahdanau", "gru", become(score_of, Coverage)),
    "score": ("luong", "lstm", become(score_of, Negated)),
    "score, gnmt": ("gnmt", "lstm", become(score_of, Negated)),
    "normaliser": ("bahdanau", "lstm", become(lambda model: attention_of(model).normalise, Sharper)),
    "cell": ("luong", "lstm", become(cell_of, ClippedLSTM)),
    "cell, bahdanau": ("bahdanau", "lstm", become(cell_of, ClippedLSTM)),
    "cell, gnmt": ("gnmt", "lstm", become(cell_of, ClippedLSTM)),
    "cell of the encoder": ("luong", "lstm", become(lambda model: model.encoder.cells[0], ClippedLSTM)),
    "cell's projection": ("luong", "gru", become(cell_of, DoublingGRU)),
    "luong's combination": ("luong", "lstm", become(lambda model: model.decoder, ReluLuong)),
    "luong's step": ("luong", "lstm", become(lambda model: model.decoder, StillLuong)),
    "bahdanau's step": ("bahdanau", "lstm", become(lambda model: model.decoder, QuietBahdanau)),
    "gnmt's step": ("gnmt", "lstm", become(lambda model: model.decoder, QuietGNMT)),
    "stack": ("luong", "lstm", become(lambda model: model.decoder.stack, HalvedStack)),
    "product": ("luong", "lstm", become(lambda model: model.decoder.combine, DoublingLinear)),
    "product of a cell": ("luong", "lstm", become(lambda model: cell_of(model).recur, DoublingLinear)),
    "gates of the context": (
        "gnmt",
        "lstm",
        become(lambda model: model.decoder.context_gates[1], DoublingLinear),
    ),
    "readout": ("bahdanau", "lstm", become(lambda model: model.decoder.readout, HalvedReadout)),
}


def sharp_model(decoder: str, cell: str) -> Seq2Seq:
    """A model whose attention prefers some positions by far."""
    model = small_model(decoder, "additive", cell)
    with torch.no_grad():
        for parameter in attention_of(model).parameters():
            parameter.mul_(4)
    return model


def loss_and_gradient(model: Seq2Seq) -> tuple[Tensor, Tensor]:
    loss = model(random_batch()).total
    return loss, torch.autograd.grad(loss, model.embedding.weight)[0]


@pytest.mark.parametrize("name", HEIRS)
def test_an_heir_trains_as_it_is_written(name: str) -> None:
    decoder, cell, change = HEIRS[name]
    parent = sharp_model(decoder, cell)
    heir = copy.deepcopy(parent)
    change(heir)
    found = []
    for backend in kernels.BACKENDS:
        torch.manual_seed(2)
        with kernels.forced(backend):
            found.append(loss_and_gradient(heir))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)
    torch.manual_seed(2)
    assert not torch.allclose(loss_and_gradient(parent)[0], found[0][0], atol=0, rtol=3e-4)


@pytest.mark.parametrize(
    "name", [name for name in HEIRS if "encoder" not in name and "projection" not in name]
)
@torch.inference_mode()
def test_an_heir_searches_as_it_is_written(name: str) -> None:
    decoder, cell, change = HEIRS[name]
    parent = sharp_model(decoder, cell).eval()
    heir = copy.deepcopy(parent)
    change(heir)
    batch, found = random_batch(), []
    for model, backend in ((heir, "fused"), (heir, "plain"), (parent, "fused")):
        with kernels.forced(backend):  # type: ignore[arg-type]
            stepper = model.stepper(model.encode(batch.source, batch.source_valid))
            first = stepper.step(torch.full((3,), START), stepper.start())
            second = stepper.step(torch.tensor([4, 5, 6]), first.state)
            found.append(second.log_probabilities)
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found[0], found[2], atol=1e-4)


def test_an_heir_may_declare_the_fast_path_anew() -> None:
    class Named(LSTMCell):
        kernel = LSTMCell.kernel

    model = small_model("luong", "additive", "lstm")
    assert isinstance(model.decoder, LuongDecoder)
    cell_of(model).__class__ = ClippedLSTM
    assert model.decoder.loop_backend().backend == "plain"
    cell_of(model).__class__ = Named
    assert model.decoder.loop_backend().backend == "fused"


class HalfForm(DotScore):
    """Says W and not v."""

    def kernel_form(self) -> Any:
        return torch.zeros(6, 6), None, 1.0


class WrongShapes(AdditiveScore):
    """Says a v that is too short."""

    def kernel_form(self) -> Any:
        return self.W.weight, self.v[:-1], 1.0


class NarrowKeys(DotScore):
    """Has keys that a query does not fit."""

    def keys(self, values: Tensor) -> Tensor:
        return values[..., :-1]

    def kernel_form(self) -> Any:
        return None, None, 1.0


def search_step(model: Seq2Seq, batch: Batch) -> None:
    stepper = model.stepper(model.encode(batch.source, batch.source_valid))
    stepper.step(torch.full((3,), START), stepper.start())


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (HalfForm(6, 6), r"HalfForm\.kernel_form: for queries 6 wide and keys 6 wide, expected W of shape \(6, 6\) "
         r"and v of shape \(6,\), or None for both; got \(6, 6\) and None: return None if"),
        (WrongShapes(6, 6, 4), r"expected W of shape \(4, 6\) and v of shape \(4,\); got \(4, 6\) and \(3,\)"),
        (NarrowKeys(6, 6), r"for queries 6 wide and keys 5 wide, expected .* got None and None"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Score) else "",
)  # fmt: skip
@pytest.mark.parametrize("decoder", ["bahdanau", "luong", "gnmt"])
def test_a_kernel_form_that_does_not_fit_is_refused(score: Score, message: str, decoder: str) -> None:
    model, batch = small_model(decoder, "dot"), random_batch()
    attention_of(model).score = score
    with pytest.raises(ShapeError, match=message):
        model(batch)
    with torch.no_grad(), pytest.raises(ShapeError, match=message):
        search_step(model, batch)
