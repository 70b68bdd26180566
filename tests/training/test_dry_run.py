from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.training import Precision, describe_dry_run, measure_dry_run
from regard.training.dry_run import parameters_by_part
from tests.training.tiny import VOCABULARY, TinyCorpus, TinyModel, parameter_hash, tiny_model

CONFIG = TrainingConfig(epochs=3, batch_tokens=40, accumulate=2, device="cpu")
FLOAT32 = Precision("float32", "a test")


def measured(model=None, corpus=None):
    return measure_dry_run(model or tiny_model(), corpus or TinyCorpus(), CONFIG, FLOAT32, (12, 13))


def test_counts():
    corpus = TinyCorpus()
    facts = measured(corpus=corpus)
    plan = epoch_plan(corpus.source_lengths, corpus.target_lengths, 40, CONFIG.seed, 0)
    assert facts.parameters == {"embedding": 12 * 8, "head": 12 * 8 + 12}
    assert facts.num_pairs == 40
    assert facts.target_tokens == corpus.target_lengths.sum()
    assert facts.batches_per_epoch == len(plan)
    assert facts.steps_per_epoch == (len(plan) + 1) // 2
    assert facts.total_steps == 3 * facts.steps_per_epoch
    sizes = [len(r) * (corpus.source_lengths[r].max() + corpus.target_lengths[r].max()) for (r,) in plan]
    sentences, source, target = facts.largest_batch
    assert sentences * (source + target) == max(sizes)


def test_model_and_random_generators_stay_as_they_are():
    model = tiny_model().eval()
    before, random = parameter_hash(model), torch.get_rng_state()
    measured(model)
    assert parameter_hash(model) == before
    assert torch.equal(torch.get_rng_state(), random)
    assert not model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_shared_matrix_counts_once():
    model = TinyModel()
    model.head.weight = model.embedding.weight
    assert parameters_by_part(model) == {"embedding": VOCABULARY * 8, "head": VOCABULARY}


class Hungry(TinyModel):
    """Keeps 64 MiB for the backward pass, but only for the largest batch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, batch):
        loss = super().forward(batch)
        if batch.source.numel() + batch.target.numel() == self.size:
            held = torch.ones(2**24)
            loss.total.register_hook(lambda grad: grad * held[0])
        return loss


def test_the_memory_is_that_of_the_largest_batch():
    corpus = TinyCorpus()
    sentences, source, target = measured(corpus=corpus).largest_batch
    size = sentences * (source + target)
    assert 60 <= measured(Hungry(size), corpus).batch_mebibytes < 128
    assert measured().batch_mebibytes < 32


def test_lines_say_it_all():
    facts = measured()
    text = "\n".join(describe_dry_run(facts))
    for part in (
        "204 (embedding 96, head 108)",
        "source 12, target 13",
        "40 pairs",
        "precision      float32",
    ):
        assert part in text
    assert f"{facts.total_steps:,} steps at most" in text


@pytest.mark.parametrize(
    ("changes", "copies"),
    [
        ({}, 4),  # weight, gradient, Adam's two moments
        ({"ema": 0.9}, 5),
        ({"optimiser": "sgd"}, 2),
        ({"optimiser": "sgd", "momentum": 0.9}, 3),
    ],
)
def test_the_memory_beside_the_batch_is_counted(changes, copies):
    facts = measure_dry_run(tiny_model(), TinyCorpus(), replace(CONFIG, **changes), FLOAT32, (12, 13))
    assert facts.state_mebibytes == pytest.approx(204 * 4 * copies / 2**20)
