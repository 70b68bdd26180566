"""What low precision costs in BLEU and gains in speed, with a trained model on validation data, by beam and batch.

    python benchmarks/low_precision.py MODEL SOURCE REFERENCE

Everything is compared with float32 at the same beam. BLEU is sacrebleu's, lower-cased. At most 0.2 less is
acceptable.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import sacrebleu
from machine import machine

import regard

WAYS = [("float32", 64), ("auto", 64), ("bfloat16", 64), ("int8", 64), ("float32", 1), ("auto", 1)]


def translate(
    translator: regard.Translator, sources: Sequence[str], precision: str, batch: int, beam: int
) -> tuple[list[str], float]:
    """Translate, and return the translations and the sentences per second."""
    started = time.perf_counter()
    found = translator.translate(sources, precision=precision, batch_size=batch, beam=beam)
    return [one.text for one in found], len(sources) / (time.perf_counter() - started)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("model", type=Path)
    arguments.add_argument("source", type=Path)
    arguments.add_argument("reference", type=Path)
    arguments.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    arguments.add_argument("--rounds", type=int, default=3, help="in turn; speeds are their medians")
    options = arguments.parse_args()
    translator = regard.load(options.model)
    sources, references = (
        file.read_text(encoding="utf-8").splitlines() for file in (options.source, options.reference)
    )
    print(machine(), flush=True)
    print("\n| beam | batch | precision | BLEU | to float32 | alike | sentences/s |\n|--|--|--|--|--|--|--|")
    for beam in options.beams:
        texts: dict[tuple[str, int], list[str]] = {}
        speeds: dict[tuple[str, int], list[float]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                texts[way], speed = translate(translator, sources, *way, beam)
                speeds[way].append(speed)
        exact, scores = texts[WAYS[0]], {}
        for way in WAYS:
            scores[way] = sacrebleu.corpus_bleu(texts[way], [references], lowercase=True).score
            alike = sum(one == other for one, other in zip(texts[way], exact, strict=True))
            print(
                f"| {beam} | {way[1]} | {way[0]} | {scores[way]:.2f} | {scores[way] - scores[WAYS[0]]:+.2f} "
                f"| {alike / len(exact):.1%} | {statistics.median(speeds[way]):.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
