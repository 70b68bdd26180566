"""`regard explain`: what attention did for one sentence, step by step, with the model's numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.cli import Parser
from regard.cli.faithful import EXAMPLES, add_faithful_options, show_faithfulness_of
from regard.cli.options import add_machine_options, is_text, load_model

if TYPE_CHECKING:
    from regard.records.text import Trace

_DESCRIPTION = """\
Translate one sentence and show how: for each output word the steps of attention
with the model's own numbers (0 encoder states, 1 scores, 2 weights, 3 weighted
states, 4 context, 5 next words), then the weight matrix. With --example: the
same steps on numbers small enough to work out by hand, under every score
function. With --html: all of it as one page, moving; with --animate: as a film.
With --faithful: whether attention explains this model at all, over a corpus.

Over a corpus, the weights are compared with what really moves the output (words
erased, gradients), exchanged for others, and judged; baselines stand beside every
figure (Jain & Wallace 2019; Wiegreffe & Pinter 2019)."""

_EXAMPLES = f"""\
examples:
  regard explain --example
  regard explain runs/demo 'die alte frau lacht .'
  regard explain runs/demo 'die alte frau lacht .' --plot picture.pdf
  regard explain runs/demo 'die alte frau lacht .' --html page.html
  regard explain runs/demo 'die alte frau lacht .' --animate word2.svg --step 2
  regard explain runs/demo 'die alte frau lacht .' --trace trace.json
  regard explain runs/demo 'die alte frau .' --target 'the old man .'
{EXAMPLES}"""


def main(arguments: Sequence[str]) -> int:
    """Parse, trace, show."""
    parser = Parser("explain", description=_DESCRIPTION, epilog=_EXAMPLES)
    add = parser.add_argument
    add("model", nargs="?", metavar="MODEL", help="a model folder")
    add("sentence", nargs="*", metavar="SENTENCE", help="the sentence to translate, best in quotes")
    add("--example", action="store_true", help="the worked example; needs no model")
    add("--target", help="explain this translation in place of the model's own")
    add("--plot", type=Path, metavar="FILE", help="also draw the weight matrix: .png, .pdf or .svg")
    add("--html", type=Path, metavar="FILE", help="write one page that shows all, moving, in place of text")
    add(
        "--animate", type=Path, metavar="FILE", help="write the steps as a film, .svg or .gif (extra animate)"
    )
    add("--step", type=int, metavar="N", help="with --animate: only the N-th token written, from 1")
    add(
        "--trace",
        type=Path,
        metavar="FILE",
        help="also write the numbers: .json (all of them), .npz (NumPy), .csv (a line for each weight), "
        ".pharaoh or .align (word links), .softalign (tokens and weights as SoftAlignments and Nematus have them)",
    )
    add(
        "--alignment",
        action="store_true",
        help="with --trace .json or .npz: also each state times its weight",
    )
    add("--top", type=int, default=5, help="scores and next words shown at each step (default: 5)")
    add("--matrix-only", action="store_true", help="only the translation and the weight matrix")
    add_machine_options(parser)
    add_faithful_options(parser)
    options = parser.parse_intermixed_args(arguments)
    if options.step is not None and not options.animate:
        parser.error("--step: says what --animate draws; name its file too, or leave it out")
    if options.example:
        return _example(options.html, options.animate, options.step)
    if options.faithful:
        return show_faithfulness_of(parser, options)
    if options.model is None or not options.sentence:
        parser.error("expected MODEL and SENTENCE, or --example, or MODEL --faithful FILE")
    sentence = " ".join(options.sentence)
    if not sentence.strip():
        parser.error("SENTENCE is empty; give the sentence to translate, in quotes")
    if not all(map(is_text, (sentence, options.target or ""))):
        parser.error("SENTENCE and --target: expected UTF-8; convert them first, for example with iconv")
    if options.top < 1:
        parser.error(f"--top: expected a number from 1 on, got {options.top}")

    from rich.console import Console

    from regard.data.sentences import split_sentences
    from regard.explain import (
        HeatMap,
        attention_page,
        check_animation,
        check_trace_file,
        font_advice,
        plot_attention,
        show_trace,
        write_trace,
    )
    from regard.explain.plot import check_suffix

    if options.plot:
        check_suffix(options.plot)
    _check_places(options.html, options.animate)
    if options.animate:
        check_animation(options.animate, step=options.step)
    if options.trace:
        check_trace_file(options.trace)
    elif options.alignment:
        parser.error("--alignment: says what --trace writes; name its file too, or leave it out")
    translator = load_model(options)
    if options.plot and translator.model.decoder.attention is None:
        parser.error("--plot: this model has no attention to draw; choose a model with a score function")
    if len(split_sentences(sentence)) > 1:
        print("several sentences are explained as one; `regard translate` cuts them apart", file=sys.stderr)
    trace = translator.trace(
        sentence, options.target, num_candidates=options.top, alignment=options.alignment
    )
    if options.trace:
        write_trace(trace, options.trace)
        print(f"written: {options.trace}", file=sys.stderr)
    translation = trace.translation
    console = Console(highlight=False)
    if options.html or options.animate:
        console.print(translation.text, markup=False)
        _write(options.html, lambda: attention_page(trace))
        _animate(options.animate, trace, options.step)
    elif options.matrix_only:
        console.print(translation.text, markup=False)
        if translation.attention is not None:
            console.print(HeatMap(translation.attention, translation.source_tokens, translation.tokens))
    else:
        console.print(show_trace(trace, options.top))
    if options.plot and translation.attention is not None:
        missing = plot_attention(
            translation.attention, translation.source_tokens, translation.tokens, options.plot
        )
        if missing:
            print(font_advice(missing), file=sys.stderr)
        print(f"drawn: {options.plot}", file=sys.stderr)
    return 0


def _example(page: Path | None, film: Path | None, step: int | None) -> int:
    from rich.console import Console

    from regard.explain import example_page, show_example, softer_example, worked_example
    from regard.explain.attention_page import example_trace

    if page or film:
        _check_places(page, film)
        _write(page, example_page)
        _animate(film, example_trace(softer_example()), step)
        return 0
    console = Console(highlight=False)
    console.print(show_example(worked_example()))
    console.print(show_example(softer_example()))
    return 0


def _check_places(*files: Path | None) -> None:
    from regard.output import check_place

    for file in files:
        if file:
            check_place(file)


def _write(file: Path | None, make: Callable[[], str]) -> None:
    from regard.output import whole_output

    if file:
        with whole_output(file) as write:
            write(make())
        print(f"written: {file}", file=sys.stderr)


def _animate(file: Path | None, trace: Trace | Mapping[str, Any], step: int | None) -> None:
    from regard.explain import animate

    if file:
        animate(trace, file, step=step)
        print(f"drawn: {file}", file=sys.stderr)
