"""`regard explain`: show what attention does for one sentence, step by step, with the model's numbers."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regard.cli import Parser, fast_imports
from regard.cli.options import add_machine_options, load_model
from regard.cli.search_options import is_text

if TYPE_CHECKING:
    from regard.records.text import Trace, Translation

_DESCRIPTION = """\
Translate one sentence and show how: for each output token the steps of attention with the model's own numbers
(0 encoder states, 1 scores, 2 weights, 3 weighted states, 4 context, 5 next tokens), then the matrix of
weights. With --html, all of it as one animated page; with --animate, as a film. With --example, the same steps
on numbers small enough to work out by hand, under every score function.

Whether attention explains a model at all is measured over a corpus by `regard faithful`."""

_EXAMPLES = """\
examples:
  regard explain --example
  regard explain runs/demo 'die alte frau lacht .'
  regard explain runs/demo 'die alte frau lacht .' --plot picture.pdf
  regard explain runs/demo 'die alte frau lacht .' --html page.html
  regard explain runs/demo 'die alte frau lacht .' --animate word2.svg --step 2
  regard explain runs/demo 'die alte frau lacht .' --trace trace.json
  regard explain runs/demo 'die alte frau .' --target 'the old man .'"""


def main(arguments: Sequence[str]) -> int:
    """Trace one translation, show it, and write what is asked for; or show the worked example."""
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    _check(parser, options)
    if options.example:
        return _example(options.html, options.animate, options.step)
    sentence = _sentence(parser, options)
    _check_outputs(parser, options)

    from rich.console import Console

    with fast_imports():
        translator = load_model(options)
    if options.plot and translator.model.decoder.attention is None:
        parser.error("--plot: this model has no attention to draw; choose a model with a score function")
    _warn_of_several(sentence)
    trace = translator.trace(
        sentence, options.target, num_candidates=options.top, alignment=options.alignment
    )
    if options.trace:
        from regard.explain import write_trace

        write_trace(trace, options.trace)
        print(f"written: {options.trace}", file=sys.stderr)
    console = Console(highlight=False)
    if options.html or options.animate:
        console.print(trace.translation.text, markup=False)
        _write_page(options.html, trace)
        _animate(options.animate, trace, options.step)
    elif options.matrix_only:
        from regard.explain import HeatMap

        translation = trace.translation
        console.print(translation.text, markup=False)
        if translation.attention is not None:
            console.print(HeatMap(translation.attention, translation.source_tokens, translation.tokens))
    else:
        from regard.explain import show_trace

        console.print(show_trace(trace, options.top))
    if options.plot:
        _plot(options.plot, trace.translation)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "explain",
        usage="regard explain MODEL SENTENCE [options]\n       regard explain --example [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    add = parser.add_argument
    add("model", nargs="?", metavar="MODEL", help="a model folder")
    add("sentence", nargs="*", metavar="SENTENCE", help="the sentence to translate, best in quotes")
    add("--example", action="store_true", help="show the worked example; needs no model")
    add("--target", metavar="TEXT", help="explain this translation in place of the model's own")
    add("--plot", type=Path, metavar="FILE", help="also draw the matrix of weights: .png, .pdf or .svg")
    add("--html", type=Path, metavar="FILE", help="write an animated page in place of text")
    add(
        "--animate",
        type=Path,
        metavar="FILE",
        help="write the steps as a film, .svg or .gif (needs the extra animate)",
    )
    add("--step", type=int, metavar="N", help="with --animate: only the N-th output token, from 1")
    add(
        "--trace",
        type=Path,
        metavar="FILE",
        help="also write the numbers: .json (all of them), .npz (NumPy), .csv (a line for each weight), "
        ".pharaoh or .align (word links), .softalign (tokens and weights, as SoftAlignments and Nematus write them)",
    )
    add(
        "--alignment",
        action="store_true",
        help="with --trace .json or .npz: also each encoder state times its weight",
    )
    add(
        "--top",
        type=int,
        default=5,
        metavar="N",
        help="scores and candidate tokens shown at each step (default: 5)",
    )
    add("--matrix-only", action="store_true", help="show only the translation and the matrix of weights")
    add("--faithful", nargs="*", help=SUPPRESS)  # now a verb
    add_machine_options(parser)
    return parser


def _check(parser: Parser, options: Namespace) -> None:
    if options.faithful is not None:
        parser.error("--faithful is a verb of its own: regard faithful MODEL SOURCE [TARGET]")
    if options.step is not None and not options.animate:
        parser.error("--step: expected --animate FILE too, got none; it chooses the token that is drawn")


def _sentence(parser: Parser, options: Namespace) -> str:
    if options.model is None or not options.sentence:
        parser.error("expected MODEL and SENTENCE, or --example")
    sentence = " ".join(options.sentence)
    if not sentence.strip():
        parser.error("SENTENCE is empty; give the sentence to translate, in quotes")
    if not all(map(is_text, (sentence, options.target or ""))):
        parser.error("SENTENCE and --target: expected UTF-8; convert them first, for example with iconv")
    if options.top < 1:
        parser.error(f"--top: expected a number from 1 on, got {options.top}")
    return sentence


def _check_outputs(parser: Parser, options: Namespace) -> None:
    """Find mistakes in the names of files before the model is loaded."""
    if options.plot:
        from regard.explain.plot import check_suffix

        check_suffix(options.plot)
    _check_writable(options.html, options.animate)
    if options.animate:
        from regard.explain import check_animation

        check_animation(options.animate, step=options.step)
    if options.trace:
        from regard.explain import check_trace_file

        check_trace_file(options.trace)
    elif options.alignment:
        parser.error("--alignment: expected --trace FILE too, got none; it adds to what that writes")


def _warn_of_several(sentence: str) -> None:
    from regard.data.sentences import split_sentences

    if len(split_sentences(sentence)) > 1:
        print("several sentences are explained as one; `regard translate` splits them", file=sys.stderr)


def _example(page: Path | None, film: Path | None, step: int | None) -> int:
    from regard.explain import example_page, show_example, softer_example, worked_example
    from regard.explain.attention_page import example_trace

    if page or film:
        _check_writable(page, film)
        _write(page, example_page)
        _animate(film, example_trace(softer_example()), step)
        return 0

    from rich.console import Console

    console = Console(highlight=False)
    console.print(show_example(worked_example()))
    console.print(show_example(softer_example()))
    return 0


def _check_writable(*files: Path | None) -> None:
    from regard.atomic_writes import check_writable

    for file in files:
        if file:
            check_writable(file)


def _write_page(file: Path | None, trace: Trace) -> None:
    from regard.explain import attention_page

    _write(file, lambda: attention_page(trace))


def _write(file: Path | None, render: Callable[[], str]) -> None:
    from regard.atomic_writes import atomic_text

    if file:
        with atomic_text(file) as write:
            write(render())
        print(f"written: {file}", file=sys.stderr)


def _animate(file: Path | None, trace: Trace | Mapping[str, Any], step: int | None) -> None:
    from regard.explain import animate

    if file:
        animate(trace, file, step=step)
        print(f"drawn: {file}", file=sys.stderr)


def _plot(file: Path, translation: Translation) -> None:
    from regard.explain import font_advice, plot_attention

    if translation.attention is None:
        return
    missing = plot_attention(translation.attention, translation.source_tokens, translation.tokens, file)
    if missing:
        print(font_advice(missing), file=sys.stderr)
    print(f"drawn: {file}", file=sys.stderr)
