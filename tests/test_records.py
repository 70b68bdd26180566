"""The methods of records."""

from __future__ import annotations

import pytest
import torch

from regard.records.tensors import AttentionStep, Batch, DecoderState, Memory
from regard.records.text import END, PAD, SPECIALS, START, UNKNOWN, Links


def test_the_special_tokens_come_first() -> None:
    assert [SPECIALS[token] for token in (PAD, UNKNOWN, START, END)] == ["<pad>", "<unk>", "<s>", "</s>"]


def test_sure_links_are_possible_too() -> None:
    links = Links(sure=frozenset({(0, 1)}), possible=frozenset({(2, 2)}))
    assert links.possible == {(0, 1), (2, 2)}
    assert links.sure == {(0, 1)}
    assert Links() == Links(frozenset(), frozenset())


def batch() -> Batch:
    target = torch.tensor([[7, 8, END], [9, END, PAD]])
    return Batch(target[:, 1:], target[:, 1:] != PAD, target, target != PAD)


def test_the_decoder_has_seen_the_previous_tokens() -> None:
    assert batch().previous.tolist() == [[START, 7, 8], [START, 9, END]]


def test_padding_is_no_token() -> None:
    assert batch().num_tokens == 5


def test_a_batch_moves_whole() -> None:
    moved = batch().to("meta")
    parts = (moved.source, moved.source_valid, moved.target, moved.target_valid)
    assert {part.device.type for part in parts} == {"meta"}
    assert torch.equal(batch().to("cpu").target, batch().target)


def test_the_halves_of_a_batch_are_its_pairs_without_needless_padding() -> None:
    first, second = batch().halves()
    assert first.target.tolist() == [[7, 8, END]]
    assert second.target.tolist() == [[9, END]]
    assert second.source.tolist() == [[END]]
    assert first.num_tokens + second.num_tokens == batch().num_tokens


def memory() -> Memory:
    values = torch.arange(12.0).reshape(3, 2, 2)
    final = values[:, -1]
    return Memory(
        values, torch.tensor([[True, True], [True, False], [True, True]]), final, values, ((final, final),)
    )


@pytest.mark.parametrize("rows", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_sentences_are_selected_from_every_part_of_a_memory(rows: torch.Tensor) -> None:
    whole, part = memory(), memory().select(rows)
    assert torch.equal(part.values, whole.values[rows])
    assert torch.equal(part.valid, whole.valid[rows])
    assert torch.equal(part.final, whole.final[rows])
    assert part.keys is not None
    assert torch.equal(part.keys, whole.values[rows])
    assert [[tensor.tolist() for tensor in layer] for layer in part.final_layers] == [
        [part.final.tolist()] * 2
    ]


def test_a_memory_without_keys_stays_without() -> None:
    assert Memory(memory().values, memory().valid, memory().final).select(torch.tensor([1])).keys is None


def test_rows_are_selected_from_every_part_of_a_state() -> None:
    state = DecoderState({"layer0.hidden": torch.tensor([[1.0], [2.0]]), "step": torch.tensor([5, 6])})
    chosen = state.select(torch.tensor([1, 1, 0]))
    assert chosen["layer0.hidden"].tolist() == [[2], [2], [1]]
    assert chosen["step"].tolist() == [6, 6, 5]
    assert list(chosen) == list(state) == ["layer0.hidden", "step"]


def test_a_group_is_named_by_its_prefix() -> None:
    one = torch.tensor([1])
    state = DecoderState(
        {"attention.previous": one, "attention.coverage": one, "attentive": one, "layer0": one}
    )
    assert set(state.group("attention")) == {"previous", "coverage"}
    assert state.group("nothing") == {}


def test_alignment_by_hand() -> None:
    # weights ¼ and ¾ on (0, 1) and (2, 3): (0, ¼) and (1½, 2¼)
    step = AttentionStep(torch.zeros(1, 1, 2), torch.tensor([[[0.25, 0.75]]]), torch.zeros(1, 1, 2))
    assert step.alignment(memory().select(torch.tensor([0]))).tolist() == [[[[0, 0.25], [1.5, 2.25]]]]


def test_shapes_are_checked_while_testing() -> None:
    with pytest.raises(Exception, match="valid"):
        Memory(torch.zeros(2, 3, 4), torch.ones(2, 5, dtype=torch.bool), torch.zeros(2, 4))
