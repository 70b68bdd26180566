"""Pictures of attention and of quality by length, as PNG, PDF or SVG.

Only matplotlib's objects are used, never pyplot, so that threads share nothing. matplotlib 3.11 shapes right-to-left
and joined scripts itself; this module only chooses fonts that have the glyphs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.atomic_writes import atomic_file
from regard.errors import ConfigError, DataError, ShapeError
from regard.explain.words import cell_width, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontEntry

    from regard.metrics import LengthBin

SUFFIXES = (".png", ".pdf", ".svg")
# Okabe & Ito 2008, safe for the colour-blind
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_BASE_FONT = "DejaVu Sans"  # shipped with matplotlib
_MISSING_SIGN = "□"
_PACKAGES = {True: "Noto Sans CJK (Debian: fonts-noto-cjk)", False: "Noto (Debian: fonts-noto-core)"}
_CELL = 0.32  # inches
_LETTER = 0.085  # inches, about the width of a letter of a label
_DOTS_PER_INCH = 160


def plot_attention(
    attention: np.ndarray,
    source_words: Sequence[str],
    target_words: Sequence[str],
    path: str | Path,
    title: str | None = None,
) -> tuple[str, ...]:
    """Draw attention (T, S) with a row for each target word, and write the picture to `path` as PNG, PDF or SVG.

    Returns the characters for which no installed font has a glyph; they are drawn as □, and `font_advice` says what
    to install. Raises ConfigError for another suffix or a path that cannot be written, ShapeError if the number of
    words differs from the shape of the attention, DataError if a side has no words.
    """
    path = check_suffix(path)
    _check_shape(attention, (len(target_words), len(source_words)))
    families, missing = fonts_for("".join([*source_words, *target_words, title or ""]))
    style: dict[str, Any] = {"family": families, "parse_math": False}
    figure = _figure(*_attention_size(source_words, target_words))
    axes = figure.add_subplot()
    image = axes.imshow(attention, cmap="viridis", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    letters = all(len(word) < 3 for word in source_words)  # upright, or l and / could not be told apart
    axes.set_xticks(
        range(len(source_words)), _drawable(source_words, missing), rotation=0 if letters else 60, **style
    )
    axes.set_yticks(range(len(target_words)), _drawable(target_words, missing), **style)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    for label in axes.get_xticklabels():
        label.set(ha="center" if letters else "left", va="bottom", rotation_mode="anchor")
    axes.set_xlabel("source")
    axes.xaxis.set_label_position("bottom")
    axes.set_ylabel("output")
    _draw_grid(axes, attention.shape)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, aspect=max(25, len(target_words)), pad=0.02, label="weight"
    )
    bar.outline.set_visible(False)
    if title:
        figure.suptitle(_drawable([title], missing)[0], **style)
    _write(figure, path)
    return missing


def plot_bleu_by_length(series: Mapping[str, Sequence[LengthBin]], path: str | Path) -> tuple[str, ...]:
    """Draw BLEU by source length with a labelled line for each system, and write the picture to `path`.

    Returns the characters without a glyph, as `plot_attention` does. Raises DataError if there are no bins or if the
    systems did not translate the same sentences (their bins differ), ConfigError for an unknown suffix.
    """
    path = check_suffix(path)
    bins = _shared_bins(series)
    families, missing = fonts_for("".join(series))
    style: dict[str, Any] = {"family": families, "parse_math": False}
    figure = _figure(max(5.0, 1.6 + 0.95 * len(bins)), 3.8)
    axes = figure.add_subplot()
    positions = range(len(bins))
    for colour, rows in zip(_colours(len(series)), series.values(), strict=True):
        axes.plot(positions, [row.bleu for row in rows], marker="o", color=colour, linewidth=2, clip_on=False)
    ends = _spread([rows[-1].bleu for rows in series.values()], 6.0)
    for colour, name, end in zip(_colours(len(series)), _drawable(series, missing), ends, strict=True):
        axes.annotate(
            name,
            (len(bins) - 1, end),
            (10, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            **style,
        )
    axes.set_xticks(positions, [f"{row.label}\nn = {row.num_sentences}" for row in bins])
    axes.set(xlabel="source length", ylabel="BLEU", ylim=(0, 100))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    _write(figure, path)
    return missing


def font_advice(missing: Sequence[str]) -> str:
    """Return one line that names the characters without a glyph and the font packages that have them."""
    shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
    wide = {cell_width(character) == 2 for character in missing}
    packages = [_PACKAGES[kind] for kind in sorted(wide)]
    return f"no installed font has {shown}; drawn as {_MISSING_SIGN}. Install {' and '.join(packages)} and draw again"


def fonts_for(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Return font families that together cover the text, and the characters for which no font has a glyph."""
    families, missing = _fonts_for(frozenset(visible(text)))
    return list(families), missing


@lru_cache(maxsize=64)
def _fonts_for(characters: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Try matplotlib's own font, then installed ones, then those installed after matplotlib listed them."""
    families, missing = [_BASE_FONT], _without_glyph(_faces()[_BASE_FONT], characters)
    region = _region(characters)
    for refresh in (False, True):
        if missing and refresh:
            _add_new_fonts()
        while missing:
            uncovered = {name: _without_glyph(face, missing) for name, face in _faces().items()}
            best = min(
                uncovered,
                key=lambda name: (len(uncovered[name]), not name.endswith(region), "Sans" not in name),
            )
            if uncovered[best] == missing:
                break
            families.append(best)
            missing = uncovered[best]
    return tuple(families), tuple(sorted(missing))


def _region(characters: frozenset[str]) -> str:
    """Return the suffix of the Noto CJK families whose regional forms of Chinese characters suit the text."""
    names = " ".join(unicodedata.name(character, "") for character in characters)
    return "JP" if "HIRAGANA" in names or "KATAKANA" in names else "KR" if "HANGUL" in names else "SC"


def _faces() -> dict[str, FontEntry]:
    """The upright face of each font family that matplotlib knows, sorted by name."""
    from matplotlib.font_manager import fontManager

    upright = [font for font in fontManager.ttflist if font.style == "normal" and font.weight == 400]
    by_name = {font.name: font for font in sorted(upright, key=lambda font: font.name)}
    return {name: font for name, font in by_name.items() if "Last Resort" not in name}


def _without_glyph(face: FontEntry, characters: frozenset[str]) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(face.fname, face_index=face.index)
    return frozenset(character for character in characters if not font.get_char_index(ord(character)))


def _add_new_fonts() -> None:
    """Add fonts that were installed after matplotlib wrote its font list, which it never updates by itself."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with suppress(OSError, RuntimeError):  # an unreadable font is skipped
            fontManager.addfont(path)


def _drawable(words: Sequence[str] | Mapping[str, object], missing: tuple[str, ...]) -> list[str]:
    """Replace every character that cannot be drawn by a box."""
    boxes = str.maketrans(dict.fromkeys(missing, _MISSING_SIGN))
    return [visible(word).translate(boxes) for word in words]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")


def _attention_size(source_words: Sequence[str], target_words: Sequence[str]) -> tuple[float, float]:
    """Width and height in inches for cells, labels and colour bar; in very long sentences the cells shrink."""
    longest_source, longest_target = (
        max(map(cell_width, words), default=1) for words in (source_words, target_words)
    )
    cell = min(_CELL, 14 / max(len(source_words), len(target_words), 1))
    width = cell * len(source_words) + _LETTER * longest_target + 1.2
    height = cell * len(target_words) + _LETTER * longest_source + 0.6
    return max(width, 3.0), max(height, 2.2)


def _draw_grid(axes: Axes, shape: tuple[int, ...]) -> None:
    """Draw thin light lines between the cells."""
    axes.set_xticks(np.arange(1, shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, shape[0]) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.4, alpha=0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)


def _shared_bins(series: Mapping[str, Sequence[LengthBin]]) -> Sequence[LengthBin]:
    distinct = {tuple((row.label, row.num_sentences) for row in rows) for rows in series.values()}
    if len(distinct) != 1 or distinct == {()}:
        raise DataError(
            f"BLEU by length: expected the same bins for every system, at least one, got {len(distinct)} "
            "different sets; score all systems on the same sentences"
        )
    return next(iter(series.values()))


def _colours(count: int) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels up until each is at least `gap` above the one below it."""
    moved = list(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _check_shape(attention: np.ndarray, expected: tuple[int, int]) -> None:
    if attention.shape != expected:
        raise ShapeError(
            f"attention plot: expected (target words, source words) = {expected}, got {attention.shape}; "
            "give one word for each row and column"
        )
    if not attention.size:
        raise DataError(
            f"attention plot: expected a word on each side, got {attention.shape}; nothing to draw"
        )


def check_suffix(path: str | Path) -> Path:
    """Return the path if its suffix is one of SUFFIXES. Raises ConfigError otherwise."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: expected a picture ending in {', '.join(SUFFIXES)}, got {path.suffix!r}; rename it"
        )
    return path


def _write(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            figure.savefig(file, format=path.suffix.lower()[1:], bbox_inches="tight", pad_inches=0.1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another path") from None
