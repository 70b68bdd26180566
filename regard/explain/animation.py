"""Films of the steps of attention: an SVG that plays by itself, or a GIF, both drawn by the page's own scripts.

The scripts run in QuickJS, a small JavaScript engine; resvg renders the frames of a GIF. Both belong to the extra
`animate`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.atomic_writes import atomic_file
from regard.errors import ConfigError
from regard.explain.attention_page import asset, drawing_script
from regard.explain.colours import with_colours
from regard.explain.trace_json import trace_to_json
from regard.records.text import Trace

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".svg", ".gif")
WIDTH = 1160  # units; from 1000 on the decoder stands next to the encoder states
_HEIGHT = 520  # units for the rows; of longer sentences only the words with large weights are shown in full
_FRAMES_PER_PHASE = 7  # of a GIF
_FRAME_MS, _LAST_FRAME_MS = 100, 700  # the last frame of a phase stays longer


class Drawing:
    """The drawing functions of the page, applied to one trace (as JSON). Raises ConfigError if QuickJS is missing."""

    def __init__(self, trace: Mapping[str, Any]) -> None:
        try:
            import quickjs
        except ImportError:
            raise ConfigError(_missing("quickjs")) from None
        self._engine = quickjs.Context()
        self._engine.eval(drawing_script() + asset("film.js"))
        self._engine.set("traceJson", json.dumps(trace))
        self._engine.eval("const trace = decodeTrace(JSON.parse(traceJson))")

    def call(self, function: str, *arguments: object) -> Any:
        """Call a drawing function with the trace and these arguments, and return its result."""
        self._engine.set("argumentsJson", json.dumps(arguments))
        return json.loads(
            self._engine.eval(f"JSON.stringify({function}(trace, ...JSON.parse(argumentsJson)))")
        )


def check_animation(path: Path, num_steps: int | None = None, step: int | None = None) -> None:
    """Raise ConfigError for a name that ends in neither .svg nor .gif, or a `step` outside 1 … `num_steps`."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"--animate: expected a name ending in .svg or .gif, got {path.name!r}")
    if step is not None and (step < 1 or (num_steps is not None and step > num_steps)):
        last = "" if num_steps is None else f" to {num_steps}, the number of tokens written"
        raise ConfigError(f"--step: expected a number from 1{last}, got {step}")


def animate(
    trace: Trace | Mapping[str, Any],
    path: str | Path,
    *,
    step: int | None = None,
    width: int = WIDTH,
    dark: bool = False,
) -> None:
    """Write a film of a trace (or of its JSON) to an .svg or .gif file: of one `step`, counted from 1, or of all.

    `width` is in units of the SVG, pixels of the GIF. Raises ConfigError for another suffix, a step out of range, or
    if the extra `animate` is not installed; DataError for a path that cannot be written.
    """
    data, path = trace_to_json(trace) if isinstance(trace, Trace) else trace, Path(path)
    check_animation(path, len(data["steps"]), step)
    drawing = Drawing(data)
    options = {
        "width": width,
        "height": _HEIGHT,
        "style": with_colours(asset("drawing.css"), dark=dark),
        "step": None if step is None else step - 1,
    }
    is_svg = path.suffix.lower() == ".svg"
    film = drawing.call("animatedSvg", options).encode() if is_svg else _gif(drawing, options)
    with atomic_file(path) as file:
        file.write(film)


def _gif(drawing: Drawing, options: Mapping[str, Any]) -> bytes:
    images, durations = [], []
    for image, duration in _frames(drawing, options):
        images.append(image)
        durations.append(duration)
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return file.getvalue()


def _frames(drawing: Drawing, options: Mapping[str, Any]) -> Iterator[tuple[Image, int]]:
    """Yield each frame with its duration in milliseconds."""
    try:
        import resvg_py
        from PIL import Image
    except ImportError as error:
        raise ConfigError(_missing(error.name or "resvg_py")) from None
    moments = drawing.call("filmMoments", {**options, "samples": _FRAMES_PER_PHASE})["moments"]
    size = None
    for index, (position, _) in enumerate(moments):
        frame = drawing.call("filmFrame", position, options)
        image = Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=frame, background="#ffffff")))
        size = size or image.size
        canvas = Image.new("RGB", size, "white")
        canvas.paste(image.convert("RGB"))
        ends_phase = (index + 1) % _FRAMES_PER_PHASE == 0
        yield canvas.quantize(128, dither=Image.Dither.NONE), _LAST_FRAME_MS if ends_phase else _FRAME_MS


def _missing(package: str) -> str:
    return f"--animate needs the Python package {package}; install it with: pip install 'regard[animate]'"
