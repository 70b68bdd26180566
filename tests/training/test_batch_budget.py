"""Finding the token budget."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
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


class Lengths:
    """A corpus of which only the lengths are asked for, and whose batches are their rows."""

    def __init__(self, source, target):
        self.source_lengths, self.target_lengths = np.array(source), np.array(target)

    def batch(self, rows):
        return list(rows)


@pytest.mark.parametrize(
    ("target_tokens", "budget", "words"),
    [
        (100 * MAX_TOKENS, MAX_TOKENS, "more would not train better"),
        (100 * MAX_TOKENS - 1, MAX_TOKENS - 1, "about 100 steps an epoch"),
        (100 * MIN_TOKENS + 100, MIN_TOKENS + 1, "about 100 steps an epoch"),
        (100 * MIN_TOKENS, MIN_TOKENS, "enough for so small a corpus"),
    ],
)
def test_the_budget_at_its_bounds(target_tokens, budget, words):
    found = batch_budget._budget_without_memory_limit(Lengths([1], [target_tokens]), CONFIG)
    assert (found.tokens, found.reason) == (budget, words)


def test_what_just_fits_is_not_limited_by_memory_and_nothing_is_below_the_least(monkeypatch):
    unlimited = found()
    for fitting, expected in ((unlimited.tokens, unlimited.reason), (0, "what fits in the memory of cpu")):
        monkeypatch.setattr(batch_budget, "_extrapolate_on_cpu", lambda *args, fitting=fitting: fitting)
        budget = found()
        assert (budget.tokens, budget.reason) == (max(fitting, MIN_TOKENS), expected)


def test_the_least_budget_is_not_tried():
    def update(batches, learning_rate):
        raise AssertionError("tried")

    assert batch_budget._halve_until_it_fits(update, CORPUS, CONFIG, MIN_TOKENS) == MIN_TOKENS


def test_the_largest_batches_have_most_positions_and_most_attention_weights(monkeypatch):
    # ten pairs of 1 and 9 tokens: 10 · (1 + 9) = 100 positions, 90 weights; five of 9 and 9: 90 and 405
    corpus = Lengths([1] * 10 + [9] * 5 + [2], [9] * 10 + [9] * 5 + [2])
    plan = [[np.arange(15, 16)], [np.arange(10)], [np.arange(10, 15)]]
    monkeypatch.setattr(batch_budget, "epoch_plan", lambda *args, **options: plan)
    largest = batch_budget._largest_batches(corpus, CONFIG, 99)
    assert list(largest) == [list(range(10)), list(range(10, 15))]
