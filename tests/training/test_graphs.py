from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from regard.config import TrainingConfig
from regard.records.tensors import Batch
from regard.records.text import PAD
from regard.training import Precision
from regard.training.graphs import GraphCache, Launch, Shape, round_up
from regard.training.precision import choose_precision, make_fabric
from regard.training.update import Update
from tests.small import random_batch, small_model

CONFIG = TrainingConfig(device="cpu", clip_norm=1.0)
FLOAT32 = Precision("float32", "a test")
LENGTHS = [
    ((5, 3, 1), (2, 4, 1)),
    ((6, 2, 7, 1), (1, 3, 2, 2)),
    ((9, 4), (5, 6)),
    ((3, 8, 2), (4, 1, 3)),
    ((10, 1), (8, 2)),
]


def replayed_later(run: Launch) -> Launch:
    """What stands for a recording where there is no GPU: to play is to run."""
    return run


def update_of(model: torch.nn.Module, record: Callable[[Launch], Launch] | None) -> Update:
    return Update(make_fabric(CONFIG, FLOAT32), model.train(), CONFIG, record)


def trained(record: Callable[[Launch], Launch] | None) -> tuple[list[float], list[Tensor], Update]:
    """A few steps over batches of different shapes, some of two batches."""
    torch.manual_seed(3)
    model = small_model("luong", label_smoothing=0.1)
    batches = [random_batch(*lengths) for lengths in LENGTHS]
    update = update_of(model, record)
    losses = [
        update(taken, 0.01).loss
        for _ in range(3)
        for taken in ([batches[0]], batches[1:3], [batches[3]], [batches[4]])
    ]
    return losses, [weight.detach().clone() for weight in model.parameters()], update


@pytest.mark.parametrize(
    ("number", "parts", "expected"),
    [(1, 4, 4), (4, 4, 4), (5, 4, 8), (17, 4, 20), (32, 4, 32), (33, 4, 40), (65, 4, 80), (65, 8, 72)],
)
def test_numbers_are_rounded_up_to_even_steps(number: int, parts: int, expected: int) -> None:
    assert round_up(number, parts) == expected


@pytest.mark.parametrize(("parts", "most_different"), [(4, 24), (8, 40)])
def test_few_numbers_are_left_and_none_is_much_larger(parts: int, most_different: int) -> None:
    found = [round_up(number, parts) for number in range(1, 513)]
    assert all(
        number <= rounded < max(number * (1 + 1 / parts), number + 4)
        for number, rounded in enumerate(found, 1)
    )
    assert [round_up(rounded, parts) for rounded in found] == found
    assert len(set(found)) <= most_different


def test_a_batch_is_filled_up_with_padding() -> None:
    batch = random_batch((5, 3, 1), (2, 6, 1))
    shape = Shape.of(batch)
    filled = shape.pad(batch)
    assert shape == Shape(rows=4, source=8, target=8) == Shape.of(filled)
    assert filled.fixed
    assert torch.equal(filled.source[:3, :5], batch.source)
    assert torch.equal(filled.target[:3, :6], batch.target)
    assert filled.source_valid.sum() == batch.source_valid.sum()
    assert filled.num_tokens == batch.num_tokens
    assert (filled.source[:, 5:] == PAD).all()
    assert not filled.target_valid[3:].any()


def test_steps_are_the_same_with_and_without_recording() -> None:
    losses, weights, _ = trained(None)
    recorded_losses, recorded_weights, update = trained(replayed_later)
    assert update._graphs is not None
    assert len(update._graphs) == 2  # the five shapes become two
    assert recorded_losses == pytest.approx(losses, rel=1e-5)
    for ours, theirs in zip(recorded_weights, weights, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    assert trained(None)[2]._graphs is None


def sums(batch: Batch, scale: Tensor) -> Tensor:
    """A pass that costs as much as there are real tokens."""
    return batch.target_valid.sum() * scale


def graphs_of(
    take: Callable[[Batch, Tensor], Tensor] = sums,
    record: Callable[[Launch], Launch] = replayed_later,
    most: int = 64,
) -> tuple[GraphCache, torch.nn.Parameter]:
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.zeros(1)
    return GraphCache(take, [weight], record, most), weight


def test_a_shape_is_recorded_when_it_comes_again_and_only_so_many_are() -> None:
    graphs, _ = graphs_of(most=1)
    small, large = random_batch((2,), (3,)), random_batch((30,), (30,))
    held = []
    for batch in (small, small, large, large, small):
        assert graphs(batch, 0.5) == batch.num_tokens * 0.5
        held.append(len(graphs))
    assert held == [0, 1, 1, 1, 1]


def test_what_is_played_is_the_batch_of_now() -> None:
    graphs, _ = graphs_of()
    batches = [random_batch((2, 4), lengths) for lengths in ((3, 1), (4, 4), (1, 2))]
    assert [int(graphs(batch, 1.0)) for batch in batches] == [4, 8, 3]


def test_gradients_are_added_once_however_often_a_recording_runs() -> None:
    def take(batch: Batch, scale: Tensor) -> Tensor:
        weight.grad += scale
        return scale

    def record(run: Launch) -> Launch:
        run()  # as warming up does
        return run

    graphs, weight = graphs_of(take, record)
    for number in (1, 2, 3):
        graphs(random_batch(), 2.0)
        assert weight.grad == 2.0 * number


def test_a_recording_that_fails_is_told_once_and_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def record(run: Launch) -> Launch:
        raise RuntimeError("operation not permitted when stream is capturing")

    graphs, _ = graphs_of(record=record)
    batch = random_batch()
    assert [int(graphs(batch, 1.0)) for _ in range(4)] == [batch.num_tokens] * 4
    assert len(graphs) == 0
    assert caplog.text.count("continues without CUDA graphs") == 1


def test_missing_memory_is_left_to_whoever_cuts_batches() -> None:
    def record(run: Launch) -> Launch:
        raise torch.OutOfMemoryError("CUDA out of memory")

    graphs, _ = graphs_of(record=record)
    graphs(random_batch(), 1.0)
    with pytest.raises(torch.OutOfMemoryError):
        graphs(random_batch(), 1.0)


def test_graphs_are_forgotten_where_weights_or_gradients_have_moved() -> None:
    graphs, weight = graphs_of()
    for _ in range(2):
        graphs(random_batch(), 1.0)
    weight.grad = torch.zeros(2)[1:]
    graphs(random_batch((30,), (30,)), 1.0)
    assert len(graphs) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_on_a_gpu_recorded_steps_are_those_that_are_not(dropout: float) -> None:
    device = torch.device("cuda")
    config = replace(CONFIG, device="cuda")
    model = small_model("luong")
    model.dropout.share = dropout
    found = []
    for graphs in ("auto", "off"):
        own = copy.deepcopy(model).to(device).train()
        fabric = make_fabric(config, choose_precision("auto", device, 6))
        update = Update(fabric, own, replace(config, graphs=graphs))
        if graphs == "off":  # the same passes, none of them recorded
            update._graphs = GraphCache(
                update._forward_backward, own.parameters(), rereplayed_later, max_graphs=0
            )
        torch.manual_seed(5)
        batches = [random_batch(*lengths) for lengths in LENGTHS]
        losses = [update([batch], 0.01).loss for _ in range(4) for batch in batches]
        assert update._graphs is not None
        assert len(update._graphs) == (2 if graphs == "auto" else 0)
        found.append((losses, [weight.detach().clone() for weight in own.parameters()]))
    (played, ours), (taken, theirs) = found
    assert played == pytest.approx(taken, rel=1e-4)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
