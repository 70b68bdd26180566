"""Finding the token budget."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.errors import ConfigError
from regard.training import Precision, batch_budget, find_batch_budget, run_loop
from regard.training.batch_budget import CPU_SHARE, MAX_TOKENS, MIN_TOKENS
from tests.training.tiny import TinyCorpus, parameter_hash, tiny_model

CONFIG = TrainingConfig(device="cpu", batch_tokens="auto")
FLOAT32 = Precision("float32", "a test")
CORPUS = TinyCorpus(num_pairs=20_000)  # about 100,000 tokens


def found(model=None, corpus=CORPUS, **changes):
    return find_batch_budget(model or tiny_model(), corpus, replace(CONFIG, **changes), FLOAT32)


def test_a_small_corpus_gets_a_hundred_steps_an_epoch():
    budget = found()
    assert str(budget) == f"{budget.tokens:,} target tokens (about 100 steps an epoch)"
    plan = epoch_plan(CORPUS.source_lengths, CORPUS.target_lengths, budget.tokens, seed=1, epoch=0)
    assert 95 <= len(plan) <= 120
    assert found(accumulate=2).tokens == budget.tokens // 2 or found(accumulate=2).tokens == MIN_TOKENS


def test_there_is_a_least_and_a_most(monkeypatch):
    assert found(corpus=TinyCorpus(40)).tokens == MIN_TOKENS
    monkeypatch.setattr(batch_budget, "MIN_STEPS_PER_EPOCH", 1)
    assert found() == batch_budget.BatchBudget(MAX_TOKENS, "more would not train better")


def test_on_the_cpu_the_memory_of_small_batches_is_taken_in_proportion(monkeypatch):
    class Measured:
        def __init__(self, device):
            pass

        def increase_bytes(self):
            return 1_000_000

    unlimited = found().tokens
    assert MIN_TOKENS < unlimited < 1024  # so the probe is that whole batch
    monkeypatch.setattr(batch_budget, "PeakMemory", Measured)
    monkeypatch.setattr(batch_budget, "free_bytes", lambda device: 1_000_000 * 0.9 / CPU_SHARE)
    budget = found()
    assert budget.tokens == pytest.approx(0.9 * unlimited, abs=1)
    assert budget.reason == "what fits in the memory of cpu"


def test_on_a_gpu_it_is_halved_until_the_largest_batches_fit(monkeypatch):
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny_model()

        def forward(self, batch):
            if batch.target.numel() > 7000:
                raise torch.OutOfMemoryError
            return self.inner(batch)

    monkeypatch.setattr(batch_budget, "MIN_STEPS_PER_EPOCH", 1)
    monkeypatch.setattr(batch_budget, "_extrapolate_on_cpu", batch_budget._halve_until_it_fits)
    assert found(Small()).tokens == MAX_TOKENS // 4


def test_model_and_random_generators_stay_as_they_are():
    model = tiny_model()
    before, random = parameter_hash(model), torch.get_rng_state()
    found(model)
    assert parameter_hash(model) == before
    assert torch.equal(torch.get_rng_state(), random)


def test_the_loop_wants_a_number(tmp_path):
    with pytest.raises(ConfigError, match=r"batch_tokens: expected a number here, got auto"):
        run_loop(
            tiny_model(),
            CORPUS,
            CONFIG,
            folder=tmp_path,
            precision=FLOAT32,
            evaluate=lambda model: None,
            save_model=lambda folder, report: None,
        )
