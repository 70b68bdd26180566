"""eole (a fork of OpenNMT-py) as a system of the comparison: its trainer and its translator, driven from Python.

It gets batches as its own iterator would build them; everything from there to the optimiser's step, and from there
to the finished hypotheses, is eole's. Its mlp score is the additive one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import mkdtemp

import eole.predict.translator
import torch
from child import Run, padded, serve
from eole.config.run import PredictConfig, TrainConfig
from eole.inputters.inputter import dict_to_vocabs
from eole.models.model import get_model_class
from eole.models.model_saver import build_model_saver
from eole.predict import build_predictor
from eole.predict.beam_search import BeamSearch
from eole.trainer import build_trainer
from eole.utils import Statistics
from eole.utils.optimizers import Optimizer
from task import BEAM, END, START, TRAIN, Task

SPECIALS = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


def make(task: Task, bfloat16: bool = False) -> Run:
    """Return what runs one of the task's batches."""
    torch.manual_seed(1)
    folder = Path(mkdtemp())
    tokens = [*SPECIALS.values(), *(f"token{number}" for number in range(4, task.shape.vocabulary))]
    vocabulary = {"src": tokens, "tgt": tokens, "specials": SPECIALS, "decoder_start_token": "<s>"}
    vocabs = dict_to_vocabs(vocabulary)
    config = _config(task, folder, bfloat16)
    model = get_model_class(config.model).for_training(config.model, vocabs, config.training, device_id=-1)
    optimiser = Optimizer.from_config(model, config)
    if task.kind == TRAIN:
        return _training(task, build_trainer(config, -1, model, vocabs, optimiser))
    if task.weights:
        _take_weights(model, torch.load(task.weights))
    build_model_saver(config, model, vocabs, optimiser, -1, {}).save(1)
    return _decoding(task, folder / "model")


def _config(task: Task, folder: Path, bfloat16: bool) -> TrainConfig:
    for name in ("text", "vocabulary"):
        (folder / name).write_text("unused\n", encoding="utf-8")
    shape, text, vocabulary = task.shape, str(folder / "text"), str(folder / "vocabulary")
    recurrent = {"rnn_type": "LSTM", "layers": shape.layers, "hidden_size": shape.decoder}
    score = {"additive": "mlp", "general": "general"}[shape.score]
    return TrainConfig(
        data={"corpus": {"path_src": text, "path_tgt": text}},
        src_vocab=vocabulary,
        tgt_vocab=vocabulary,
        share_vocab=True,
        save_data=str(folder / "data"),
        overwrite=True,
        model={
            "architecture": "custom",  # rnn would make the encoder read in one direction only
            "embeddings": {
                "src_word_vec_size": shape.embedding,
                "tgt_word_vec_size": shape.embedding,
                "position_encoding_type": None,
            },
            "encoder": {"encoder_type": "brnn", "src_word_vec_size": shape.embedding, **recurrent},
            "decoder": {
                "decoder_type": "rnn",
                "tgt_word_vec_size": shape.embedding,
                "global_attention": score,
                **recurrent,
            },
            "input_feed": 1,
        },
        training={
            "gpu_ranks": [],
            "world_size": 0,
            "model_path": str(folder / "model"),
            "dropout": [shape.dropout],
            "dropout_steps": [0],
            "attention_dropout": [0.0],
            "optim": "adam",
            "learning_rate": 1e-3,
            "max_grad_norm": 1.0,
            "normalization": "tokens",
            "compute_dtype": "bf16" if bfloat16 else "fp32",
        },
    )


def _training(task: Task, trainer) -> Run:
    batches = []
    for batch in task.batches:
        source, lengths = padded(batch, 0)
        target, _ = padded([(source, [START, *target]) for source, target in batch], 1)
        rows = len(batch)
        batches.append(
            {
                "src": source,
                "srclen": lengths,
                "tgt": target,
                "images": None,
                "prefix_len": None,
                "cid": ["corpus"] * rows,
                "cid_line_number": list(range(rows)),
            }
        )
    statistics = Statistics()

    def run(unit: int) -> None:
        trainer._train_step([batches[unit]], task.tokens(unit), statistics, Statistics())

    return run


class Forced(BeamSearch):
    """eole's own search, told to end each sentence when the target length is reached, not before."""

    target_lengths: torch.Tensor

    def advance(self, log_probs: torch.Tensor, attn: torch.Tensor | None) -> None:
        """Advance the search by one step."""
        due = (self.target_lengths[self._batch_offset] <= len(self)).repeat_interleave(self.beam_size)
        log_probs[:, END] = -1e4
        if due.any():
            log_probs[due] = -1e4
            log_probs[due, END] = 0.0
        super().advance(log_probs, attn)


@torch.no_grad()
def _take_weights(model: torch.nn.Module, ours: dict[str, torch.Tensor]) -> None:
    """Copy the weights of a one-layer model of `regard`."""
    cells = "encoder.cells.{}.{}.{}", "decoder.stack.cells.0.{}.{}"
    renamed = {
        "src_emb.embeddings.weight": ours["embedding.weight"],
        "tgt_emb.embeddings.weight": ours["decoder.embedding.weight"],
        "generator.weight": ours["head.weight"],
        "generator.bias": ours["head.bias"],
        **_score(ours, model.decoder.attn),
        "decoder.attn.linear_out.weight": ours["decoder.combine.weight"],
        "decoder.rnn.layers.0.weight_ih": torch.cat(
            [ours[cells[1].format("project", "weight")], ours["decoder.feed.weight"]], dim=1
        ),
        "decoder.rnn.layers.0.bias_ih": ours[cells[1].format("project", "bias")],
        "decoder.rnn.layers.0.weight_hh": ours[cells[1].format("recur", "weight")],
        "decoder.rnn.layers.0.bias_hh": ours[cells[1].format("recur", "bias")],
    }
    for direction, name in enumerate(("l0", "l0_reverse")):
        for part, theirs in (("project", "ih"), ("recur", "hh")):
            for kind in ("weight", "bias"):
                renamed[f"encoder.rnn.{kind}_{theirs}_{name}"] = ours[cells[0].format(direction, part, kind)]
    parameters = dict(model.named_parameters())
    assert parameters.keys() == renamed.keys()
    for name, weight in renamed.items():
        parameters[name].copy_(weight)


def _score(ours: dict[str, torch.Tensor], attention: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Rename the attention's weights to eole's names; biases that ours lacks become 0."""
    prefix = "decoder.attention.score."
    ours = {name.removeprefix(prefix): part for name, part in ours.items() if name.startswith(prefix)}
    if "v" not in ours:
        return {"decoder.attn.linear_in.weight": ours["W.weight"].t()}  # q · W k = (Wᵀ q) · k
    return {
        "decoder.attn.linear_query.weight": ours["W.weight"],
        "decoder.attn.linear_query.bias": torch.zeros_like(attention.linear_query.bias),
        "decoder.attn.linear_context.weight": ours["U.weight"],
        "decoder.attn.v.weight": ours["v"].unsqueeze(0),
        "decoder.attn.linear_out.bias": torch.zeros_like(attention.linear_out.bias),
    }


def _decoding(task: Task, model: Path) -> Run:
    if not task.weights:
        eole.predict.translator.BeamSearch = Forced
    sources = [padded(batch, 0) for batch in task.batches]
    target_lengths = [padded(batch, 1)[1] for batch in task.batches]
    limits = (
        [torch.tensor(task.limits(unit)) for unit in range(len(target_lengths))]
        if task.weights
        else target_lengths
    )
    config = PredictConfig(
        model_path=[str(model)],
        src=str(model.parent / "text"),
        world_size=0,
        gpu_ranks=[],
        beam_size=task.beam if task.kind == BEAM else 1,
        max_length=int(max(lengths.max() for lengths in limits)) + 1,
        max_length_ratio=0,
        length_penalty="none" if task.weights else "avg",
        self_attn_backend="pytorch",
    )
    predictor = build_predictor(config, device_id=-1)
    if (
        task.weights and task.shape.score == "additive"
    ):  # the tanh of ours, which eole leaves out with this score
        predictor.model.decoder.attn.linear_out.register_forward_hook(
            lambda module, inputs, output: output.tanh()
        )

    def run(unit: int) -> list[list[int]]:
        Forced.target_lengths = target_lengths[unit]
        source, lengths = sources[unit]
        found = predictor.predict_batch({"src": source, "srclen": lengths}, False)
        written = [[int(token) for token in best[0]] for best in found["predictions"]]
        assert task.weights or list(map(len, written)) == target_lengths[unit].tolist()
        return written

    return run


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("task")
    arguments.add_argument("--bfloat16", action="store_true", help="under eole's own autocast")
    options = arguments.parse_args()
    serve(lambda task: make(task, options.bfloat16), options.task)
