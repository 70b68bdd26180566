"""Attention step by step in the terminal, for the worked example and for a model's own translations.

Every function returns something that a rich console prints: `Console().print(show_trace(trace))`. Sentences are
never read as markup, and control characters in them are shown, not obeyed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from regard.explain.example import NEXT_STEP, ExampleScore, WorkedExample, example_scores
from regard.explain.heat_map import HeatMap
from regard.explain.numbers import even_vector, exact, plain_sum, product_sum, rounded, vector
from regard.explain.words import LEFT_TO_RIGHT_MARK, is_right_to_left, visible
from regard.records.text import Trace, TraceStep

_BAR_WIDTH = 20


def show_example(example: WorkedExample) -> Group:
    """Steps 0 to 5 of the worked example with every sum written out, then all score functions side by side."""
    parts: list[RenderableType] = [Rule(Text(f"Attention step by step: {example.title}"))]
    for title, table in step_tables(example).items():
        parts += [_title(title), table]
    parts.append(_title("Step 5: the context goes on into the decoder"))
    parts += [Padding(_pair(name, words), (0, 0, 0, 2)) for name, words in NEXT_STEP.items()]
    rows = example_scores(example.query, example.values)
    parts += [_title("\nThe same states under every score function"), score_table(rows)]
    parts.append(Text("What a model would learn is chosen here:"))
    parts += [Padding(_pair(row.name, row.parameters), (0, 0, 0, 2)) for row in rows if row.parameters]
    return Group(*parts)


def step_tables(example: WorkedExample) -> dict[str, Table]:
    """Title and table of each of the steps 0 to 4."""
    return {
        "Step 0: the encoder states, and the decoder state that looks at them": _states(example),
        "Step 1: a score for every encoder state, here the dot product": _scores(example),
        "Step 2: the softmax turns scores into weights": _weights(example),
        "Step 3: every encoder state is multiplied by its weight": _alignment(example),
        "Step 4: their sum is the context": _context(example),
    }


def score_table(rows: tuple[ExampleScore, ...]) -> Table:
    """Formula, source, scores and weights under every score function."""
    table = _table("name", "formula", "source", "scores", "weights")
    for row in rows:
        _add_row(table, row.name, row.formula, row.source, even_vector(row.scores), even_vector(row.weights))
    return table


def show_trace(trace: Trace, top: int = 5) -> Group:
    """A translation, steps 0 to 5 of each of its words with the model's numbers, and the heat map.

    `top` is how many source words and how many candidates are listed for each word, the best ones first. For a
    `rich` console: `rich.print(regard.show_trace(regard.load(folder).trace(sentence)))`.
    """
    return Group(*_trace_head(trace), *_trace_steps(trace, top), *_trace_map(trace))


def _states(example: WorkedExample) -> Table:
    table = _table("state", "numbers")
    for number, value in enumerate(example.values, start=1):
        _add_row(table, f"encoder {number}", vector(value))
    _add_row(table, "decoder", vector(example.query))
    return table


def _scores(example: WorkedExample) -> Table:
    table = _table("state", "score")
    for number, value in enumerate(example.values, start=1):
        _add_row(table, f"encoder {number}", product_sum(example.query, value))
    return table


def _weights(example: WorkedExample) -> Table:
    largest = example.scores.max()
    power = f"e^(score − {rounded(largest, 4)})"
    table = _table("state", "score", power, "weight", "true value")
    for number, (score, weight) in enumerate(zip(example.scores, example.weights, strict=True), start=1):
        shown = rounded(weight, example.decimals)
        _add_row(
            table,
            f"encoder {number}",
            rounded(score, 4),
            exact(np.exp(score - largest)),
            shown,
            exact(weight),
        )
    return table


def _alignment(example: WorkedExample) -> Table:
    table = _table("state", "alignment vector", "true values")
    rows = zip(example.weights, example.values, example.alignment, strict=True)
    for number, (weight, value, aligned) in enumerate(rows, start=1):
        shown = vector(aligned, example.decimals)
        short = round(float(weight), example.decimals)
        sign = "=" if vector(short * value, example.decimals) == shown else "≈"
        product = f"{rounded(weight, example.decimals)} × {vector(value)} {sign} {shown}"
        _add_row(table, f"encoder {number}", product, _exact_vector(aligned))
    return table


def _context(example: WorkedExample) -> Table:
    table = _table("component", "sum", "true value")
    for number, (terms, total) in enumerate(zip(example.alignment.T, example.context, strict=True), start=1):
        _add_row(table, str(number), plain_sum(terms, example.decimals), exact(total))
    _add_row(table, "context", vector(example.context, example.decimals), _exact_vector(example.context))
    return table


def _exact_vector(values: np.ndarray) -> str:
    return "[" + ", ".join(exact(value) for value in values) + "]"


def _trace_head(trace: Trace) -> Iterator[RenderableType]:
    translation = trace.translation
    yield _pair("source", translation.source)
    yield _pair("translation", translation.text)
    yield _pair("log-probability", f"{translation.log_probability:.3f} nats")
    for name, value in trace.description.items():
        if value not in (None, False):
            yield _pair(name.replace("_", " "), "yes" if value is True else str(value))
    if trace.states is not None:
        count, width = trace.states.shape
        yield Text(f"Step 0: {count} encoder states of {width} numbers, one for each source token")


def _trace_steps(trace: Trace, top: int) -> Iterator[RenderableType]:
    for number, step in enumerate(trace.steps, start=1):
        probability = np.exp(step.log_probability)
        yield Rule(Text(f"word {number}: {_shown(step.token)} ({probability:.1%})"), align="left")
        if step.weights is None:
            yield Text(
                "Steps 1–4: none; this decoder has no attention, it knows only the fixed sentence vector"
            )
        else:
            yield from _looked_at(trace, step, step.weights, top)
        yield Text("Step 5: the likeliest next words")
        yield _candidates(step, top)


def _looked_at(trace: Trace, step: TraceStep, weights: np.ndarray, top: int) -> Iterator[RenderableType]:
    if step.query is not None:
        yield Text(f"Query: {len(step.query)} numbers of norm {np.linalg.norm(step.query):.3f}")
    best = np.argsort(-weights, kind="stable")[:top]
    table = _table("source token", "1 score", "2 weight", "", "3 norm of weight × state")
    for place in best:
        score = "" if step.scores is None else f"{step.scores[place]:.3f}"
        norm = "" if trace.states is None else f"{weights[place] * np.linalg.norm(trace.states[place]):.3f}"
        token = f"{place + 1} {_shown(trace.translation.source_tokens[place])}"
        _add_row(table, token, score, f"{weights[place]:.4f}", _bar(weights[place]), norm)
    yield table
    if best.size < weights.size:
        rest = np.delete(weights, best)
        yield Text(f"  the other {rest.size} tokens together: weight {rest.sum():.4f}")
    if step.context is not None:
        first = ", ".join(f"{value:.3f}" for value in step.context[:4])
        dots = ", …" if len(step.context) > 4 else ""
        yield Text(f"Step 4: context of norm {np.linalg.norm(step.context):.3f}: [{first}{dots}]")


def _candidates(step: TraceStep, top: int) -> Table:
    table = _table("token", "probability", "")
    for candidate in step.candidates[:top]:
        chance = f"{candidate.probability:.4f}"
        _add_row(table, _shown(candidate.token), chance, _bar(candidate.probability))
    return table


def _trace_map(trace: Trace) -> Iterator[RenderableType]:
    translation = trace.translation
    if translation.attention is not None:
        yield Rule(Text("all words: rows are the translation, columns the source, weights in percent"))
        yield HeatMap(translation.attention, translation.source_tokens, translation.tokens)


def _bar(share: float) -> str:
    return "█" * round(_BAR_WIDTH * min(1.0, float(share)))


def _title(words: str) -> Text:
    return Text(words, style="bold")


def _pair(name: str, words: str) -> Text:
    return Text.assemble((f"{visible(name)}: ", "bold"), visible(words))


def _shown(token: str) -> str:
    return visible(token) + (LEFT_TO_RIGHT_MARK if is_right_to_left(token) else "")


def _table(*headings: str) -> Table:
    """A table with a column for each heading."""
    table = Table(box=box.SIMPLE)
    for heading in headings:
        table.add_column(heading)
    return table


def _add_row(table: Table, *cells: str) -> None:
    """Add cells as they stand: square brackets in them are no markup."""
    table.add_row(*map(Text, cells))
