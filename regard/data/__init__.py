"""From text to batches of ids: reading, cleaning, tokenising, encoded corpora, epoch plans, corpus statistics.

A name is imported when it is first used, so a module that only needs a tokeniser loads neither pyarrow nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.data.batches import epoch_plan, sorted_batches
    from regard.data.corpus import Corpus
    from regard.data.sources import Source, open_sources, read_pairs
    from regard.data.stats import CorpusStats, corpus_stats
    from regard.data.text import read_lines
    from regard.data.tokeniser import Tokeniser

_MODULE_OF = {
    "Corpus": "corpus",
    "CorpusStats": "stats",
    "Source": "sources",
    "Tokeniser": "tokeniser",
    "corpus_stats": "stats",
    "epoch_plan": "batches",
    "open_sources": "sources",
    "read_lines": "text",
    "read_pairs": "sources",
    "sorted_batches": "batches",
}

__all__ = [
    "Corpus",
    "CorpusStats",
    "Source",
    "Tokeniser",
    "corpus_stats",
    "epoch_plan",
    "open_sources",
    "read_lines",
    "read_pairs",
    "sorted_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
