"""From text to batches of ids: reading, cleaning, tokenising, encoded corpora, epoch plans, corpus statistics."""

from __future__ import annotations

from regard.data.batches import epoch_plan, sorted_batches
from regard.data.corpus import Corpus
from regard.data.sources import Source, open_sources, read_pairs
from regard.data.stats import CorpusStats, corpus_stats
from regard.data.text import read_lines
from regard.data.tokeniser import Tokeniser

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
