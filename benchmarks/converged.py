"""Measure decoding with one trained model in several systems: the same weights, and sentences end by themselves.

    python benchmarks/converged.py [--work runs/peers] [--scores additive general] [--epochs 5] [--rounds 3]

Trains configuration A of `task.py`, the encoder's last states copied into the decoder, with each score on the tokens
of the other benchmarks; then loads the weights into `regard`, its plain backend and eole. (eole has no tanh in the
output layer of its additive attention; one is added here, so that the model is the same.) Beam search ranks by the
log-probability alone, so that all systems stop by the same rule. Writes results/converged.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import sacrebleu
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from comparison import Measured, compare, verdict  # noqa: E402
from corpus import BenchmarkCorpus, load_corpus  # noqa: E402
from machine import machine  # noqa: E402
from ours import batches_of, model_of  # noqa: E402
from run import peers  # noqa: E402
from speed import ours, tasks  # noqa: E402
from task import END, TRAIN, Shape, Task  # noqa: E402

from regard.config import TrainingConfig  # noqa: E402
from regard.training.precision import choose_precision, make_fabric  # noqa: E402
from regard.training.update import Update  # noqa: E402

RESULT = HERE / "results" / "converged.md"
LEARNING_RATE = 2e-3
SCORES = ("additive", "general")


def train(shape: Shape, corpus: BenchmarkCorpus, epochs: int, file: Path) -> None:
    """Train a model of these sizes in batches of 64 sentences of similar length, and save its weights."""
    model, device = model_of(shape), torch.device("cpu")
    config = TrainingConfig(device="cpu", clip_norm=1.0)
    update = Update(
        make_fabric(config, choose_precision("auto", device, shape.decoder)), model.train(), config
    )
    batches = batches_of(Task("training", TRAIN, corpus.training_batches(64, sys.maxsize), shape))
    total, done = epochs * len(batches), 0
    for epoch in range(epochs):
        for index in torch.randperm(len(batches), generator=torch.Generator().manual_seed(epoch)).tolist():
            rate = LEARNING_RATE * min(1.0, (done + 1) / 200) * (1 - done / total)
            loss, done = update([batches[index]], rate).loss, done + 1
        print(f"epoch {epoch + 1}: loss {loss:.2f}", flush=True)
    torch.save(model.state_dict(), file)


def bleu(measured: Measured, vocabulary: Sequence[str]) -> float:
    """Compute sacrebleu's BLEU of the decoded ids, with tokens joined to words."""

    def text(ids: Sequence[int]) -> str:
        return "".join(vocabulary[token] for token in ids if token != END).replace("\u2581", " ").strip()

    references = [text(target) for batch in measured.task.batches for _, target in batch]
    return sacrebleu.corpus_bleu([text(ids) for ids in measured.written], [references]).score


def rows(found: Sequence[Measured], against: str, vocabulary: Sequence[str]) -> list[str]:
    """Format a task's rows of Markdown, with rates compared with those of one system."""
    base = next((one for one in found if one.system == against and one.rounds), None)
    lines = []
    for one in found:
        score = one.task.shape.score
        if not one.rounds:
            lines.append(f"| {score} | {one.task.name} | {one.system}: {one.failure} | | | | | |")
            continue
        rate = one.sentences_a_second
        ratio = f"{rate / base.sentences_a_second:.2f}×" if base else ""
        length = statistics.mean(map(len, one.written))
        lines.append(
            f"| {score} | {one.task.name} | {one.system} | {rate:,.1f} | {100 * one.spread:.0f} % | {ratio} "
            f"| {1000 / rate:,.2f} | {length:.2f} | {bleu(one, vocabulary):.2f} |"
        )
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--work", type=Path, default=Path("runs/peers"), help="where eole is installed")
    arguments.add_argument("--epochs", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--scores", nargs="+", default=SCORES, choices=SCORES)
    arguments.add_argument(
        "--weights", type=Path, help="folder to save trained weights in, or to load them from"
    )
    arguments.add_argument("--out", type=Path, default=RESULT)
    options = arguments.parse_args()
    corpus, started = load_corpus(), time.perf_counter()
    others = list(peers(["eole"], options.work.resolve()))
    lines: list[str] = []
    measured: list[Measured] = []
    with TemporaryDirectory() as folder:
        chosen = tasks(corpus, ("greedy", "beam", "one"), options.scale)
        kept = (options.weights or Path(folder)).resolve()
        for score, task in product(options.scores, chosen):
            shape, weights = replace(task.shape, score=score), kept / f"{score}.pt"
            if not weights.is_file():
                train(shape, corpus, options.epochs, weights)
            task = replace(task, shape=shape, weights=str(weights))
            systems = [ours(), ours("regard float32", "--precision", "float32")]
            systems += [ours("regard plain", "--plain", "--precision", "float32"), *others]
            measured += (found := compare(task, systems, options.rounds, Path(folder)))
            lines += rows(found, others[0].name if others else systems[0].name, corpus.vocabulary)
            print("\n".join(lines), flush=True)
    minutes = (time.perf_counter() - started) / 60
    model = f"Configuration A, {corpus.origin}, {options.epochs} epochs for each score"
    text = [
        "# Decoding with one trained model in several systems",
        "",
        f"{model}; the same weights in every system; sentences end by themselves, a beam ranks "
        "by log-probability. BLEU of the sentences timed here, "
        "against lower-cased references.",
        "",
        "| score | task | system | sentences/s | ± | to eole | ms a sentence | tokens a sentence | BLEU |",
        "|--|--|--|--|--|--|--|--|--|",
        *lines,
        "",
        verdict(measured),
        "",
        f"Machine: {machine()}; {options.rounds} rounds, {minutes:.0f} minutes, {date.today()}. "
        f"By `python benchmarks/converged.py --epochs {options.epochs} --rounds {options.rounds}`.",
        "",
    ]
    options.out.write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
