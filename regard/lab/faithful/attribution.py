"""Attribution: how much each source unit matters to each output token, measured without attention.

Both measures are in nats of the log-probability of a known target, under teacher forcing. A unit is what
`explain.source_units` returns: a word, or a token if the source is a single word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import PAD

Matrix = NDArray[np.float64]
_MAX_LOG_PROBABILITIES = 2**25  # held at once: 128 MB


def pair_batch(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], device: torch.device | str = "cpu"
) -> Batch:
    """Return a batch of sentence pairs given as ids, including END, padded to the longest on each side."""
    source, source_valid = _padded(sources)
    target, target_valid = _padded(targets)
    return Batch(source, source_valid, target, target_valid).to(device)


@torch.inference_mode()
def leave_one_out(
    model: Seq2Seq, source: Sequence[int], target: Sequence[int], units: Sequence[int]
) -> Matrix:
    """Return how much less probable each output token becomes when a source unit is removed: (T, units).

    log p(y_t | y_<t, x) − log p(y_t | y_<t, x without the unit); negative where the unit lowered it.
    `units` holds the unit of each source token, −1 for none. All tokens of the unit are deleted, and the rest
    moves up. All variants of the sentence are forced through `target` in one batch. Source: Li et al. 2016
    (Representation erasure), section 3, whose difference is relative to log p; leave-one-out in Jain & Wallace
    2019, algorithm 1, which takes the distance between the two distributions instead.
    """
    variants = [
        [token for token, unit in zip(source, units, strict=True) if unit != removed]
        for removed in range(max(units) + 1)
    ]
    chunk_size = max(1, _MAX_LOG_PROBABILITIES // (len(target) * model.head.out_features))
    whole, *erased = [
        row
        for chunk in _chunks([list(source), *variants], chunk_size)
        for row in _forced(model, chunk, target)
    ]
    return np.stack([whole - row for row in erased], axis=1)


def gradient_times_input(model: Seq2Seq, batch: Batch) -> Float[Tensor, "B T S"]:
    """Return, to first order, what each source token's embedding adds to each output token's log-probability.

    x_s · ∂ log p(y_t | y_<t, x) / ∂x_s, where x_s is the embedding: the change, were the model linear, if x_s
    became 0. The gradient flows through everything, including the attention weights (Jain & Wallace 2019 hold
    these fixed).
    Source: Shrikumar et al. 2016 (Not just a black box), section 2; Kindermans et al. 2016 (Influence of noise and
    distractors), equation 3.
    """
    embedded = model.embedding(batch.source).detach().requires_grad_()
    memory = model.encode_embedded(embedded, batch.source_valid)
    combined = model.decoder.unroll(batch.previous, memory).combined  # (B, T, H)
    rows = []
    for step in range(batch.target.shape[1]):
        target = batch.target[:, step : step + 1]
        log_probability = model.log_probabilities(combined[:, step]).gather(1, target)
        (gradient,) = torch.autograd.grad(log_probability.sum(), embedded, retain_graph=True)
        rows.append((gradient * embedded.detach()).sum(-1))
    return torch.stack(rows, dim=1)


def _forced(model: Seq2Seq, sources: Sequence[Sequence[int]], target: Sequence[int]) -> Matrix:
    """Return the log-probability of each token of one target given each source: (sources, T)."""
    batch = pair_batch(sources, [target] * len(sources), model.head.weight.device)
    log_probabilities = model.log_probabilities(model.unroll(batch).combined)
    return log_probabilities.gather(2, batch.target.unsqueeze(2)).squeeze(2).double().cpu().numpy()


def _chunks(rows: Sequence[list[int]], size: int) -> Iterator[Sequence[list[int]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
    return ids, torch.arange(longest) < torch.tensor([len(row) for row in rows]).unsqueeze(1)
