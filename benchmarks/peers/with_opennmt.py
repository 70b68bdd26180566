"""OpenNMT-py as a system of the comparison: its trainer and its translator, driven from Python.

It gets batches as its own iterator would build them; everything from there to the optimiser's step, and from there
to the finished hypotheses, is its own. Its mlp score is the additive one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import mkdtemp

import onmt.translate.translator
import torch
from child import Run, padded, serve
from onmt.inputters.inputter import dict_to_vocabs
from onmt.model_builder import build_model
from onmt.opts import train_opts
from onmt.trainer import build_trainer
from onmt.translate import GNMTGlobalScorer, Translator
from onmt.translate.beam_search import BeamSearch
from onmt.utils import Statistics
from onmt.utils.optimizers import Optimizer
from onmt.utils.parse import ArgumentParser
from task import BEAM, END, START, TRAIN, Task

SPECIALS = ["<blank>", "<unk>", "<s>", "</s>"]


def make(task: Task) -> Run:
    """Return what runs one of the task's batches."""
    torch.manual_seed(1)
    tokens = [*SPECIALS, *(f"token{number}" for number in range(4, task.shape.vocabulary))]
    vocabs = dict_to_vocabs(
        {"data_task": "seq2seq", "src": tokens, "tgt": tokens, "decoder_start_token": "<s>"}
    )
    options = _options(task, Path(mkdtemp()))
    model = build_model(options, options, vocabs, None, -1)
    if task.kind != TRAIN:
        return _decoding(task, model.eval(), vocabs)
    return _training(task, build_trainer(options, -1, model, vocabs, Optimizer.from_opt(model, options)))


def _options(task: Task, folder: Path) -> argparse.Namespace:
    (folder / "text").write_text("unused\n", encoding="utf-8")
    shape, text = task.shape, str(folder / "text")
    settings = {
        "data": json.dumps({"corpus": {"path_src": text, "path_tgt": text}}),
        "src_vocab": text,
        "tgt_vocab": text,
        "save_model": str(folder / "model"),
        "encoder_type": "brnn",
        "decoder_type": "rnn",
        "rnn_type": "LSTM",
        "word_vec_size": shape.embedding,
        "hidden_size": shape.decoder,
        "layers": shape.layers,
        "input_feed": 1,
        "global_attention": {"additive": "mlp", "general": "general"}[shape.score],
        "dropout": shape.dropout,
        "optim": "adam",
        "learning_rate": 1e-3,
        "max_grad_norm": 1.0,
        "normalization": "tokens",
    }
    parser = ArgumentParser()
    train_opts(parser)
    options = parser.parse_args([f"--{name}={value}" for name, value in settings.items()])
    ArgumentParser.validate_train_opts(options)
    ArgumentParser.update_model_opts(options)
    ArgumentParser.validate_model_opts(options)
    options.data = json.loads(options.data)
    return options


def _training(task: Task, trainer) -> Run:
    batches = []
    for batch in task.batches:
        source, lengths = padded(batch, 0)
        target, _ = padded([(source, [START, *target]) for source, target in batch], 1)
        batches.append({"src": source.unsqueeze(2), "srclen": lengths, "tgt": target.unsqueeze(2)})
    statistics = Statistics()
    trainer.model.train()

    def run(unit: int) -> None:
        trainer._gradient_accumulation([batches[unit]], task.tokens(unit), statistics, Statistics())

    return run


class Forced(BeamSearch):
    """Its own search, told to end each sentence when the target length is reached, not before."""

    target_lengths: torch.Tensor

    def advance(self, log_probs: torch.Tensor, attn: torch.Tensor | None) -> None:
        """Advance the search by one step."""
        due = (self.target_lengths[self._batch_offset] <= len(self)).repeat_interleave(self.beam_size)
        log_probs[:, END] = -1e4
        if due.any():
            log_probs[due] = -1e4
            log_probs[due, END] = 0.0
        super().advance(log_probs, attn)


def _decoding(task: Task, model: torch.nn.Module, vocabs: dict) -> Run:
    onmt.translate.translator.BeamSearch = Forced
    sources = [padded(batch, 0) for batch in task.batches]
    target_lengths = [padded(batch, 1)[1] for batch in task.batches]
    translator = Translator(
        model,
        vocabs,
        beam_size=task.beam if task.kind == BEAM else 1,
        max_length=int(max(lengths.max() for lengths in target_lengths)) + 1,
        max_length_ratio=0,
        global_scorer=GNMTGlobalScorer(alpha=0.0, beta=0.0, length_penalty="avg", coverage_penalty="none"),
        report_score=False,
    )

    def run(unit: int) -> None:
        Forced.target_lengths = target_lengths[unit]
        source, lengths = sources[unit]
        batch = {"src": source.unsqueeze(2), "srclen": lengths, "ind_in_bucket": list(range(len(source)))}
        found = translator.translate_batch(batch, False)
        assert [len(best[0]) for best in found["predictions"]] == target_lengths[unit].tolist()

    return run


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("task")
    serve(make, arguments.parse_args().task)
