"""Statistics of a corpus: sizes, lengths, duplicates, unusual characters. `rich.print` shows them as tables.

A corpus is read once; the counts of words and characters and a hash of every line are kept in memory.
"""

from __future__ import annotations

import heapq
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from regard.data.sources import is_table, open_sources
from regard.data.text import count_carriage_returns, count_filled_lines, has_byte_order_mark, read_lines

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_NUM_SHOWN = 10
_REPORT_EVERY = 1000
_NUM_LONGEST = 3
_ODD_CATEGORIES = {"Cc": "control", "Co": "private use", "Cn": "unassigned", "Cs": "half a character"}
_ODD_CHARACTERS = {
    "\ufffd": "replacement",
    "\ufeff": "byte-order mark",
    "\u200b": "zero-width space",
    "\u00a0": "no-break space",
    "\u202f": "no-break space",
    "\u00ad": "soft hyphen",
    "\u2028": "line separator",
    "\u2029": "line separator",
}  # invisible in most editors, though each makes a different word


@dataclass(frozen=True)
class Distribution:
    """The distribution of numbers; `percentile_95` is the smallest number that 95 % do not exceed."""

    smallest: float
    median: float
    mean: float
    percentile_95: float
    largest: float

    @classmethod
    def from_counts(cls, counts: Counter[int] | Counter[float]) -> Distribution:
        """Summarise numbers by how often each occurs; there must be at least one."""
        numbers = sorted(counts)
        total = sum(counts.values())
        return cls(
            smallest=numbers[0],
            median=_percentile(counts, 50),
            mean=sum(number * count for number, count in counts.items()) / total,
            percentile_95=_percentile(counts, 95),
            largest=numbers[-1],
        )


@dataclass(frozen=True)
class Bin:
    """The number of lines that have from `low` to `high` words."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class LongLine:
    """A line's number in its file, from 1, and its number of words."""

    number: int
    num_words: int


@dataclass(frozen=True)
class SideStats:
    """One language of a corpus; words are split at white space, a type is a distinct word.

    A singleton is a type that occurs once. A duplicate is a line that occurred before; empty lines are counted
    separately. `odd` counts what is easily overlooked, by kind: replacement, control, private-use and unassigned
    characters, no-break and zero-width spaces, byte-order marks, and Windows line ends, which the reader removes.
    """

    name: str
    num_sentences: int
    num_empty: int
    num_duplicates: int
    num_words: int
    num_types: int
    num_singletons: int
    num_characters: int
    num_character_types: int
    lengths: Distribution
    histogram: tuple[Bin, ...]
    odd: dict[str, int]
    frequent: tuple[tuple[str, int], ...]
    longest: tuple[LongLine, ...]

    @property
    def type_token_ratio(self) -> float:
        """Types per word: near 0 where few words are used over and over, 1 where no word occurs twice."""
        return self.num_types / self.num_words if self.num_words else 0.0


@dataclass(frozen=True)
class CorpusStats:
    """Statistics of a text (one side) or of a parallel corpus (two sides and their pairs).

    Pairs with an empty side are not counted: of the others, `num_duplicate_pairs` occurred before, and `ratios` is
    the distribution of target words / source words, None if there are no such pairs.
    """

    sides: tuple[SideStats, ...]
    num_duplicate_pairs: int = 0
    ratios: Distribution | None = None

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(_overview(self), _histograms(self), _frequent_words(self))


def corpus_stats(
    files: str | Path | Sequence[str | Path],
    columns: Sequence[str | int] = (),
    features: str | int = "",
    watch: Callable[[int], object] = lambda num_lines: None,
) -> CorpusStats:
    """Describe one text, or a parallel corpus in any of the formats that `read_pairs` reads.

    A single file is a text, unless its name says that it is a table, its first line has a tab or `columns` are set.
    `rich.print` shows the result as tables. `watch` is called with the number of lines read since its last call.
    Raises DataError as `read_pairs` does.
    """
    files = [files] if isinstance(files, str | Path) else files
    if len(files) == 1 and not (columns or is_table(files[0]) or "\t" in next(read_lines(files[0]), "")):
        return _text_stats(files[0], watch)
    sources = open_sources(files, columns, features)
    names = (
        [str(file) for file in files] if len(files) == 2 and not is_table(files[0]) else ["source", "target"]
    )
    source, target = (_SideCounts(name) for name in names)
    seen: set[int] = set()
    ratios: Counter[float] = Counter()
    for pair in chain.from_iterable(corpus.pairs() for corpus in sources):
        num_source, num_target = source.add(pair.source), target.add(pair.target)
        if num_source and num_target:
            ratios[num_target / num_source] += 1
            seen.add(hash((pair.source, pair.target)))
        if source.num_lines % _REPORT_EVERY == 0:
            watch(_REPORT_EVERY)
    for corpus in sources:
        for side, file in zip((source, target), corpus.files, strict=False):
            side.add_file(file)
    sides = source.stats(), target.stats()
    return CorpusStats(
        sides, ratios.total() - len(seen), Distribution.from_counts(ratios) if ratios else None
    )


def _text_stats(path: str | Path, watch: Callable[[int], object]) -> CorpusStats:
    count_filled_lines(path)
    side = _SideCounts(str(path))
    side.add_file(path)
    for line in read_lines(path):
        side.add(line)
        if side.num_lines % _REPORT_EVERY == 0:
            watch(_REPORT_EVERY)
    return CorpusStats((side.stats(),))


class _SideCounts:
    """Counts one side line by line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.words: Counter[str] = Counter()
        self.characters: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.seen: set[int] = set()
        self.num_lines = 0
        self.longest: list[tuple[int, int]] = []  # a heap of (words, minus line number)
        self.removed: Counter[str] = Counter()  # by the reader

    def add(self, line: str) -> int:
        """Count a line and return its number of words."""
        words = line.split()
        self.num_lines += 1
        self.words.update(words)
        self.characters.update(line)
        self.lengths[len(words)] += 1
        if words:
            self.seen.add(hash(line))
        heapq.heappush(self.longest, (len(words), -self.num_lines))
        if len(self.longest) > _NUM_LONGEST:
            heapq.heappop(self.longest)
        return len(words)

    def add_file(self, file: str | Path) -> None:
        """Count what the reader removes: carriage returns, and a byte-order mark before the first line."""
        self.removed["byte-order mark"] += has_byte_order_mark(file)
        self.removed["Windows line end"] += count_carriage_returns(file)

    def stats(self) -> SideStats:
        return SideStats(
            name=self.name,
            num_sentences=self.num_lines,
            num_empty=self.lengths[0],
            num_duplicates=self.num_lines - self.lengths[0] - len(self.seen),
            num_words=self.words.total(),
            num_types=len(self.words),
            num_singletons=sum(count == 1 for count in self.words.values()),
            num_characters=self.characters.total(),
            num_character_types=len(self.characters),
            lengths=Distribution.from_counts(self.lengths),
            histogram=_histogram(self.lengths),
            odd=dict(_odd_characters(self.characters) + self.removed),
            frequent=tuple(sorted(self.words.items(), key=lambda item: (-item[1], item[0]))[:_NUM_SHOWN]),
            longest=tuple(LongLine(-number, words) for words, number in sorted(self.longest, reverse=True)),
        )


def _percentile(counts: Counter[int] | Counter[float], percent: int) -> float:
    """Return the smallest number that at least `percent` per cent do not exceed (nearest rank)."""
    total, reached = sum(counts.values()), 0
    for number, count in sorted(counts.items()):
        reached += count
        if 100 * reached >= percent * total:
            return number
    raise AssertionError("expected at least one number")


def _histogram(lengths: Counter[int]) -> tuple[Bin, ...]:
    """Return bins of doubling width: 0, 1, 2-3, 4-7, 8-15 ..., up to that of the longest line."""
    counts: Counter[int] = Counter()
    for length, count in lengths.items():
        counts[length.bit_length()] += count
    return tuple(Bin(2**i >> 1, 2**i - 1, counts[i]) for i in range(max(counts) + 1))


def _odd_characters(characters: Counter[str]) -> Counter[str]:
    odd: Counter[str] = Counter()
    for character, count in characters.items():
        if character in _ODD_CHARACTERS:
            odd[_ODD_CHARACTERS[character]] += count
        elif unicodedata.category(character) in _ODD_CATEGORIES and character != "\t":
            odd[_ODD_CATEGORIES[unicodedata.category(character)]] += count
    return odd


def _overview(stats: CorpusStats) -> Table:
    table = _table("", stats)
    rows: dict[str, Callable[[SideStats], str]] = {
        "sentences": lambda side: f"{side.num_sentences:,}",
        "empty": lambda side: f"{side.num_empty:,}",
        "duplicates": lambda side: f"{side.num_duplicates:,}",
        "words": lambda side: f"{side.num_words:,}",
        "types": lambda side: f"{side.num_types:,}",
        "types / words": lambda side: f"{side.type_token_ratio:.4f}",
        "singletons": lambda side: f"{side.num_singletons:,}",
        "characters": lambda side: f"{side.num_characters:,}",
        "different characters": lambda side: f"{side.num_character_types:,}",
        "unusual characters": lambda side: _odd_text(side.odd),
        "words per line: least": lambda side: f"{side.lengths.smallest:g}",
        "median": lambda side: f"{side.lengths.median:g}",
        "mean": lambda side: f"{side.lengths.mean:.1f}",
        "95 %": lambda side: f"{side.lengths.percentile_95:g}",
        "most": lambda side: f"{side.lengths.largest:g}",
        "longest lines": lambda side: ", ".join(str(line.number) for line in side.longest),
    }
    for label, cell in rows.items():
        table.add_row(label, *map(cell, stats.sides))
    if len(stats.sides) == 2:
        table.add_row("duplicate pairs", "", f"{stats.num_duplicate_pairs:,}")
    if stats.ratios is not None:
        spread = stats.ratios
        table.add_row("target / source words", "", f"{spread.mean:.2f} on average")
        table.add_row("", "", f"{spread.smallest:.2f} to {spread.largest:.2f}")
    return table


def _histograms(stats: CorpusStats) -> Table:
    table = _table("words per line", stats)
    for bins in zip_longest(*(side.histogram for side in stats.sides)):
        low, high = next((b.low, b.high) for b in bins if b is not None)
        counts = [0 if b is None else b.count for b in bins]
        bars = (_bar(n, side.num_sentences) for n, side in zip(counts, stats.sides, strict=True))
        table.add_row(str(low) if low == high else f"{low}-{high}", *bars)
    return table


def _frequent_words(stats: CorpusStats) -> Table:
    from rich.text import Text

    table = _table("most frequent", stats)
    ranks = zip_longest(*(side.frequent for side in stats.sides))
    for rank, words in enumerate(ranks, start=1):
        table.add_row(str(rank), *(Text(f"{_printable(w[0])} {w[1]:,}" if w else "") for w in words))
    return table


def _table(first: str, stats: CorpusStats) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column(first)
    short = [Path(side.name).name for side in stats.sides]
    names = short if len(set(short)) == len(short) else [side.name for side in stats.sides]
    for name in names:
        table.add_column(Text(name), justify="right")
    return table


def _odd_text(odd: dict[str, int]) -> str:
    return "\n".join(f"{count:,} {kind}" for kind, count in odd.items()) or "0"


def _bar(count: int, total: int) -> str:
    return f"{'█' * round(20 * count / total)} {count:,}"


def _printable(word: str) -> str:
    """Return the word, safe for a terminal: a character that cannot be printed is shown as its code point."""
    return "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in word)
