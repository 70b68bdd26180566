"""One system in a process of its own: it does a task's batches when told to, and says how long each took.

It speaks JSON lines: in come numbers of batches, out go their seconds, what was written if the system tells, and the
peak of its memory so far; that also once when it is ready.
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

Run = Callable[[int], object]  # does the batch of this number; from decoding, perhaps, what was written


def serve(make: Callable[[Task], Run], file: str) -> None:
    """Answer until there is nothing more to read. Whatever the system prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = make(Task.load(Path(file)))
    print(json.dumps({"peak_bytes": peak_bytes()}), file=answers, flush=True)
    for line in sys.stdin:
        done = [_timed(run, unit) for unit in json.loads(line)]
        written = [ids for _, made in done if isinstance(made, list) for ids in made]
        answer = {"seconds": [seconds for seconds, _ in done], "written": written, "peak_bytes": peak_bytes()}
        print(json.dumps(answer), file=answers, flush=True)


def padded(batch: Batch, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of one side (sentences, longest) and their lengths."""
    sentences: Sequence[list[int]] = [pair[side] for pair in batch]
    most = max(map(len, sentences))
    ids = torch.tensor([[*sentence, *[PAD] * (most - len(sentence))] for sentence in sentences])
    return ids, torch.tensor([len(sentence) for sentence in sentences])


def peak_bytes() -> int:
    """The most memory this process ever had resident."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _timed(run: Run, unit: int) -> tuple[float, object]:
    started = time.perf_counter()
    made = run(unit)
    return time.perf_counter() - started, made
