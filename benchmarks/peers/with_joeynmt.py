"""JoeyNMT as a system of the comparison: its model, its training step and its search, driven from Python.

Its trainer needs text files, so its step is written out here as in `TrainManager`. It puts the unknown token before
padding, so these two ids are swapped. Its bahdanau score is the additive one.
"""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import torch
from child import Run, padded, serve
from joeynmt.batch import Batch
from joeynmt.builders import build_gradient_clipper, build_optimizer
from joeynmt.model import Model, build_model
from joeynmt.search import search
from joeynmt.vocabulary import Vocabulary
from task import BEAM, END, PAD, START, TRAIN, UNKNOWN, Task

SPECIALS = SimpleNamespace(
    unk_token="<unk>",
    unk_id=PAD,
    pad_token="<pad>",
    pad_id=UNKNOWN,
    bos_token="<s>",
    bos_id=START,
    eos_token="</s>",
    eos_id=END,
    sep_token=None,
    sep_id=None,
    lang_tags=[],
)


def make(task: Task) -> Run:
    """Return what runs one of the task's batches."""
    torch.manual_seed(1)
    tokens = [f"token{number}" for number in range(4, task.shape.vocabulary)]
    vocabulary = Vocabulary(tokens, SPECIALS)
    model = build_model(_options(task), src_vocab=vocabulary, trg_vocab=vocabulary)
    batches = [_batch(task, unit) for unit in range(len(task.batches))]
    return _training(model, batches) if task.kind == TRAIN else _decoding(task, model, batches)


def _options(task: Task) -> dict:
    shape = task.shape
    common = {
        "type": "recurrent",
        "rnn_type": "lstm",
        "num_layers": shape.layers,
        "dropout": shape.dropout,
        "embeddings": {"embedding_dim": shape.embedding, "dropout": shape.dropout},
    }
    decoder = {
        "hidden_size": shape.decoder,
        "attention": {"additive": "bahdanau", "general": "luong"}[shape.score],
        "input_feeding": True,
        "init_hidden": "bridge",
        "hidden_dropout": shape.dropout,
    }
    return {
        "encoder": {**common, "hidden_size": shape.encoder, "bidirectional": True},
        "decoder": {**common, **decoder},
    }


def _batch(task: Task, unit: int) -> Batch:
    source, lengths = padded(task.batches[unit], 0)
    target = None
    if task.kind == TRAIN:
        target = _renumbered(padded([(source, [START, *ids]) for source, ids in task.batches[unit]], 1)[0])
    rows, device = torch.arange(len(source)), torch.device("cpu")
    batch = Batch(
        _renumbered(source), lengths, None, target, None, rows, device, UNKNOWN, END, task.kind == TRAIN
    )
    batch.sort_by_src_length()
    return batch


def _renumbered(ids: torch.Tensor) -> torch.Tensor:
    return torch.where(ids <= UNKNOWN, UNKNOWN - ids, ids)


def _training(model: Model, batches: list[Batch]) -> Run:
    model.loss_function = ("crossentropy", 0.0)
    options = {"optimizer": "adam", "learning_rate": 1e-3, "clip_grad_val": None, "clip_grad_norm": 1.0}
    optimiser, clip = build_optimizer(options, model.parameters()), build_gradient_clipper(options)
    model.train()

    def run(unit: int) -> None:
        batch = batches[unit]
        loss, _, _, _ = model(return_type="loss", **vars(batch))
        batch.normalize(loss, normalization="tokens").backward()
        clip(parameters=model.parameters())
        optimiser.step()
        optimiser.zero_grad()

    return run


class _Forced:
    """Change the decoder's logits so that each sentence ends with as many tokens as target_lengths, not before."""

    def __init__(self, forward: Run, beam: int) -> None:
        self.forward, self.beam = forward, beam
        self.target_lengths, self.step = torch.empty(0), 0

    def __call__(self, *arguments: object, **named: object) -> tuple[torch.Tensor, ...]:
        logits, *others = self.forward(*arguments, **named)
        self.step += 1
        going = (
            self.target_lengths[self.target_lengths >= self.step] if self.beam else self.target_lengths
        )  # greedy keeps what has ended
        due = (going <= self.step).repeat_interleave(max(self.beam, 1))
        logits[:, :, END] = -1e4
        logits[due] = -1e4
        logits[due, :, END] = 1e4
        return (logits, *others)


def _decoding(task: Task, model: Model, batches: list[Batch]) -> Run:
    beam = task.beam if task.kind == BEAM else 0
    forced = model.decoder.forward = _Forced(model.decoder.forward, beam)
    target_lengths = [padded(batch, 1)[1][batches[unit].indices] for unit, batch in enumerate(task.batches)]
    model.eval()

    def run(unit: int) -> None:
        forced.target_lengths, forced.step = target_lengths[unit], 0
        search(model, batches[unit], int(target_lengths[unit].max()) + 1, max(beam, 1), beam_alpha=-1)
        assert forced.step == int(target_lengths[unit].max())

    return run


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("task")
    serve(make, arguments.parse_args().task)
