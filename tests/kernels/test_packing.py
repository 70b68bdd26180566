"""Batches without their padding, and cells that run over them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from regard import kernels
from regard.recurrent import CELLS, run
from tests.kernels.agreement import check_agreement, leaves, of_numba
from tests.kernels.loops import check_loop

pytestmark = of_numba
POSITIONS, SIZE, WIDTH = 7, 12, 10


def some_positions(sentences: int) -> Tensor:
    """Real positions, with gaps; a sentence that has none and one that has all."""
    valid = torch.rand(sentences, POSITIONS) > 0.4
    valid[0], valid[-1] = False, True
    return valid


def packed(valid: Tensor, batch: Tensor) -> kernels.Packing:
    """Pack a batch that can be packed."""
    packing = kernels.packing(valid, batch)
    assert packing is not None
    return packing


def test_rows_lie_as_in_a_packed_sequence_of_torch() -> None:
    lengths = torch.tensor([3, 6, 1, 7, 2])
    batch, valid = torch.randn(5, POSITIONS, WIDTH), torch.arange(POSITIONS) < lengths.unsqueeze(1)
    expected = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
    packing = packed(valid, batch)
    assert packing.counts == expected.batch_sizes.tolist()
    rows = packing.pack(batch, False, torch.float32)
    torch.testing.assert_close(rows[: len(expected.data)], expected.data, atol=0, rtol=0)
    assert not rows[len(expected.data) :].any()
    reversed_batch = torch.stack(
        [sentence.roll(POSITIONS - int(n), 0).flip(0) for sentence, n in zip(batch, lengths, strict=True)]
    )
    expected = pack_padded_sequence(reversed_batch, lengths, batch_first=True, enforce_sorted=False)
    rows = packing.pack(batch, True, torch.float32)
    torch.testing.assert_close(rows[: len(expected.data)], expected.data, atol=0, rtol=0)


@pytest.mark.parametrize("sentences", [1, 5, 80])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_batch_comes_back_with_zeros_at_its_padding(reverse: bool, sentences: int) -> None:
    batch, valid = torch.randn(sentences, POSITIONS, WIDTH), some_positions(sentences)
    packing = packed(valid, batch)
    back = packing.unpack(packing.pack(batch, reverse, torch.float32), reverse)
    torch.testing.assert_close(back, batch * valid.unsqueeze(-1), atol=0, rtol=0)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sentences", [1, 5, 70])
def test_a_cell_over_a_packed_batch(sentences: int, reverse: bool, cell: str) -> None:
    module, valid = CELLS[cell](WIDTH, SIZE), some_positions(sentences)
    weights = list(module.parameters())
    inputs = leaves((sentences, POSITIONS, WIDTH), *[(sentences, SIZE)] * len(module.parts))

    def over(batch: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        packing = kernels.packing(valid, batch)
        states, last = run(module, batch, state[: len(module.parts)], valid, reverse, packing)
        return states, *last

    check_loop(over, [*inputs, *weights])


def test_a_batch_of_padding_alone_keeps_its_states() -> None:
    module, valid = CELLS["lstm"](WIDTH, SIZE), torch.zeros(3, POSITIONS, dtype=torch.bool)
    batch, *start = leaves((3, POSITIONS, WIDTH), (3, SIZE), (3, SIZE))
    states, last = run(module, batch, tuple(start), valid, packing=packed(valid, batch))
    assert not states.any()
    torch.testing.assert_close(last, tuple(start))
    (states.sum() + last[0].sum()).backward()
    assert batch.grad is not None
    assert not batch.grad.any()
    torch.testing.assert_close(start[0].grad, torch.ones(3, SIZE))


def test_a_cell_without_kernels_leaves_the_batch_as_it_is() -> None:
    module, valid = CELLS["rnn"](WIDTH, SIZE), some_positions(5)
    batch = torch.randn(5, POSITIONS, WIDTH)
    found = [
        run(module, batch, module.zero(5), valid, packing=packing)[0]
        for packing in (None, packed(valid, batch))
    ]
    torch.testing.assert_close(*found)


def test_nothing_is_packed_in_inference() -> None:
    with torch.no_grad():
        assert kernels.packing(some_positions(3), torch.randn(3, POSITIONS, WIDTH)) is None


def test_padding_is_removed_and_its_gradient_is_zero() -> None:
    valid = some_positions(9)

    def without(batch: Tensor) -> Tensor:
        return kernels.remove_padding(batch, valid)

    (batch,) = leaves((9, POSITIONS, WIDTH))
    torch.testing.assert_close(without(batch), batch[valid], atol=0, rtol=0)
    check_agreement(without, [batch])
