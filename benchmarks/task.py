"""What is timed: a model's sizes and batches of ids, as one JSON file that every system reads.

Only the standard library: the peers' environments read it too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

PAD, UNKNOWN, START, END = range(4)
TRAIN, GREEDY, BEAM = "train", "greedy", "beam"
Pair = tuple[list[int], list[int]]  # source and target ids, END at the end of both
Batch = list[Pair]


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; as they stand, configuration A. `encoder` is the width of one direction."""

    layers: int = 1
    embedding: int = 256
    encoder: int = 256
    decoder: int = 512
    attention: int = 512
    dropout: float = 0.2
    vocabulary: int = 8000
    score: Literal["additive", "general"] = "additive"


@dataclass(frozen=True)
class Task:
    """Steps of training, or sentences to translate, one batch after another.

    Decoding writes exactly as many tokens as each target has, so that untrained models of all systems do the same
    work. With `weights`, a file of the weights of a trained model of ours, sentences end by themselves, or at their
    `limits`.
    """

    name: str
    kind: Literal["train", "greedy", "beam"]
    batches: list[Batch]
    shape: Shape = Shape()
    beam: int = 5
    weights: str = ""

    def limits(self, unit: int) -> list[int]:
        """Limit the tokens of each translation of a batch, if sentences end by themselves."""
        return [2 * len(source) + 10 for source, _ in self.batches[unit]]

    def tokens(self, unit: int) -> int:
        """Count the target tokens of a batch, with end-of-sentence and without padding."""
        return sum(len(target) for _, target in self.batches[unit])

    def save(self, file: Path) -> None:
        """Save the task as JSON."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def load(file: Path) -> Task:
        """Load a task that was saved."""
        task = Task(**json.loads(file.read_text(encoding="utf-8")))
        return replace(task, shape=Shape(**task.shape))  # type: ignore[arg-type]


def longest(task: Task) -> int:
    """Return the index of the batch with the most positions, padding included, which needs the most memory."""

    def num_positions(unit: int) -> int:
        batch = task.batches[unit]
        return len(batch) * sum(max(len(pair[side]) for pair in batch) for side in (0, 1))

    return max(range(len(task.batches)), key=num_positions)
