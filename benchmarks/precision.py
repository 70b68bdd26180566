"""Compare training steps in bfloat16 and float32, by decoder and width, as a ratio of target tokens per second.

Uniform lengths (16 source, 16 target tokens), 64 sentences a batch, vocabulary 8,000, no dropout.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from machine import machine

from regard.build import build_model
from regard.config import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from regard.kernels.dtypes import cpu_bfloat16_units
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import END

SENTENCES, LENGTH, VOCABULARY = 64, 16, 8000


def model_of(decoder: str, width: int) -> Seq2Seq:
    torch.manual_seed(1)
    config = ModelConfig(
        embedding_size=256,
        dropout=0.0,
        encoder=EncoderConfig(hidden_size=width // 2),
        decoder=DecoderConfig(name=decoder, hidden_size=width),
        attention=AttentionConfig(score="additive" if decoder == "bahdanau" else "general", size=width),
    )
    return build_model(config, VOCABULARY, VOCABULARY)


def batch_of() -> Batch:
    ids = torch.randint(4, VOCABULARY, (SENTENCES, LENGTH), generator=torch.Generator().manual_seed(1))
    ids[:, -1] = END
    valid = torch.ones_like(ids, dtype=torch.bool)
    return Batch(ids, valid, ids, valid)


def stepper(decoder: str, width: int, bfloat16: bool) -> Callable[[], None]:
    model, batch = model_of(decoder, width), batch_of()
    optimiser = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model(batch)
        (loss.total / loss.num_tokens).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--widths", type=int, nargs="+", default=[128, 256, 512])
    options = arguments.parse_args()
    print(f"{machine()}, bfloat16 units: {cpu_bfloat16_units() or 'none'}")
    for decoder in ("luong", "bahdanau"):
        for width in options.widths:
            steps = {low: stepper(decoder, width, low) for low in (False, True)}
            seconds: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(options.rounds + 1):
                for low, step in steps.items():
                    started = time.perf_counter()
                    step()
                    seconds[low].append(time.perf_counter() - started)
            plain, half = (statistics.median(seconds[low][1:]) for low in (False, True))  # the first warms up
            tokens = SENTENCES * LENGTH
            print(
                f"{decoder:<9} width {width:>5}: float32 {tokens / plain:>8,.0f} tokens/s, "
                f"bfloat16 {tokens / half:>8,.0f} tokens/s, ratio {plain / half:.2f}"
            )


if __name__ == "__main__":
    main()
