"""Pictures of attention and of quality by length, as PNG, PDF or SVG.

matplotlib is used through its objects only, so that nothing is shared between threads. matplotlib 3.11 shapes
right-to-left and joined scripts itself; here we only see to it that fonts with the right glyphs are used.
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
from rich.cells import cell_len

from regard.atomic_writes import atomic_file
from regard.errors import ConfigError, DataError, ShapeError
from regard.explain.words import visible
from regard.metrics import LengthBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontEntry

SUFFIXES = (".png", ".pdf", ".svg")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe & Ito, for every eye
_BASE_FONT = "DejaVu Sans"  # comes with matplotlib
_MISSING_SIGN = "□"
_PACKAGES = {True: "Noto Sans CJK (Debian: fonts-noto-cjk)", False: "Noto (Debian: fonts-noto-core)"}
_CELL = 0.32  # inches
_LETTER = 0.085  # inches, about the width of a letter of a label
_DOTS_PER_INCH = 160


def plot_attention(
    matrix: np.ndarray,
    source_words: Sequence[str],
    target_words: Sequence[str],
    path: str | Path,
    title: str | None = None,
) -> tuple[str, ...]:
    """Draw attention (T, S) as a picture, a row for each target word, and write it to `path`.

    Returns the characters for which no installed font has a glyph; they are drawn as □, and `font_advice` says
    what to install. The suffix chooses PNG, PDF or SVG; ConfigError for another one or a place that cannot be
    written, ShapeError when words and matrix do not fit, DataError when there are none.
    """
    path = check_suffix(path)
    _check_shape(matrix, (len(target_words), len(source_words)))
    families, missing = fonts_for("".join([*source_words, *target_words, title or ""]))
    style: dict[str, Any] = {"family": families, "parse_math": False}
    figure = _figure(*_attention_size(source_words, target_words))
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="viridis", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    letters = all(len(word) < 3 for word in source_words)  # upright, or l and / look alike
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
    _draw_grid(axes, matrix.shape)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, aspect=max(25, len(target_words)), pad=0.02, label="weight"
    )
    bar.outline.set_visible(False)
    if title:
        figure.suptitle(_drawable([title], missing)[0], **style)
    _write(figure, path)
    return missing


def plot_bleu_by_length(series: Mapping[str, Sequence[LengthBin]], path: str | Path) -> tuple[str, ...]:
    """Draw BLEU against source length, a line for each system, named at its end, and write it to `path`.

    All systems must have translated the same sentences: DataError when their bins differ or there are none.
    Returns characters without a glyph, as `plot_attention` does; ConfigError for an unknown suffix.
    """
    path = check_suffix(path)
    bins = _shared_bins(series)
    families, missing = fonts_for("".join(series))
    style: dict[str, Any] = {"family": families, "parse_math": False}
    figure = _figure(max(5.0, 1.6 + 0.95 * len(bins)), 3.8)
    axes = figure.add_subplot()
    places = range(len(bins))
    for colour, rows in zip(_colours(len(series)), series.values(), strict=True):
        axes.plot(places, [row.bleu for row in rows], marker="o", color=colour, linewidth=2, clip_on=False)
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
    axes.set_xticks(places, [f"{row.label}\nn = {row.num_sentences}" for row in bins])
    axes.set(xlabel="source length", ylabel="BLEU", ylim=(0, 100))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    _write(figure, path)
    return missing


def font_advice(missing: Sequence[str]) -> str:
    """One line for the user: which characters had no glyph, and which font package has them."""
    shown = " ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
    wide = {cell_len(character) == 2 for character in missing}
    packages = [_PACKAGES[kind] for kind in sorted(wide)]
    return f"no installed font has {shown}; drawn as {_MISSING_SIGN}. Install {' and '.join(packages)} and draw again"


def fonts_for(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Font families that together have a glyph for each character of the text, and the characters none has."""
    families, missing = _fonts_for(frozenset(visible(text)))
    return list(families), missing


@lru_cache(maxsize=64)
def _fonts_for(characters: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """matplotlib's own font first; then whatever is installed, if need be since matplotlib last looked."""
    families, missing = [_BASE_FONT], _without_glyph(_faces()[_BASE_FONT], characters)
    region = _region(characters)
    for look_again in (False, True):
        if missing and look_again:
            _add_new_fonts()
        while missing:
            left = {name: _without_glyph(face, missing) for name, face in _faces().items()}
            best = min(
                left, key=lambda name: (len(left[name]), not name.endswith(region), "Sans" not in name)
            )
            if left[best] == missing:
                break
            families.append(best)
            missing = left[best]
    return tuple(families), tuple(sorted(missing))


def _region(characters: frozenset[str]) -> str:
    """Which of the regional forms of Chinese characters to prefer: how the families of Noto CJK end."""
    names = " ".join(unicodedata.name(character, "") for character in characters)
    return "JP" if "HIRAGANA" in names or "KATAKANA" in names else "KR" if "HANGUL" in names else "SC"


def _faces() -> dict[str, FontEntry]:
    """The upright face of each font family that matplotlib knows, in order of names."""
    from matplotlib.font_manager import fontManager

    upright = [font for font in fontManager.ttflist if font.style == "normal" and font.weight == 400]
    by_name = {font.name: font for font in sorted(upright, key=lambda font: font.name)}
    return {name: font for name, font in by_name.items() if "Last Resort" not in name}


def _without_glyph(face: FontEntry, characters: frozenset[str]) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    font = FT2Font(face.fname, face_index=face.index)
    return frozenset(character for character in characters if not font.get_char_index(ord(character)))


def _add_new_fonts() -> None:
    """Tell matplotlib of fonts installed since it wrote its list, which it never looks for by itself."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with suppress(OSError, RuntimeError):  # a font that cannot be read is as good as absent
            fontManager.addfont(path)


def _drawable(words: Sequence[str] | Mapping[str, object], missing: tuple[str, ...]) -> list[str]:
    """The words with a box for every character that cannot be drawn."""
    boxes = str.maketrans(dict.fromkeys(missing, _MISSING_SIGN))
    return [visible(word).translate(boxes) for word in words]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")


def _attention_size(source_words: Sequence[str], target_words: Sequence[str]) -> tuple[float, float]:
    """Inches for the cells, the labels and the colour bar; cells shrink in very long sentences."""
    longest_source, longest_target = (
        max((cell_len(visible(word)) for word in words), default=1) for words in (source_words, target_words)
    )
    cell = min(_CELL, 14 / max(len(source_words), len(target_words), 1))
    width = cell * len(source_words) + _LETTER * longest_target + 1.2
    height = cell * len(target_words) + _LETTER * longest_source + 0.6
    return max(width, 3.0), max(height, 2.2)


def _draw_grid(axes: Axes, shape: tuple[int, ...]) -> None:
    """Thin light lines between the cells."""
    axes.set_xticks(np.arange(1, shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, shape[0]) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.4, alpha=0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)


def _shared_bins(series: Mapping[str, Sequence[LengthBin]]) -> Sequence[LengthBin]:
    kinds = {tuple((row.label, row.num_sentences) for row in rows) for rows in series.values()}
    if len(kinds) != 1 or kinds == {()}:
        raise DataError(
            f"BLEU by length: expected the same bins for every system, at least one, got {len(kinds)} "
            "different sets; score all systems on the same sentences"
        )
    return next(iter(series.values()))


def _colours(count: int) -> list[str]:
    return [_COLOURS[place % len(_COLOURS)] for place in range(count)]


def _spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels up until none is nearer than `gap` to the one below it."""
    moved = list(heights)
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def _check_shape(matrix: np.ndarray, expected: tuple[int, int]) -> None:
    if matrix.shape != expected:
        raise ShapeError(
            f"attention plot: expected (target words, source words) = {expected}, got {matrix.shape}; "
            "give one word for each row and column"
        )
    if not matrix.size:
        raise DataError(f"attention plot: expected a word on each side, got {matrix.shape}; nothing to draw")


def check_suffix(path: str | Path) -> Path:
    """The path, if its suffix is one of SUFFIXES; ConfigError if not."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: expected a picture ending in {', '.join(SUFFIXES)}, got {path.suffix!r}; rename it"
        )
    return path


def _write(figure: Figure, path: Path) -> None:
    """Write beside the place and move there, so that nobody ever sees half a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            figure.savefig(file, format=path.suffix.lower()[1:], bbox_inches="tight", pad_inches=0.1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
