"""The moving drawing as a file: one SVG that plays by itself, or a GIF. The page's own drawing code makes both.

It runs in QuickJS, a small JavaScript engine; GIF frames are painted by resvg. Both are of the extra `animate`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.errors import ConfigError
from regard.explain.attention_page import asset, drawing_script
from regard.explain.colours import with_colours
from regard.explain.trace_json import trace_to_json
from regard.records.text import Trace

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".svg", ".gif")
WIDTH = 1160  # units; from 1000 on the decoder stands beside the states
_HEIGHT = 520  # units for the rows; longer sentences show in full only the words that matter
_FRAMES = 7  # of a phase, in a GIF
_REST_MS = 700  # at the end of a phase, in a GIF


class Drawing:
    """The drawing functions of the page, run on one trace (its JSON). Raises ConfigError without QuickJS."""

    def __init__(self, trace: Mapping[str, Any]) -> None:
        try:
            import quickjs
        except ImportError:
            raise ConfigError(_missing("quickjs")) from None
        self._engine = quickjs.Context()
        self._engine.eval(drawing_script() + asset("film.js"))
        self._engine.set("given", json.dumps(trace))
        self._engine.eval("const trace = unpackTrace(JSON.parse(given))")

    def call(self, function: str, *arguments: object) -> Any:
        """The result of a drawing function called with the trace and these arguments."""
        self._engine.set("given", json.dumps(arguments))
        return json.loads(self._engine.eval(f"JSON.stringify({function}(trace, ...JSON.parse(given)))"))


def check_animation(path: Path, num_steps: int | None = None, step: int | None = None) -> None:
    """Raise ConfigError for a name that is neither .svg nor .gif, or a step (from 1) that there is not."""
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
    """Write the film of a trace (or its JSON), of one `step` from 1 or of all, into an .svg or .gif file.

    Raises ConfigError for another suffix, a step that there is not, and a missing extra.
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
    if path.suffix.lower() == ".svg":
        path.write_text(drawing.call("animatedSvg", options), encoding="utf-8")
    else:
        path.write_bytes(_gif(drawing, options))


def _gif(drawing: Drawing, options: Mapping[str, Any]) -> bytes:
    images, durations = [], []
    for image, duration in _frames(drawing, options):
        images.append(image)
        durations.append(duration)
    written = io.BytesIO()
    images[0].save(written, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
    return written.getvalue()


def _frames(drawing: Drawing, options: Mapping[str, Any]) -> Iterator[tuple[Image, int]]:
    """Each frame with how long it stays, in milliseconds."""
    try:
        import resvg_py
        from PIL import Image
    except ImportError as error:
        raise ConfigError(_missing(error.name or "resvg_py")) from None
    moments = drawing.call("filmMoments", {**options, "samples": _FRAMES})["moments"]
    size = None
    for number, (position, _) in enumerate(moments):
        frame = drawing.call("filmFrame", position, options)
        image = Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=frame, background="#ffffff")))
        size = size or image.size
        canvas = Image.new("RGB", size, "white")
        canvas.paste(image.convert("RGB"))
        rests = number % _FRAMES == _FRAMES - 1
        yield canvas.quantize(128, dither=Image.Dither.NONE), _REST_MS if rests else 100


def _missing(package: str) -> str:
    return f"--animate needs the Python package {package}; install it with: pip install 'regard[animate]'"
