"""Compile the CPU kernels ahead of the first training or translation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from regard import kernels
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.search import beam_search, greedy_search

VOCABULARY_SIZE = 64
_HIDDEN_SIZE = 256  # wide enough for 8-bit weights
_DECODERS = ("bahdanau", "luong", "gnmt")
_CELLS = ("lstm", "gru")
_SCORES = ("additive", "dot")  # general and scaled_dot run as dot does


@dataclass(frozen=True)
class WarmUp:
    """How many kinds of models were run, and how many seconds that took."""

    num_models: int
    seconds: float


def warm_up(progress: Callable[[int], object] = lambda count: None) -> WarmUp:
    """Train and translate with a small model of every kind that has kernels, in each precision of this CPU.

    What is compiled is kept in numba's cache, so that later processes only load it. `progress` is called with 1 after
    each model; there are `num_models()`. The models forget everything they learnt.
    """
    started = time.perf_counter()
    dtypes = [torch.float32, *([torch.bfloat16] if kernels.cpu_bfloat16_units() else [])]
    with torch.random.fork_rng():
        for config in _configs():
            model = build_model(config, VOCABULARY_SIZE, VOCABULARY_SIZE, label_smoothing=0.1)
            for dtype in dtypes:
                _train(model.train(), dtype)
            for precision in ("float32", "int8", *(["bfloat16"] if len(dtypes) > 1 else [])):
                _translate(model.eval(), precision)
            progress(1)
    return WarmUp(num_models(), time.perf_counter() - started)


def num_models() -> int:
    """How many kinds of models `warm_up` runs."""
    return len(list(_configs()))


def _configs() -> Iterator[ModelConfig]:
    for decoder in _DECODERS:
        for cell in _CELLS:
            for score in _SCORES:
                layers = 1 if decoder == "bahdanau" else 2
                yield ModelConfig(
                    embedding_size=_HIDDEN_SIZE,
                    dropout=0.1,
                    encoder=EncoderConfig(cell=cell, hidden_size=_HIDDEN_SIZE // 2, num_layers=layers),
                    decoder=DecoderConfig(
                        name=decoder, cell=cell, hidden_size=_HIDDEN_SIZE, num_layers=layers
                    ),
                    attention=AttentionConfig(score=score, size=_HIDDEN_SIZE),
                )


def _batch(num_sentences: int) -> Batch:
    ids = torch.randint(4, VOCABULARY_SIZE, (num_sentences, 5))
    valid = torch.ones_like(ids, dtype=torch.bool)
    valid[:1, 3:] = False
    return Batch(ids, valid, ids, valid)


def _train(model: Seq2Seq, dtype: torch.dtype) -> None:
    """A training step without its update."""
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = model(_batch(3)).total
    loss.backward()
    kernels.total_norm([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    model.zero_grad()


def _translate(model: Seq2Seq, precision: str) -> None:
    """Greedy and beam search, for one sentence and for several."""
    with kernels.inference_precision(precision, torch.device("cpu"), _HIDDEN_SIZE), torch.inference_mode():
        for num_sentences in (1, 6):
            batch = _batch(num_sentences)
            memory = model.encode(batch.source, batch.source_valid)
            limits = [3] * num_sentences
            greedy_search(model.stepper(memory), limits)
            beam_search(model.stepper(memory), limits, 3)
