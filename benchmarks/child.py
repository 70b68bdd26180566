"""One system in its own process: it runs a task's batches on request, and reports how long each took.

It speaks JSON lines. Each request is a list of batch indices; each reply holds their seconds, the decoded ids if the
system returns them, and the peak memory so far. The peak is also reported once when the system is ready.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from task import PAD, Batch, Task

Run = Callable[[int], object]  # runs the batch of this index; decoding may return the decoded ids


def serve(make: Callable[[Task], Run], file: str) -> None:
    """Serve requests until standard input ends. Whatever the system prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = make(Task.load(Path(file)))
    print(json.dumps({"peak_bytes": peak_bytes()}), file=answers, flush=True)
    for line in sys.stdin:
        done = [_timed(run, unit) for unit in json.loads(line)]
        written = [ids for _, decoded in done if isinstance(decoded, list) for ids in decoded]
        answer = {"seconds": [seconds for seconds, _ in done], "written": written, "peak_bytes": peak_bytes()}
        print(json.dumps(answer), file=answers, flush=True)


def padded(batch: Batch, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad the ids of one side (sentences, longest), and return them with their lengths."""
    sentences: Sequence[list[int]] = [pair[side] for pair in batch]
    most = max(map(len, sentences))
    ids = torch.tensor([[*sentence, *[PAD] * (most - len(sentence))] for sentence in sentences])
    return ids, torch.tensor([len(sentence) for sentence in sentences])


def peak_bytes() -> int:
    """Return the peak resident memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _timed(run: Run, unit: int) -> tuple[float, object]:
    started = time.perf_counter()
    output = run(unit)
    return time.perf_counter() - started, output
