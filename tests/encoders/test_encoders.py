"""Encoders against torch, against each other, and under padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard.encoders import ENCODERS, Encoder, GNMTEncoder, RecurrentEncoder
from regard.errors import ConfigError
from regard.records.tensors import Memory
from regard.recurrent import CELLS, Cell, Dropout, LSTMCell, run
from tests.kernels.loops import check_loop

LENGTHS = [6, 2, 4, 1]
SHAPES: dict[str, tuple[type[Encoder], dict[str, Any]]] = {
    "one direction": (RecurrentEncoder, {"num_layers": 1, "bidirectional": False}),
    "backward": (RecurrentEncoder, {"num_layers": 2, "bidirectional": False, "backward": True}),
    "both": (RecurrentEncoder, {"num_layers": 1}),
    "both, stacked": (RecurrentEncoder, {"num_layers": 3}),
    "gnmt": (GNMTEncoder, {"num_layers": 2}),
    "gnmt, residual": (GNMTEncoder, {"num_layers": 4}),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def make(shape: str, cell: str = "lstm") -> Encoder:
    part, options = SHAPES[shape]
    return part(cell=CELLS[cell], input_size=3, hidden_size=4, dropout=Dropout(0.0), **options).double()  # type: ignore[call-arg]


def sentences() -> tuple[Tensor, Tensor]:
    """Embedded sentences with noise in the padding."""
    valid = torch.arange(6) < torch.tensor(LENGTHS).unsqueeze(1)
    return torch.randn(4, 6, 3, dtype=torch.float64), valid


def last_states(memory: Memory) -> list[Tensor]:
    return [memory.final, *(part for layer in memory.final_layers for part in layer)]


def test_every_encoder_is_here() -> None:
    assert {part for part, _ in SHAPES.values()} == set(ENCODERS.values())


@every_shape
@pytest.mark.parametrize("cell", CELLS)
def test_packed_or_padded_it_is_the_same_with_its_gradients(shape: str, cell: str) -> None:
    encoder, (embedded, valid) = make(shape, cell).float(), sentences()

    def encode(embedded: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
        memory = encoder(embedded, valid)
        return memory.values, *last_states(memory)

    check_loop(encode, [embedded.float().requires_grad_(), *encoder.parameters()])


@every_shape
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(shape: str, cell: str) -> None:
    encoder, (embedded, valid) = make(shape, cell), sentences()
    memory = encoder(embedded, valid)
    assert memory.values.shape == (4, 6, encoder.memory_size)
    assert len(memory.final_layers) == encoder.num_layers
    assert (memory.values[~valid] == 0).all()
    for row, length in enumerate(LENGTHS):
        alone = encoder(embedded[row : row + 1, :length], valid[row : row + 1, :length])
        assert torch.allclose(alone.values[0], memory.values[row, :length])
        for one, all_rows in zip(last_states(alone), last_states(memory), strict=True):
            assert torch.allclose(one[0], all_rows[row])


@every_shape
def test_padding_gets_no_gradient(shape: str) -> None:
    encoder, (embedded, valid) = make(shape), sentences()
    memory = encoder(embedded.requires_grad_(), valid)
    (memory.values.sin().sum() + sum(part.sin().sum() for part in last_states(memory))).backward()
    assert embedded.grad is not None
    assert (embedded.grad[~valid] == 0).all()
    assert (embedded.grad[valid] != 0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_agrees_with_torch_on_packed_sentences(cell: str, bidirectional: bool, num_layers: int) -> None:
    encoder = RecurrentEncoder(CELLS[cell], 3, 4, num_layers, Dropout(0.0), bidirectional).double()
    theirs = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell]
    other = theirs(3, 4, num_layers, bidirectional=bidirectional, batch_first=True).double()
    suffixes = [
        f"l{layer}{back}" for layer in range(num_layers) for back in ("", "_reverse")[: 1 + bidirectional]
    ]
    weights = {}
    for one, suffix in zip(encoder.cells, suffixes, strict=True):
        weights |= {f"weight_ih_{suffix}": one.project.weight, f"bias_ih_{suffix}": one.project.bias}
        weights |= {f"weight_hh_{suffix}": one.recur.weight, f"bias_hh_{suffix}": one.recur.bias}
    other.load_state_dict(weights)
    embedded, valid = sentences()
    packed = nn.utils.rnn.pack_padded_sequence(embedded, torch.tensor(LENGTHS), True, enforce_sorted=False)
    outputs, last = other(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    memory = encoder(embedded, valid)
    assert torch.allclose(memory.values, expected)
    for part, tensor in enumerate(last if cell == "lstm" else (last,)):
        by_layer = tensor.unflatten(0, (num_layers, -1)).transpose(1, 2).flatten(2)  # (L, B, directions × H)
        for layer in range(num_layers):
            assert torch.allclose(memory.final_layers[layer][part], by_layer[layer])
    assert torch.equal(memory.final, memory.final_layers[-1][0])


def test_backward_is_forward_on_the_reversed_sentence() -> None:
    forward = RecurrentEncoder(LSTMCell, 3, 4, 2, Dropout(0.0), bidirectional=False).double()
    backward = RecurrentEncoder(LSTMCell, 3, 4, 2, Dropout(0.0), bidirectional=False, backward=True).double()
    backward.load_state_dict(forward.state_dict())
    embedded, valid = sentences()
    memory = backward(embedded, valid)
    for row, length in enumerate(LENGTHS):
        turned = forward(embedded[row : row + 1, :length].flip(1), valid[row : row + 1, :length])
        assert torch.allclose(memory.values[row, :length], turned.values[0].flip(0))
        for one, all_rows in zip(last_states(turned), last_states(memory), strict=True):
            assert torch.allclose(one[0], all_rows[row])


def gnmt_by_layers(encoder: GNMTEncoder, embedded: Tensor) -> Tensor:
    """Wu et al. 2016, sections 3.1 and 3.2, layer by layer: x is what enters a layer, m what its cell gives."""

    def layer(cell: Cell, inputs: Tensor, reverse: bool = False) -> Tensor:
        return run(cell, inputs, cell.zero(len(inputs)), reverse=reverse)[0]

    bottom = torch.cat([layer(encoder.cells[0], embedded), layer(encoder.backward, embedded, True)], dim=-1)
    second = layer(encoder.cells[1], bottom)
    third = layer(encoder.cells[2], second) + second
    return layer(encoder.cells[3], third) + third


def test_gnmt_is_as_in_the_paper() -> None:
    encoder = make("gnmt, residual")
    assert isinstance(encoder, GNMTEncoder)
    embedded = torch.randn(2, 5, 3, dtype=torch.float64)
    memory = encoder(embedded, torch.ones(2, 5, dtype=torch.bool))
    assert torch.allclose(memory.values, gnmt_by_layers(encoder, embedded))


def test_gnmt_needs_two_layers() -> None:
    with pytest.raises(
        ConfigError, match=r"model\.encoder\.num_layers: gnmt has .* so 2 or more; got 1: raise"
    ):
        GNMTEncoder(LSTMCell, 3, 4, 1, Dropout(0.0))


def test_no_sentence_gives_an_empty_memory() -> None:
    for shape in SHAPES:
        memory = make(shape)(torch.zeros(0, 3, 3, dtype=torch.float64), torch.zeros(0, 3, dtype=torch.bool))
        assert len(memory.values) == len(memory.final) == 0


def test_the_base_only_promises() -> None:
    with pytest.raises(TypeError, match="Encoder promises a memory"):
        Encoder()(torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool))
