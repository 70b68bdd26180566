"""Attention step by step in the terminal, for the worked example and for the translations of a model.

Every function returns a rich renderable: `Console().print(show_trace(trace))`. Sentences are never parsed as markup,
and control characters in them are shown, not obeyed.
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
from regard.explain.numbers import (
    aligned_vector_text,
    dot_product_text,
    exact,
    rounded,
    sum_text,
    vector_text,
)
from regard.explain.words import isolated, visible
from regard.records.text import Trace, TraceStep

_BAR_WIDTH = 20


def show_example(example: WorkedExample) -> Group:
    """Show steps 0 to 5 of the worked example with every sum written out, then all score functions side by side."""
    parts: list[RenderableType] = [Rule(Text(f"Attention step by step: {example.title}"))]
    for title, table in step_tables(example).items():
        parts += [_title(title), table]
    parts.append(_title("Step 5: the context enters the decoder"))
    parts += [Padding(_pair(name, text), (0, 0, 0, 2)) for name, text in NEXT_STEP.items()]
    rows = example_scores(example.query, example.values)
    parts += [_title("\nThe same states under every score function"), score_table(rows)]
    parts.append(Text("Learnt parameters, here chosen by hand:"))
    parts += [Padding(_pair(row.name, row.parameters), (0, 0, 0, 2)) for row in rows if row.parameters]
    return Group(*parts)


def step_tables(example: WorkedExample) -> dict[str, Table]:
    """Return the tables of steps 0 to 4 by their titles."""
    return {
        "Step 0: the encoder states, and the decoder state that is the query": _states(example),
        "Step 1: a score for every encoder state, here the dot product": _scores(example),
        "Step 2: the softmax turns scores into weights": _weights(example),
        "Step 3: every encoder state is multiplied by its weight": _alignment(example),
        "Step 4: their sum is the context": _context(example),
    }


def score_table(rows: tuple[ExampleScore, ...]) -> Table:
    """Return a table with the formula, source, scores and weights of every score function."""
    table = _table("name", "formula", "source", "scores", "weights")
    for row in rows:
        scores, weights = aligned_vector_text(row.scores), aligned_vector_text(row.weights)
        _add_row(table, row.name, row.formula, row.source, scores, weights)
    return table


def show_trace(trace: Trace, top: int = 5) -> Group:
    """Show a translation, steps 0 to 5 of each of its tokens with the model's numbers, and the heat map.

    For each token at most `top` source tokens and `top` candidates are listed, the best first. The result is for a
    rich console: `rich.print(regard.show_trace(regard.load(folder).trace(sentence)))`.
    """
    return Group(*_trace_head(trace), *_trace_steps(trace, top), *_trace_heat_map(trace))


def _states(example: WorkedExample) -> Table:
    table = _table("state", "numbers")
    for number, value in enumerate(example.values, start=1):
        _add_row(table, f"encoder {number}", vector_text(value))
    _add_row(table, "decoder", vector_text(example.query))
    return table


def _scores(example: WorkedExample) -> Table:
    table = _table("state", "score")
    for number, value in enumerate(example.values, start=1):
        _add_row(table, f"encoder {number}", dot_product_text(example.query, value))
    return table


def _weights(example: WorkedExample) -> Table:
    largest = example.scores.max()
    exponential = f"e^(score − {rounded(largest, 4)})"
    table = _table("state", "score", exponential, "weight", "true value")
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
        shown = vector_text(aligned, example.decimals)
        short = round(float(weight), example.decimals)
        sign = "=" if vector_text(short * value, example.decimals) == shown else "≈"
        product = f"{rounded(weight, example.decimals)} × {vector_text(value)} {sign} {shown}"
        _add_row(table, f"encoder {number}", product, _exact_vector(aligned))
    return table


def _context(example: WorkedExample) -> Table:
    table = _table("component", "sum", "true value")
    for number, (terms, total) in enumerate(zip(example.alignment.T, example.context, strict=True), start=1):
        _add_row(table, str(number), sum_text(terms, example.decimals), exact(total))
    _add_row(table, "context", vector_text(example.context, example.decimals), _exact_vector(example.context))
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
        yield Rule(Text(f"word {number}: {isolated(step.token)} ({probability:.1%})"), align="left")
        if step.weights is None:
            yield Text(
                "Steps 1–4: none; this decoder has no attention, it knows only the fixed sentence vector"
            )
        else:
            yield from _attention(trace, step, step.weights, top)
        yield Text("Step 5: the most probable next words")
        yield _candidates(step, top)


def _attention(trace: Trace, step: TraceStep, weights: np.ndarray, top: int) -> Iterator[RenderableType]:
    if step.query is not None:
        yield Text(f"Query: {len(step.query)} numbers of norm {np.linalg.norm(step.query):.3f}")
    best = np.argsort(-weights, kind="stable")[:top]
    table = _table("source token", "1 score", "2 weight", "", "3 norm of weight × state")
    for index in best:
        score = "" if step.scores is None else f"{step.scores[index]:.3f}"
        norm = "" if trace.states is None else f"{weights[index] * np.linalg.norm(trace.states[index]):.3f}"
        token = f"{index + 1} {isolated(trace.translation.source_tokens[index])}"
        _add_row(table, token, score, f"{weights[index]:.4f}", _bar(weights[index]), norm)
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
        probability = f"{candidate.probability:.4f}"
        _add_row(table, isolated(candidate.token), probability, _bar(candidate.probability))
    return table


def _trace_heat_map(trace: Trace) -> Iterator[RenderableType]:
    translation = trace.translation
    if translation.attention is not None:
        yield Rule(Text("all words: rows are the translation, columns the source, weights in percent"))
        yield HeatMap(translation.attention, translation.source_tokens, translation.tokens)


def _bar(share: float) -> str:
    return "█" * round(_BAR_WIDTH * min(1.0, float(share)))


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _pair(name: str, text: str) -> Text:
    return Text.assemble((f"{visible(name)}: ", "bold"), visible(text))


def _table(*headings: str) -> Table:
    """An empty table with these column headings."""
    table = Table(box=box.SIMPLE)
    for heading in headings:
        table.add_column(heading)
    return table


def _add_row(table: Table, *cells: str) -> None:
    """Add a row of literal text, in which square brackets are not markup."""
    table.add_row(*map(Text, cells))
