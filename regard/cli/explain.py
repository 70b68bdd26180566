"""`regard explain`: what attention did for one sentence, step by step, with the model's numbers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from regard.cli import Parser
from regard.cli.faithful import EXAMPLES, add_faithful_options, show_faithfulness_of
from regard.cli.options import add_machine_options, is_text, load_model

_DESCRIPTION = """\
Translate one sentence and show how: for each output word the steps of attention
with the model's own numbers (0 encoder states, 1 scores, 2 weights, 3 weighted
states, 4 context, 5 next words), then the weight matrix. With --example: the
same steps on numbers small enough to work out by hand, under every score
function. With --faithful: whether attention explains this model at all, measured
over a corpus.

Over a corpus, the weights are compared with what really moves the output (words
erased, gradients), exchanged for others, and judged; baselines stand beside every
figure (Jain & Wallace 2019; Wiegreffe & Pinter 2019)."""

_EXAMPLES = f"""\
examples:
  regard explain --example
  regard explain runs/demo 'die alte frau lacht .'
  regard explain runs/demo 'die alte frau lacht .' --plot picture.pdf
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
    add("--top", type=int, default=5, help="scores and next words shown at each step (default: 5)")
    add("--matrix-only", action="store_true", help="only the translation and the weight matrix")
    add_machine_options(parser)
    add_faithful_options(parser)
    options = parser.parse_intermixed_args(arguments)
    if options.example:
        return _example()
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

    from regard.data.sentences import cut_sentences
    from regard.explain import HeatMap, font_advice, plot_attention, show_trace
    from regard.explain.plot import check_suffix

    if options.plot:
        check_suffix(options.plot)
    translator = load_model(options)
    if options.plot and translator.model.decoder.attention is None:
        parser.error("--plot: this model has no attention to draw; choose a model with a score function")
    if len(cut_sentences(sentence)) > 1:
        print("several sentences are explained as one; `regard translate` cuts them apart", file=sys.stderr)
    trace = translator.trace(sentence, options.target, num_candidates=options.top)
    translation = trace.translation
    console = Console(highlight=False)
    if options.matrix_only:
        console.print(translation.text, markup=False)
        if translation.attention is not None:
            console.print(HeatMap(translation.attention, translation.source_pieces, translation.pieces))
    else:
        console.print(show_trace(trace, options.top))
    if options.plot and translation.attention is not None:
        missing = plot_attention(
            translation.attention, translation.source_pieces, translation.pieces, options.plot
        )
        if missing:
            print(font_advice(missing), file=sys.stderr)
        print(f"drawn: {options.plot}", file=sys.stderr)
    return 0


def _example() -> int:
    from rich.console import Console

    from regard.explain import show_example, softer_example, worked_example

    console = Console(highlight=False)
    console.print(show_example(worked_example()))
    console.print(show_example(softer_example()))
    return 0
