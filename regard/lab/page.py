"""Render a report as one HTML page: no script, no network, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version

from regard.explain.heat_table import HEAT_COLOURS, HEAT_COLOURS_DARK, HEAT_STYLE, heat_html, text_html
from regard.lab.cases import Case, EvaluationReport, mark_unmatched
from regard.lab.tables import format_percent
from regard.metrics import MEASURES, MetricScore

_STYLE = f"""\
:root {{ color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #fff; --card: #f6f8fa; --line: #d8dee4;
  --bar: rgba(0, 114, 178, .16); --wrong: #b3261e; {HEAT_COLOURS} }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6edf3; --soft: #9aa5b1; --paper: #0d1117; --card: #151b23;
  --line: #30363d; --bar: rgba(86, 180, 233, .22); --wrong: #ff9d94; {HEAT_COLOURS_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }}
h1 {{ font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.25rem; margin: 3rem 0 .5rem; }}
p {{ margin: .25rem 0 1rem; max-width: 46rem; }}
.soft, nav, dt, caption, figcaption {{ color: var(--soft); }}
nav a {{ color: inherit; margin-right: 1.25rem; }}
.figures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1.75rem 0 1rem; padding: 0; list-style: none; }}
.figures li {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem .9rem; }}
.figures b {{ display: block; font-size: 1.75rem; line-height: 1.2; font-variant-numeric: tabular-nums; }}
.figures small {{ color: var(--soft); font-size: .8rem; font-weight: 400; white-space: nowrap; }}
dl {{ display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: .5rem 0; }}
dd {{ margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }}
code {{ font: .8rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }}
.plain {{ border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: min(100%, 32rem); }}
.plain th, .plain td {{ padding: .3rem .75rem; text-align: right; font-weight: 400;
  border-bottom: 1px solid var(--line); }}
.plain thead th {{ color: var(--soft); font-size: .9rem; }}
.plain td small {{ display: block; color: var(--soft); white-space: nowrap; }}
.plain th:first-child {{ text-align: left; padding-left: 0; white-space: nowrap; }}
.plain td.bar {{ min-width: 7rem;
  background: linear-gradient(to right, var(--bar) calc(var(--v) * 1%), transparent 0); }}
article {{ border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem 1rem; margin: 1rem 0;
  break-inside: avoid; }}
article h3 {{ font-size: .95rem; margin: 0; display: flex; justify-content: space-between; gap: 1rem; }}
article h3 span:last-child {{ font-variant-numeric: tabular-nums; }}
article h3 span:first-child, .remark {{ color: var(--soft); font-weight: 400; }}
article p.remark {{ margin: .25rem 0; font-size: .9rem; max-width: none; }}
.verdict {{ background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--answer);
  border-radius: 10px; padding: 1rem 1.25rem; margin: 1.75rem 0; }}
.verdict p, .verdict ul {{ margin: .25rem 0 .75rem; }}
.verdict ul {{ list-style: none; padding: 0; }}
.verdict li {{ border-left: 3px solid var(--answer); padding-left: .75rem; margin: .75rem 0; }}
.yes {{ --answer: #0f8a5f; }}
.partly {{ --answer: #d98e00; }}
.no {{ --answer: var(--wrong); }}
.unmatched {{ color: var(--wrong); text-decoration: underline dotted; text-underline-offset: .2em; }}
.scroll {{ overflow-x: auto; margin-top: .75rem; }}
.key {{ display: inline-block; width: 1em; height: 1em; border-radius: 3px; vertical-align: -.15em;
  box-shadow: inset 0 0 0 2px var(--gold); }}
{HEAT_STYLE}"""


def html_report(report: EvaluationReport) -> str:
    """Render a report; all text from files is escaped."""
    return html_page(report.title, report.subtitle, _sections(report))


def html_page(title: str, subtitle: str, sections: Iterable[str]) -> str:
    """Return a page of HTML sections; title and subtitle are plain text."""
    title = text_html(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        f'<p class="soft">{text_html(subtitle)} · regard {version("regard")}</p>\n'
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _sections(report: EvaluationReport) -> Iterator[str]:
    evaluation = report.evaluation
    yield f'<ul class="figures">{"".join(_figure(name, score) for name, score in evaluation.scores.items())}</ul>'
    if report.figures_note:
        yield f"<p>{text_html(report.figures_note)}</p>"
    yield "<h2>By the length of the source</h2>"
    headers = [f"source {evaluation.length_unit}", "sentences", "BLEU", "chrF", "exact match %"]
    yield _table(
        headers, [(r.label, r.num_sentences, [r.bleu, r.chrf, r.exact_match]) for r in evaluation.by_length]
    )
    if evaluation.by_frequency:
        yield "<h2>By the frequency of words in training</h2>"
        yield (
            '<p class="soft">Recall: the share of the words of the references that are in the translation of the '
            "same sentence. Precision: the reverse.</p>"
        )
        rare = [(r.label, r.num_words, [r.recall, r.precision]) for r in evaluation.by_frequency]
        yield _table(["times in training", "words", "recall %", "precision %"], rare)
    if evaluation.diagonal_aer is not None:
        yield "<h2>Word links</h2>"
        scores = {"attention": evaluation.aer, "the diagonal": evaluation.diagonal_aer}
        links = [
            (name, s.num_found, [100 * s.aer, 100 * s.precision, 100 * s.recall])
            for name, s in scores.items()
            if s
        ]
        yield _table(["linked by", "links", "AER % ↓", "precision %", "recall %"], links)
    underlined = '<span class="unmatched">underlined</span>'
    note = f"Those with the lowest chrF. Words missing from the other side are {underlined}."
    yield from _cases("The worst translations", note, report.translations)
    note = text_html(report.attention_note)
    if any(case.gold for case in report.attention):
        note += ' Gold links are outlined <span class="key"></span>.'
    yield from _cases("Where attention looks most wrong", note, report.attention)
    yield "<h2>Signatures</h2>"
    yield f"<dl>{''.join(_signature(name, score) for name, score in evaluation.scores.items())}</dl>"


def _figure(name: str, score: MetricScore) -> str:
    measure = MEASURES[name]
    margin = "" if score.margin is None else f"± {score.margin:.2f}"
    direction = "lower is better" if measure.lower_is_better else "higher is better"
    return (
        f'<li title="{text_html(measure.meaning)}">{text_html(measure.label)}<b>{score.value:.2f} '
        f"<small>{margin}</small></b><small>{direction}</small></li>"
    )


def _signature(name: str, score: MetricScore) -> str:
    return f"<dt>{text_html(MEASURES[name].label)}</dt><dd><code>{text_html(score.signature)}</code></dd>"


def _table(headers: Sequence[str], rows: Sequence[tuple[str, int, Sequence[float | None]]]) -> str:
    """Return a table of labels, counts, and percentages as bars."""
    body = [
        f'<tr><th scope="row">{text_html(label)}</th><td>{count:,}</td>{"".join(map(_bar, figures))}</tr>'
        for label, count, figures in rows
    ]
    return table_html(headers, body)


def table_html(headers: Sequence[str], rows: Iterable[str]) -> str:
    """Return a table with these headers, which are plain text; the rows are HTML."""
    head = "".join(f'<th scope="col">{text_html(name)}</th>' for name in headers)
    table = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table class="plain">{table}</table></div>'


def _bar(figure: float | None) -> str:
    return f'<td class="bar" style="--v:{min(figure or 0, 100):.1f}">{format_percent(figure)}</td>'


def _cases(title: str, note: str, cases: Sequence[Case]) -> Iterator[str]:
    if cases:
        yield f'<h2>{title}</h2>\n<p class="soft">{note}</p>'
        yield from map(_case, cases)


def _case(case: Case) -> str:
    sentence = case.sentence
    remarks = "".join(f'<p class="remark">{text_html(remark)}</p>' for remark in case.remarks)
    heat = "" if case.grid is None else f'<div class="scroll">{heat_html(case.grid, case.gold)}</div>'
    references = "".join(
        f'<dt>Reference</dt><dd dir="auto">{_marked(text, [sentence.translation])}</dd>'
        for text in sentence.references
    )
    return (
        f"<article><h3><span>Sentence {sentence.number}</span><span>{text_html(case.reason)}</span></h3>"
        f'<dl><dt>Source</dt><dd dir="auto">{text_html(sentence.source)}</dd>{references}'
        f'<dt>Translation</dt><dd dir="auto">{_marked(sentence.translation, sentence.references)}</dd></dl>'
        f"{remarks}{heat}</article>"
    )


def _marked(text: str, others: Sequence[str]) -> str:
    """Underline the words of a text that are missing from the others."""
    words = mark_unmatched(text, others)
    return (
        " ".join(
            f'<span class="unmatched">{text_html(word)}</span>' if unmatched else text_html(word)
            for word, unmatched in words
        )
        or '<span class="soft">(empty)</span>'
    )
