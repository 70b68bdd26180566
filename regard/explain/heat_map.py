"""A heat map of attention for the terminal: a row for each target word, a column for each source word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from regard.errors import ShapeError
from regard.explain.words import cell_width, fit_to_width, isolated

_EDGES = (0.05, 0.25, 0.5, 0.75)  # where one shade ends and the next begins
_SHADES = "·░▒▓█"
_ASCII_SHADES = ".-+#@"
_STYLES = ("bright_black", "blue", "cyan", "green", "yellow")
_NUMBER_WIDTH = 5  # a space, a shade, a percentage of three digits


@dataclass(frozen=True)
class HeatMap:
    """Attention (T, S) as a rich renderable: `Console().print(HeatMap(attention, source_words, target_words))`.

    It adapts to the width of the console. In the widest form each cell has a shade and its weight in percent, below
    its source word; in the next one columns are numbered and a legend lists their words; in the narrowest a cell is
    only a shade, and each row ends with the word of its largest weight. Long sentences continue in further panels.
    It is readable without colour; without Unicode the shades are . - + # @.
    Raises ShapeError if the number of words differs from the shape of the attention.
    """

    attention: np.ndarray
    source_words: Sequence[str]
    target_words: Sequence[str]

    def __post_init__(self) -> None:
        expected = (len(self.target_words), len(self.source_words))
        if self.attention.shape != expected:
            raise ShapeError(
                f"heat map: expected (target words, source words) = {expected}, got {self.attention.shape}; "
                "give one word for each row and column"
            )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the most detailed of the three forms that fits."""
        label = min(_longest(self.target_words), max(6, options.max_width // 5))
        available = options.max_width - label - 1
        shades = _ASCII_SHADES if options.ascii_only else _SHADES
        widths = [max(_NUMBER_WIDTH, cell_width(word) + 2) for word in self.source_words]
        if sum(widths) <= available:
            yield from self._with_words(label, widths, shades)
        elif len(widths) * _NUMBER_WIDTH <= available:
            yield from self._with_numbers(label, shades)
            yield from self._legend(options.max_width)
        else:
            yield from self._with_shades(label, available, shades)
            yield from self._legend(options.max_width)
        yield _key(shades)

    def _with_words(self, label: int, widths: list[int], shades: str) -> Iterator[Text]:
        heads = [
            fit_to_width(word, width, right=True)
            for word, width in zip(self.source_words, widths, strict=True)
        ]
        yield _line(" " * (label + 1) + "".join(heads))
        yield from self._number_rows(label, widths, shades)

    def _with_numbers(self, label: int, shades: str) -> Iterator[Text]:
        widths = [_NUMBER_WIDTH] * len(self.source_words)
        yield _line(" " * (label + 1) + "".join(f"{n:>{w}}" for n, w in enumerate(widths, start=1)))
        yield from self._number_rows(label, widths, shades)

    def _number_rows(self, label: int, widths: list[int], shades: str) -> Iterator[Text]:
        for word, weights in zip(self.target_words, self.attention, strict=True):
            line = _line(fit_to_width(word, label, right=True) + " ")
            for weight, width in zip(weights, widths, strict=True):
                line.append(
                    f"{shades[_shade(weight)]}{_percent(weight)}".rjust(width), _style(weight, weights)
                )
            yield line

    def _with_shades(self, label: int, available: int, shades: str) -> Iterator[Text]:
        peak = min(_longest(self.source_words), 12)
        columns = max(10, available - peak - 5)
        cell = 2 if 2 * len(self.source_words) <= columns else 1
        for start in range(0, len(self.source_words), columns // cell):
            numbers = range(start + 1, min(start + columns // cell, len(self.source_words)) + 1)
            for digit in _column_numbers(numbers, cell):
                yield _line(" " * (label + 1) + digit)
            yield from self._shade_rows(label, slice(start, numbers.stop - 1), cell, peak, shades)

    def _shade_rows(self, label: int, columns: slice, cell: int, peak: int, shades: str) -> Iterator[Text]:
        for word, weights in zip(self.target_words, self.attention, strict=True):
            line = _line(fit_to_width(word, label, right=True) + " ")
            for weight in weights[columns]:
                line.append(shades[_shade(weight)] * cell, _style(weight, weights))
            best = int(weights.argmax())
            line.append(f" {fit_to_width(self.source_words[best], peak)} {_percent(weights[best])}")
            yield line

    def _legend(self, width: int) -> Iterator[Text]:
        """The words of the numbered columns, as many per line as fit."""
        line = ""
        for number, word in enumerate(self.source_words, start=1):
            item = f"{number} {isolated(word)}"
            if line and cell_len(line) + 2 + cell_len(item) > width:
                yield _line(line)
                line = ""
            line += ("  " if line else "") + item
        yield _line(line)


def _longest(words: Sequence[str]) -> int:
    return max(map(cell_width, words), default=1)


def _line(text: str) -> Text:
    """A line that is neither parsed as markup nor wrapped."""
    return Text(text, no_wrap=True, overflow="crop", end="\n")


def _percent(weight: float) -> str:
    """A percentage in three cells, empty below half a percent."""
    return f"{100 * weight:3.0f}" if weight >= 0.005 else "   "


def _shade(weight: float) -> int:
    return int(np.searchsorted(_EDGES, weight, side="right"))


def _style(weight: float, row: np.ndarray) -> str:
    return f"bold {_STYLES[_shade(weight)]}" if weight == row.max() else _STYLES[_shade(weight)]


def _column_numbers(numbers: range, cell: int) -> list[str]:
    """Column numbers written vertically: in full at the first column and every tenth, else only the last digit."""
    digits = len(str(numbers[-1]))
    texts = [str(n if n % 10 == 0 or n == numbers[0] else n % 10).rjust(digits) for n in numbers]
    return ["".join(text[digit].rjust(cell) for text in texts) for digit in range(digits)]


def _key(shades: str) -> Text:
    ends = [f"{100 * edge:.0f} %" for edge in _EDGES]
    parts = [f"{shade} below {end}" for shade, end in zip(shades, ends, strict=False)]
    return Text("  ".join([*parts, f"{shades[-1]} above"]), style="bright_black")
