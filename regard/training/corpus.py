"""What training asks of a corpus."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regard.records.tensors import Batch


class Corpus(Protocol):
    """Sentence pairs as ids: lengths in tokens for the plan, and any rows as a padded batch."""

    def __len__(self) -> int: ...

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """Tokens of each source sentence, END counted."""
        ...

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Tokens of each target sentence, END counted."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The pairs of these rows, padded."""
        ...
