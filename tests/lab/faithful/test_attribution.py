"""What moves the output, against slow obvious ways to measure it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from regard.lab.faithful import attribution
from regard.lab.faithful.attribution import gradient_times_input, leave_one_out, pair_batch
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END
from tests.small import ATTENTIVE, random_batch, small_way

SOURCE, TARGET = (5, 6, 7, 8, 9, END), (4, 9, 6, END)


def forced(model: Seq2Seq, source: tuple[int, ...]) -> list[float]:
    """The log-probability of each token of TARGET, step by step."""
    batch = pair_batch([source], [TARGET])
    state = model.decoder.start(memory := model.encode(batch.source, batch.source_valid))
    found = []
    for last, wanted in zip(batch.previous[0], TARGET, strict=True):
        step = model.decoder.step(last.unsqueeze(0), state, memory)
        state = step.state
        found.append(float(F.log_softmax(model.head(step.combined), dim=-1)[0, 0, wanted].detach()))
    return found


@pytest.mark.parametrize("way", ATTENTIVE)
def test_a_unit_left_out_is_a_shorter_sentence(way: str) -> None:
    model = small_way(way, "general").eval()
    found = leave_one_out(model, SOURCE, TARGET, [0, 0, 1, 2, 2, -1])
    whole = np.array(forced(model, SOURCE))
    without = [(7, 8, 9, END), (5, 6, 8, 9, END), (5, 6, 7, END)]
    expected = np.stack([whole - forced(model, source) for source in without], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_variants_may_be_forced_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_way("bahdanau", "additive").eval()
    places = [0, 1, 2, 3, 4, -1]
    whole = leave_one_out(model, SOURCE, TARGET, places)
    monkeypatch.setattr(attribution, "_MAX_LOG_PROBABILITIES", 1)
    np.testing.assert_allclose(leave_one_out(model, SOURCE, TARGET, places), whole, atol=1e-5)


@pytest.mark.parametrize("way", ATTENTIVE)
def test_the_gradient_says_what_a_little_more_of_a_token_does(way: str) -> None:
    model = small_way(way, "general").double().eval()
    batch = random_batch((5, 3), (2, 4))
    found = gradient_times_input(model, batch)
    assert found.shape == (2, 4, 5)
    assert not found.requires_grad
    little = 1e-6
    for place in range(5):
        more, less = (likely(model, batch, place, 1 + sign * little) for sign in (1, -1))
        expected = (more - less) / (2 * little)  # the derivative by the scale of x_s is x_s times that by x_s
        valid = batch.target_valid
        torch.testing.assert_close(found[..., place][valid], expected[valid], atol=1e-6, rtol=1e-6)


@torch.no_grad()
def likely(model: Seq2Seq, batch: Batch, place: int, scale: float) -> torch.Tensor:
    """(B, T) log-probabilities with one source embedding scaled."""
    embedded = model.embedding(batch.source).clone()
    embedded[:, place] *= scale
    memory = model.encode_embedded(embedded, batch.source_valid)
    combined = model.decoder.unroll(batch.previous, memory).combined
    return model.log_probabilities(combined).gather(2, batch.target.unsqueeze(2)).squeeze(2)


def test_gradients_leave_the_model_as_it_was() -> None:
    model = small_way("luong", "dot").eval()
    gradient_times_input(model, random_batch())
    assert all(parameter.grad is None for parameter in model.parameters())
