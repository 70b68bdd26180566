"""The interface of a corpus that training needs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regard.records.tensors import Batch


class TrainingCorpus(Protocol):
    """Sentence pairs as token ids: their lengths, for planning batches, and any of them as a padded batch."""

    def __len__(self) -> int: ...

    @property
    def source_lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each source sentence, including END."""
        ...

    @property
    def target_lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each target sentence, including END."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Return the pairs at these indices as a padded batch."""
        ...
