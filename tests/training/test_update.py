from __future__ import annotations

import numpy as np
import pytest
import torch

from regard.config import TrainingConfig
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
