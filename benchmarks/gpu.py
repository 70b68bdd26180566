"""How fast `regard` trains on a GPU, as a share of the GPU's peak, and compared with its own plain backend.

Two models: configuration A with the batch that suits the GPU best, and the shape of NVIDIA's GNMT v2 (4 + 4 layers,
1,024 wide, vocabulary 32,000; random tokens, 10 to 50 a sentence). Systems: fused kernels with CUDA graphs, the same
without graphs, the plain backend, and `torch.compile` of that (one shape, so every batch is padded to the largest).
Each runs in its own process on the same batches, in turn; figures are medians over the rounds, ± half their range.
Target tokens count end-of-sentence and no padding. Operations are those of the matrix products over real tokens, one
forward pass and two for the backward; the peak is what one large product of bfloat16 matrices reaches on this GPU.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from child import Run, serve
from comparison import Measured, System, compare
from corpus import BenchmarkCorpus, load_corpus
from machine import machine
from ours import batches_of
from ours import model_of as configuration_a
from task import END, TRAIN, Batch, Shape, Task
from torch.utils.flop_counter import FlopCounterMode

from regard import kernels
from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig, TrainingConfig
from regard.model import Seq2Seq
from regard.records.tensors import Batch as Record
from regard.training.graphs import Shape as Filled
from regard.training.precision import choose_precision, make_fabric
from regard.training.update import Update

FUSED, NO_GRAPHS, PLAIN, COMPILED = SYSTEMS = ("regard", "regard, no graphs", "plain", "plain, compiled")
GNMT = Shape(layers=4, embedding=1024, encoder=1024, decoder=1024, attention=1024, vocabulary=32_000)
BUDGETS = (4096, 8192, 16_384, 32_768, 65_536)  # target tokens a batch
WARM_UP = 3  # passes over all batches: kernels are compiled, and repeated shapes recorded
NO_GPU = 2  # exit code


def model_of(shape: Shape) -> Seq2Seq:
    """Build GNMT for its own shape, configuration A for any other."""
    if shape != GNMT:
        return configuration_a(shape)
    layers = {"hidden_size": shape.decoder, "num_layers": shape.layers}
    config = ModelConfig(
        embedding_size=shape.embedding,
        dropout=shape.dropout,
        encoder=EncoderConfig(name="gnmt", **layers),
        decoder=DecoderConfig(name="gnmt", **layers),
        attention=AttentionConfig(score=shape.score, size=shape.attention),
    )
    torch.manual_seed(1)
    return build_model(config, shape.vocabulary, shape.vocabulary)


def make(system: str, task: Task, device: str = "cuda:0") -> Run:
    """Return what trains on one of the task's batches, after warming up."""
    kernels.use("plain" if system in (PLAIN, COMPILED) else "fused")
    model, batches = model_of(task.shape).train(), batches_of(task)
    config = TrainingConfig(device=device, clip_norm=1.0, graphs="auto" if system == FUSED else "off")
    precision = choose_precision("auto", torch.device(device), task.shape.decoder)
    trained: torch.nn.Module = model
    if system == COMPILED:
        shapes = [Filled.of(batch) for batch in batches]
        largest = Filled(*(max(getattr(s, side) for s in shapes) for side in ("rows", "source", "target")))
        batches = [largest.pad(batch) for batch in batches]
        trained = torch.compile(model, dynamic=False)  # type: ignore[assignment]
    update = Update(make_fabric(config, precision), trained, config)

    def run(unit: int) -> None:
        update([batches[unit]], config.learning_rate)  # reads the loss, and so waits for the GPU

    for _ in range(WARM_UP):
        for unit in range(len(batches)):
            run(unit)
    return run


def operations(task: Task) -> float:
    """Count the operations of all batches, multiplications and additions separately."""
    count = operations_of_pair(task.shape)
    return sum(count(len(source), len(target)) for batch in task.batches for source, target in batch)


def operations_of_pair(shape: Shape) -> Callable[[int, int], float]:
    """Count a pair's operations by its lengths. They grow with S, T and S · T, so four measurements suffice."""
    model = model_of(shape).eval()

    def counted(source: int, target: int) -> float:
        side = [torch.ones(1, length, dtype=torch.long) for length in (source, target)]
        valid = [one.bool() for one in side]
        batch = Record(side[0], valid[0], side[1], valid[1], torch.zeros(1, dtype=torch.long))
        counter = FlopCounterMode(display=False)
        with kernels.forced("plain"), torch.no_grad(), counter:
            model(batch)
        return float(counter.get_total_flops())

    corner, along, down, both = counted(1, 1), counted(2, 1), counted(1, 2), counted(2, 2)
    by_source, by_target, by_both = along - corner, down - corner, both - along - down + corner

    def of_pair(source: int, target: int) -> float:
        s, t = source - 1, target - 1
        return 3.0 * (corner + by_source * s + by_target * t + by_both * s * t)

    return of_pair


def peak_operations(size: int = 8192, times: int = 50) -> float:
    """Measure the GPU's operations per second in one large bfloat16 product: the median of five runs."""
    one, other = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product, rates = torch.empty_like(one), []
    for _ in range(6):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(times):
            torch.mm(one, other, out=product)
        torch.cuda.synchronize()
        rates.append(2 * size**3 * times / (time.perf_counter() - started))
    return statistics.median(rates[1:])


def a_task(corpus: BenchmarkCorpus, tokens: int, num_batches: int) -> Task:
    """Return a task for configuration A with a budget of target tokens per batch."""
    shape = Shape(vocabulary=max(len(corpus.vocabulary), 8000))
    return Task(f"A, {tokens:,} tokens", TRAIN, corpus.token_batches(tokens, num_batches), shape)


def gnmt_task(sentences: int, num_batches: int) -> Task:
    """Return a task of GNMT v2's shape; the sentences of a batch have similar lengths."""
    chance = random.Random(1)

    def batch() -> Batch:
        longest = chance.randint(10, 50)
        lengths = [(chance.randint(max(longest - 4, 2), longest), longest) for _ in range(sentences)]
        return [tuple(_ids(chance, length) for length in pair) for pair in lengths]  # type: ignore[misc]

    return Task(f"GNMT v2's shape, {sentences} sentences", TRAIN, [batch() for _ in range(num_batches)], GNMT)


def _ids(chance: random.Random, length: int) -> list[int]:
    return [*(chance.randrange(END + 1, GNMT.vocabulary) for _ in range(length - 1)), END]


def measured(task: Task, systems: Sequence[str], rounds: int) -> list[Measured]:
    """Measure some systems on a task."""
    this = str(Path(__file__).resolve())
    compared = [System(name, [sys.executable, this, "--serve", name]) for name in systems]
    with TemporaryDirectory() as folder:
        return compare(task, compared, rounds, Path(folder))


def table(found: Sequence[Measured], peak: float) -> list[str]:
    """Format a row per system: target tokens per second, speed relative to plain, share of the peak."""
    lines = ["| task | system | target tokens/s | times plain | share of the peak |", "|---|---|---|---|---|"]
    plain = {one.task.name: one.rate for one in found if one.system == PLAIN and not one.failure}
    for one in found:
        if one.failure:
            lines.append(f"| {one.task.name} | {one.system} | failed: {one.failure} | | |")
            continue
        tokens = sum(map(one.task.tokens, range(len(one.task.batches))))
        share = operations(one.task) * one.rate / tokens / peak
        times = f"{one.rate / plain[one.task.name]:.1f}" if one.task.name in plain else ""
        lines.append(
            f"| {one.task.name} | {one.system} | {one.rate:,.0f} ± {one.spread:.0%} | {times} | {share:.1%} |"
        )
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--batches", type=int, default=8, help="batches per task")
    arguments.add_argument("--systems", nargs="+", default=SYSTEMS, choices=SYSTEMS)
    arguments.add_argument("--gnmt-sentences", type=int, default=256)
    arguments.add_argument("--serve", choices=SYSTEMS, help=argparse.SUPPRESS)
    arguments.add_argument("task", nargs="?", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if not torch.cuda.is_available():
        print("gpu.py measures on a GPU, and torch can use none here", file=sys.stderr)
        sys.exit(NO_GPU)
    if options.serve:
        serve(lambda task: make(options.serve, task), options.task)
        return
    device, peak = torch.device("cuda:0"), peak_operations()
    print(f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}, {machine()}")
    print(
        f"kernels: {kernels.choose_backend('auto', device)}; one large product: {peak / 1e12:,.0f} TFLOP/s\n"
    )
    corpus = load_corpus()
    tried = [
        one for tokens in BUDGETS for one in measured(a_task(corpus, tokens, options.batches), [FUSED], 2)
    ]
    print("\n".join(table(tried, peak)), "\n", flush=True)
    able = [one for one in tried if not one.failure]
    chosen = [max(able, key=lambda one: one.rate).task] if able else []
    found = [
        one
        for task in [*chosen, gnmt_task(options.gnmt_sentences, options.batches)]
        for one in measured(task, options.systems, options.rounds)
    ]
    print("\n".join(table(found, peak)))


if __name__ == "__main__":
    main()
