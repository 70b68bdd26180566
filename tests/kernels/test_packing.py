"""A batch without its padding, and cells that read it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from regard import kernels
from regard.recurrent import CELLS, run
from tests.kernels.agreement import check_agreement, leaves, of_numba

pytestmark = of_numba
PLACES, SIZE, WIDTH = 7, 12, 10


def some_places(sentences: int) -> Tensor:
    """Real places, with gaps; a sentence that has none and one that has all."""
    valid = torch.rand(sentences, PLACES) > 0.4
    valid[0], valid[-1] = False, True
    return valid


def packed(valid: Tensor, batch: Tensor) -> kernels.Packing:
    """The packing, which there is."""
    found = kernels.packing(valid, batch)
    assert found is not None
    return found


def test_rows_stand_as_in_a_packed_sequence_of_torch() -> None:
    lengths = torch.tensor([3, 6, 1, 7, 2])
    batch, valid = torch.randn(5, PLACES, WIDTH), torch.arange(PLACES) < lengths.unsqueeze(1)
    expected = pack_padded_sequence(batch, lengths, batch_first=True, enforce_sorted=False)
    packing = packed(valid, batch)
    assert packing.counts == expected.batch_sizes.tolist()
    rows = packing.pack(batch, False, torch.float32)
    torch.testing.assert_close(rows[: len(expected.data)], expected.data, atol=0, rtol=0)
    assert not rows[len(expected.data) :].any()
    turned = torch.stack(
        [sentence.roll(PLACES - int(n), 0).flip(0) for sentence, n in zip(batch, lengths, strict=True)]
    )
    expected = pack_padded_sequence(turned, lengths, batch_first=True, enforce_sorted=False)
    rows = packing.pack(batch, True, torch.float32)
    torch.testing.assert_close(rows[: len(expected.data)], expected.data, atol=0, rtol=0)


@pytest.mark.parametrize("sentences", [1, 5, 80])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_batch_comes_back_with_zeros_at_its_padding(reverse: bool, sentences: int) -> None:
    batch, valid = torch.randn(sentences, PLACES, WIDTH), some_places(sentences)
    packing = packed(valid, batch)
    back = packing.unpack(packing.pack(batch, reverse, torch.float32), reverse)
    torch.testing.assert_close(back, batch * valid.unsqueeze(-1), atol=0, rtol=0)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sentences", [1, 5, 70])
def test_a_cell_over_a_packed_batch(sentences: int, reverse: bool, cell: str) -> None:
    module, valid = CELLS[cell](WIDTH, SIZE), some_places(sentences)
    weights = list(module.parameters())
    inputs = leaves((sentences, PLACES, WIDTH), *[(sentences, SIZE)] * len(module.parts))

    def over(batch: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        packing = kernels.packing(valid, batch)
        states, last = run(module, batch, state[: len(module.parts)], valid, reverse, packing)
        return states, *last

    check_agreement(over, [*inputs, *weights])


def test_a_batch_of_padding_alone_keeps_its_states() -> None:
    module, valid = CELLS["lstm"](WIDTH, SIZE), torch.zeros(3, PLACES, dtype=torch.bool)
    batch, *start = leaves((3, PLACES, WIDTH), (3, SIZE), (3, SIZE))
    states, last = run(module, batch, tuple(start), valid, packing=packed(valid, batch))
    assert not states.any()
    torch.testing.assert_close(last, tuple(start))
    (states.sum() + last[0].sum()).backward()
    assert batch.grad is not None
    assert not batch.grad.any()
    torch.testing.assert_close(start[0].grad, torch.ones(3, SIZE))


def test_a_cell_without_kernels_leaves_the_batch_as_it_is() -> None:
    module, valid = CELLS["rnn"](WIDTH, SIZE), some_places(5)
    batch = torch.randn(5, PLACES, WIDTH)
    made = [run(module, batch, module.zero(5), valid, packing=how)[0] for how in (None, packed(valid, batch))]
    torch.testing.assert_close(*made)


def test_nothing_is_packed_for_those_who_only_read() -> None:
    with torch.no_grad():
        assert kernels.packing(some_places(3), torch.randn(3, PLACES, WIDTH)) is None


def test_what_stands_at_real_places() -> None:
    valid = some_places(9)

    def without(batch: Tensor) -> Tensor:
        return kernels.remove_padding(batch, valid)

    (batch,) = leaves((9, PLACES, WIDTH))
    torch.testing.assert_close(without(batch), batch[valid], atol=0, rtol=0)
    check_agreement(without, [batch])
