"""Bridges by hand, and on padded batches."""

from __future__ import annotations

import pytest
import torch

from regard.decoders import BRIDGES, Bridge, CopyBridge, DenseBridge, MeanBridge, ZeroBridge
from regard.encoders import GNMTEncoder, RecurrentEncoder
from regard.errors import ConfigError
from regard.records.tensors import Memory
from regard.recurrent import CELLS, Cell, Dropout, GRUCell, LSTMCell

LENGTHS = [5, 1, 3]


def make(name: str, cell: type[Cell]) -> Bridge:
    if name == "copy":
        return CopyBridge(cell, 6, 2, memory_size=6, encoder_cell=cell, encoder_layers=2)
    if name == "zero":
        return ZeroBridge(cell, 6, 2)
    return {"dense": DenseBridge, "mean": MeanBridge}[name](cell, 6, 2, memory_size=6)


@pytest.mark.parametrize("name", BRIDGES)
@pytest.mark.parametrize("cell", CELLS.values())
def test_exact_for_every_row_of_a_padded_batch(name: str, cell: type[Cell]) -> None:
    encoder = RecurrentEncoder(cell, 4, 3, 2, Dropout(0.0)).double()
    bridge = make(name, cell).double()
    embedded = torch.randn(3, 5, 4, dtype=torch.float64)
    valid = torch.arange(5) < torch.tensor(LENGTHS).unsqueeze(1)
    states = bridge(encoder(embedded, valid))
    assert [[part.shape for part in layer] for layer in states] == [[(3, 6)] * len(cell.parts)] * 2
    for row, length in enumerate(LENGTHS):
        alone = bridge(encoder(embedded[row : row + 1, :length], valid[row : row + 1, :length]))
        for one, layer in zip(alone, states, strict=True):
            assert all(torch.allclose(a[0], b[row]) for a, b in zip(one, layer, strict=True))


def memory_by_hand() -> Memory:
    """Two sentences of states 2 wide: (1, 2), (3, 4) and (5, 6) with a padded position."""
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [0.0, 0.0]]])
    return Memory(values, torch.tensor([[True, True], [True, False]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]]))


def identity(dense: DenseBridge) -> None:
    torch.nn.init.eye_(dense.dense.weight)
    torch.nn.init.zeros_(dense.dense.bias)


def test_dense_by_hand() -> None:
    bridge = DenseBridge(GRUCell, 2, 1, 2)
    identity(bridge)
    assert torch.equal(bridge(memory_by_hand())[0][0], torch.tensor([[3.0, 4.0], [5.0, 6.0]]).tanh())


def test_mean_by_hand() -> None:
    bridge = MeanBridge(GRUCell, 2, 1, 2)
    identity(bridge.dense)
    assert torch.equal(bridge(memory_by_hand())[0][0], torch.tensor([[2.0, 3.0], [5.0, 6.0]]).tanh())


def test_mean_of_no_word_at_all_is_zero() -> None:
    bridge = MeanBridge(GRUCell, 2, 1, 2)
    identity(bridge.dense)
    empty = Memory(torch.zeros(1, 3, 2), torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, 2))
    assert bridge(empty)[0][0].tolist() == [[0, 0]]


def test_zero_by_hand() -> None:
    states = ZeroBridge(LSTMCell, 3, 2)(memory_by_hand())
    assert [[part.tolist() for part in layer] for layer in states] == [[[[0.0] * 3] * 2] * 2] * 2


def test_dense_gives_every_layer_and_part_its_own_state() -> None:
    parts = [part for layer in DenseBridge(LSTMCell, 3, 2, 2)(memory_by_hand()) for part in layer]
    assert len({tuple(part.flatten().tolist()) for part in parts}) == 4


@pytest.mark.parametrize("encoder", [RecurrentEncoder, GNMTEncoder])
def test_copy_takes_each_layer_as_it_ends(encoder: type[RecurrentEncoder | GNMTEncoder]) -> None:
    built = encoder(LSTMCell, 4, 3, 2, Dropout(0.0))
    memory = built(torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    bridge = CopyBridge(
        LSTMCell, built.memory_size, 2, memory_size=built.memory_size, encoder_cell=LSTMCell, encoder_layers=2
    )
    for state, final in zip(bridge(memory), memory.final_layers, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(state, final, strict=True))


@pytest.mark.parametrize(
    ("cell", "width", "layers", "here"),
    [
        (GRUCell, 6, 2, "2 × 6 GRUCell"),
        (LSTMCell, 5, 2, "2 × 5 LSTMCell"),
        (LSTMCell, 6, 1, "1 × 6 LSTMCell"),
    ],
)
def test_copy_needs_equals(cell: type[Cell], width: int, layers: int, here: str) -> None:
    with pytest.raises(
        ConfigError,
        match=r"model\.decoder\.bridge copy: .* the encoder ends on 2 × 6 LSTMCell, "
        rf"the decoder has {here}: make them equal or choose dense",
    ):
        CopyBridge(cell, width, layers, memory_size=6, encoder_cell=LSTMCell, encoder_layers=2)


def test_the_base_only_promises() -> None:
    with pytest.raises(TypeError, match="Bridge promises a first state"):
        Bridge()(memory_by_hand())
