"""`regard` itself as a system of the comparison: its own parts, used as its training loop and translator do."""

from __future__ import annotations

import argparse

import torch
from child import Run, padded, serve
from task import BEAM, END, TRAIN, Shape, Task

from regard import kernels
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig, TrainingConfig
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.search import Ranking, beam_search, greedy_search
from regard.search.ranking import DEFAULT_RANKING
from regard.training.precision import choose_precision, make_fabric
from regard.training.update import Update

NEVER = -100.0  # a bias that outweighs any logit of an untrained model


def model_of(shape: Shape) -> Seq2Seq:
    """Build a model of these sizes: Luong's decoder with input feeding, started from the encoder's last states."""
    config = ModelConfig(
        embedding_size=shape.embedding,
        dropout=shape.dropout,
        encoder=EncoderConfig(cell="lstm", hidden_size=shape.encoder, num_layers=shape.layers),
        decoder=DecoderConfig(
            name="luong", cell="lstm", hidden_size=shape.decoder, num_layers=shape.layers, bridge="copy"
        ),
        attention=AttentionConfig(score=shape.score, size=shape.attention),
    )
    torch.manual_seed(1)
    return build_model(config, shape.vocabulary, shape.vocabulary)


def batches_of(task: Task) -> list[Batch]:
    """Convert the task's batches to records."""
    batches = []
    for batch in task.batches:
        (source, source_lengths), (target, target_lengths) = padded(batch, 0), padded(batch, 1)
        batches.append(
            Batch(
                source,
                torch.arange(source.shape[1]) < source_lengths.unsqueeze(1),
                target,
                torch.arange(target.shape[1]) < target_lengths.unsqueeze(1),
            )
        )
    return batches


def make(task: Task, precision: str = "auto") -> Run:
    """Return what runs one of the task's batches: a step as in `regard.train`, or a search as in its translator."""
    model, batches = model_of(task.shape), batches_of(task)
    return (
        _training(model, task, batches, precision)
        if task.kind == TRAIN
        else _decoding(model, task, batches, precision)
    )


def _training(model: Seq2Seq, task: Task, batches: list[Batch], precision: str) -> Run:
    config = TrainingConfig(device="cpu", clip_norm=1.0)
    chosen = choose_precision(precision, torch.device("cpu"), task.shape.decoder)
    update = Update(make_fabric(config, chosen), model.train(), config)
    return lambda unit: update([batches[unit]], config.learning_rate)


def _decoding(model: Seq2Seq, task: Task, batches: list[Batch], precision: str) -> Run:
    model.eval()
    if task.weights:
        model.load_state_dict(torch.load(task.weights))
        limits = [task.limits(unit) for unit in range(len(batches))]
        ranking = Ranking(length_penalty=0)  # the only rule by which all systems can stop
    else:
        with torch.no_grad():
            model.head.bias[END] = NEVER  # so that every sentence is decoded to its limit
        limits = [batch.target_valid.sum(dim=1).tolist() for batch in batches]
        ranking = DEFAULT_RANKING

    @torch.inference_mode()
    def run(unit: int) -> list[list[int]]:
        with kernels.inference_precision(precision, torch.device("cpu"), task.shape.decoder):
            stepper = model.stepper(model.encode(batches[unit].source, batches[unit].source_valid))
            if task.kind == BEAM:
                found = [best for best, *_ in beam_search(stepper, limits[unit], task.beam, ranking)]
            else:
                found = greedy_search(stepper, limits[unit])
        return [list(one.ids) for one in found]

    return run


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("task")
    arguments.add_argument("--precision", default="auto", choices=kernels.PRECISIONS)
    arguments.add_argument("--plain", action="store_true", help="no fused kernels")
    options = arguments.parse_args()
    if options.plain:
        kernels.use("plain")
    serve(lambda task: make(task, options.precision), options.task)
