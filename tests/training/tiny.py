"""A model and a corpus small enough to train in a blink, with dropout so that random states matter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from regard.config import TrainingConfig
from regard.records.tensors import Batch, Loss
from regard.records.text import END, PAD
from regard.training import Precision, TrainingResult, ValidationReport, ValidationResult, run_loop

VOCABULARY = 12


class TinyModel(nn.Module):
    """Guesses the next target token from the one before."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, VOCABULARY)

    def forward(self, batch: Batch) -> Loss:
        logits = self.head(self.dropout(self.embedding(batch.previous)))
        nll = F.cross_entropy(logits[batch.target_valid], batch.target[batch.target_valid], reduction="sum")
        return Loss(nll, nll.detach(), batch.num_tokens)


class TinyCorpus:
    """Random pairs of different lengths; the same seed gives the same pairs."""

    def __init__(self, num_pairs: int = 40, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        self._pairs = [
            [[*random.integers(4, VOCABULARY, random.integers(1, 8)), END] for _ in range(2)]
            for _ in range(num_pairs)
        ]

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        return np.array([len(source) for source, _ in self._pairs])

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        return np.array([len(target) for _, target in self._pairs])

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        source, target = (_padded([self._pairs[row][side] for row in rows]) for side in range(2))
        return Batch(source, source != PAD, target, target != PAD)


def _padded(sentences: list[list[int]]) -> torch.Tensor:
    return nn.utils.rnn.pad_sequence(
        [torch.tensor(s) for s in sentences], batch_first=True, padding_value=PAD
    )


def tiny_model(seed: int = 1, dropout: float = 0.3) -> TinyModel:
    torch.manual_seed(seed)
    return TinyModel(dropout)


def parameter_hash(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def constant(bleu: float = 0.0, loss: float = 1.0):
    """A validation that always finds the same."""
    return lambda model: ValidationResult(loss=loss, accuracy=0.5, bleu=bleu, chrf=bleu)


def run(
    folder: Path,
    model: nn.Module,
    config: TrainingConfig,
    watchers=(),
    resume: bool = False,
    evaluate=None,
    corpus=None,
    kept: list[ValidationReport] | None = None,
    save_model: Callable[[Path, ValidationReport], None] | None = None,
) -> TrainingResult:
    return run_loop(
        model,
        corpus or TinyCorpus(),
        config,
        folder=folder,
        precision=Precision("float32", "a test"),
        evaluate=evaluate or constant(),
        save_model=save_model or (lambda folder, report: None if kept is None else kept.append(report)),
        watchers=watchers,
        resume=resume,
    )
