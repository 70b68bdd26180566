"""Two processes on one machine take the step that one process would take."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from regard.config import TrainingConfig
from regard.training.update import Update
from tests.training.tiny import TinyCorpus, tiny_model

CONFIG = TrainingConfig(clip_norm=0)
SHARES = [[range(3), range(3, 9)], [range(9, 30), range(30, 40)]]  # [batch][rank], of unequal size


def step_of_one_rank(fabric, folder):
    torch.set_num_threads(1)
    model, corpus = tiny_model(dropout=0), TinyCorpus()
    update = Update(fabric, model, CONFIG)
    done = update([corpus.batch(np.array(ranks[fabric.global_rank])) for ranks in SHARES], 0.001)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    reported = torch.tensor([done.loss, done.tokens], dtype=torch.float64)
    save_file(gradients | {"reported": reported}, folder / f"{fabric.global_rank}.safetensors")


@pytest.mark.slow
def test_the_loss_is_normalised_by_the_tokens_of_all_ranks(tmp_path):
    from lightning_fabric import Fabric

    Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(step_of_one_rank, tmp_path)

    plain = tiny_model(dropout=0)
    loss = plain(TinyCorpus().batch(np.arange(40)))
    (loss.total / loss.num_tokens).backward()
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        assert found.pop("reported").tolist() == pytest.approx(
            [loss.nll.item() / loss.num_tokens, loss.num_tokens]
        )
        for name, parameter in plain.named_parameters():
            torch.testing.assert_close(found[name], parameter.grad)
