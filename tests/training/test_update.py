from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from regard.config import TrainingConfig
from regard.errors import ConfigError
from regard.training import Precision
from regard.training.precision import make_fabric
from regard.training.update import Update
from tests.training.tiny import TinyCorpus, tiny_model

CONFIG = TrainingConfig(device="cpu", clip_norm=0)
FLOAT32 = Precision("float32", "a test")


def gradients(model):
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize("cuts", [[40], [10, 40], [1, 2, 30, 40]])
def test_the_gradient_is_that_of_the_mean_over_all_tokens_however_the_batch_is_cut(cuts):
    corpus, model, plain = TinyCorpus(), tiny_model(dropout=0), tiny_model(dropout=0)
    loss = plain(corpus.batch(np.arange(40)))
    (loss.total / loss.num_tokens).backward()

    starts = [0, *cuts[:-1]]
    batches = [corpus.batch(np.arange(a, b)) for a, b in zip(starts, cuts, strict=True)]
    done = Update(make_fabric(CONFIG, FLOAT32), model, CONFIG)(batches, 0.001)

    for ours, theirs in zip(gradients(model), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert done.tokens == loss.num_tokens
    assert done.loss == pytest.approx(loss.nll.item() / loss.num_tokens)
    norm = torch.cat([g.flatten() for g in gradients(plain)]).norm().item()
    assert done.gradient_norm == pytest.approx(norm)


def test_clipping_scales_the_gradient_to_the_norm_and_reports_the_norm_before():
    config = TrainingConfig(device="cpu", clip_norm=0.01)
    model = tiny_model()
    done = Update(make_fabric(config, FLOAT32), model, config)([TinyCorpus().batch(np.arange(9))], 0.001)
    after = torch.cat([g.flatten() for g in gradients(model)]).norm().item()
    assert done.gradient_norm > 0.01
    assert after == pytest.approx(0.01, rel=1e-3)


def test_the_first_adam_step_moves_every_parameter_by_the_learning_rate():
    # Kingma & Ba 2015: at the first step m/(sqrt(v)+eps) is the sign of the gradient
    model = tiny_model(dropout=0)
    before = model.head.bias.detach().clone()
    Update(make_fabric(CONFIG, FLOAT32), model, CONFIG)([TinyCorpus().batch(np.arange(40))], 0.125)
    torch.testing.assert_close(model.head.bias.detach() - before, -0.125 * model.head.bias.grad.sign())


def test_bfloat16_multiplies_low_and_keeps_weights_and_gradients_in_float32():
    seen, model = [], tiny_model()
    model.head.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    update = Update(make_fabric(CONFIG, Precision("bfloat16", "a test")), model, CONFIG)
    assert update([TinyCorpus().batch(np.arange(9))], 0.001).applied
    assert seen == [torch.bfloat16]
    assert {p.dtype for p in model.parameters()} == {g.dtype for g in gradients(model)} == {torch.float32}


def test_the_first_sgd_step_is_the_gradient_times_the_rate_and_momentum_takes_some_of_it_again():
    config = replace(CONFIG, optimiser="sgd", momentum=0.5)
    model, corpus = tiny_model(dropout=0), TinyCorpus()
    update = Update(make_fabric(config, FLOAT32), model, config)
    biases = [model.head.bias.detach().clone()]
    slopes = []
    for _ in range(2):
        update([corpus.batch(np.arange(40))], 0.25)
        biases.append(model.head.bias.detach().clone())
        slopes.append(model.head.bias.grad.clone())
    torch.testing.assert_close(biases[1], biases[0] - 0.25 * slopes[0])
    torch.testing.assert_close(biases[2], biases[1] - 0.25 * (slopes[1] + 0.5 * slopes[0]))


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: ..."
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:73] data. DefaultCPUAllocator: not enough memory: you tried ..."
    ),
]


class Small(nn.Module):
    """A tiny model on a device where batches of more than `fitting` pairs do not fit."""

    def __init__(self, fitting, error, in_backward):
        super().__init__()
        self.inner = tiny_model(dropout=0)
        self.fitting, self.error, self.in_backward = fitting, error, in_backward
        self.tried = []

    def forward(self, batch):
        self.tried.append(len(batch.source))
        loss = self.inner(batch)
        if len(batch.source) > self.fitting:
            if not self.in_backward:
                raise self.error
            self.inner.embedding.weight.register_hook(self.fail)  # the head has its gradient by then
        return loss

    def fail(self, gradient):
        if self.tried[-1] > self.fitting:
            raise self.error
        return gradient


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "python", "linux", "windows"])
@pytest.mark.parametrize("in_backward", [False, True])
@pytest.mark.parametrize("fitting", [7, 1])
def test_a_batch_that_does_not_fit_is_cut_and_its_gradient_is_that_of_the_whole(error, in_backward, fitting):
    corpus, plain = TinyCorpus(), tiny_model(dropout=0)
    batches = [corpus.batch(np.arange(5)), corpus.batch(np.arange(5, 40))]
    whole = Update(make_fabric(CONFIG, FLOAT32), plain, CONFIG)(batches, 0.001)
    small = Small(fitting, error, in_backward)

    done = Update(make_fabric(CONFIG, FLOAT32), small, CONFIG)(batches, 0.001)

    for ours, theirs in zip(gradients(small), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert done.split == (1 if fitting >= 5 else 2)
    assert whole.split == 0
    assert (done.tokens, done.applied) == (whole.tokens, True)
    assert done.loss == pytest.approx(whole.loss)
    assert max(small.tried[-2:]) <= fitting


def test_a_single_pair_that_does_not_fit_is_an_error():
    small = Small(0, MemoryError(), in_backward=False)
    batch = TinyCorpus().batch(np.arange(3))
    with pytest.raises(ConfigError, match=r"a single pair of \d+ source and \d+ target tokens does not fit"):
        Update(make_fabric(CONFIG, FLOAT32), small, CONFIG)([batch], 0.001)


def test_other_errors_are_not_taken_for_missing_memory():
    small = Small(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"), in_backward=False)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        Update(make_fabric(CONFIG, FLOAT32), small, CONFIG)([TinyCorpus().batch(np.arange(3))], 0.001)


class FirstOfTwoRanks:
    """A Fabric whose sums over ranks add what a second rank would."""

    world_size = 2

    def __init__(self, fabric, *of_the_other):
        self._fabric, self._of_the_other = fabric, list(of_the_other)

    def __getattr__(self, name):
        return getattr(self._fabric, name)

    def all_reduce(self, value, reduce_op):
        assert reduce_op == "sum"
        return value + self._of_the_other.pop(0)


def test_the_loss_is_divided_by_the_tokens_of_all_ranks():
    # gradients are averaged over ranks afterwards, so this rank's counts twice
    batch, model, plain = TinyCorpus().batch(np.arange(9)), tiny_model(dropout=0), tiny_model(dropout=0)
    loss = plain(batch)
    (loss.total * 2 / (loss.num_tokens + 30)).backward()
    fabric = FirstOfTwoRanks(make_fabric(CONFIG, FLOAT32), 30, 12.5)  # its tokens, its log-likelihood
    update = Update(fabric, model, CONFIG, capture=lambda launch: launch)
    done = update([batch], 0.001)
    for ours, theirs in zip(gradients(model), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert done.tokens == loss.num_tokens + 30
    assert done.loss == pytest.approx((loss.nll.item() + 12.5) / (loss.num_tokens + 30))
    assert update._graphs is None  # ranks exchange gradients, which no graph captures


def test_the_norm_at_which_clipping_begins_is_not_clipped():
    batch, weights = TinyCorpus().batch(np.arange(9)), []
    norm = Update(make_fabric(CONFIG, FLOAT32), tiny_model(dropout=0), CONFIG)([batch], 0.1).gradient_norm
    for clip_norm in (0.0, norm, 2 * norm):
        config, model = replace(CONFIG, clip_norm=clip_norm, optimiser="sgd"), tiny_model(dropout=0)
        Update(make_fabric(config, FLOAT32), model, config)([batch], 0.1)
        weights.append(model.head.bias.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_is_not_applied(broken):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny_model(dropout=0)

        def forward(self, batch):
            loss = self.inner(batch)
            if broken == "loss":
                return replace(loss, nll=loss.nll * float("inf"))
            return replace(loss, total=loss.total * float("nan"))

    model = Broken()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    done = Update(make_fabric(CONFIG, FLOAT32), model, CONFIG)([TinyCorpus().batch(np.arange(9))], 0.1)
    assert not done.applied
    for one, other in zip(before, model.parameters(), strict=True):
        assert torch.equal(one, other)
