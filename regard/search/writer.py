"""What one row of a search has written so far, and the record it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from regard.records import END, Hypothesis


@dataclass
class Writer:
    """Pieces written, their log-probabilities added up, and the weights (S,) of each step."""

    ids: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    looks: list[np.ndarray] = field(default_factory=list)

    def add(self, piece: int, log_probability: float, look: np.ndarray | None) -> None:
        """Write one more piece."""
        self.ids.append(piece)
        self.log_probability += log_probability
        if look is not None:
            self.looks.append(look)

    def ended(self, max_length: int) -> bool:
        """Whether there is nothing more to write."""
        return len(self.ids) >= max_length or self.ids[-1:] == [END]

    def hypothesis(self, length_penalty: float) -> Hypothesis:
        """The finished record."""
        return Hypothesis(
            ids=tuple(self.ids),
            log_probability=self.log_probability,
            score=normalised(self.log_probability, len(self.ids), length_penalty),
            attention=np.stack(self.looks) if self.looks else None,
        )


def normalised(log_probability: float, length: int, length_penalty: float) -> float:
    """Log-probability over length to the power of the penalty, so that long outputs are not at a disadvantage.

    Source: Cho et al. 2014b (On the properties …), section 4: penalty 1; 0 leaves the log-probability as it is.
    """
    return log_probability / length**length_penalty if length else log_probability
