"""Sequence-to-sequence models with attention: train, translate, evaluate, and see what the model attends to.

>>> import regard
>>> regard.train("luong2015", ["train.de", "train.en"], out="runs/mine")    # doctest: +SKIP
>>> regard.load("runs/mine").translate("die alte frau lacht").text          # doctest: +SKIP
'the old woman laughs'

All public names are listed here, and each is imported on first use, so that `import regard` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.attention import NORMALISERS, SCORES, Attention, Normaliser, Score
    from regard.config import Config
    from regard.data import CorpusStats, corpus_stats
    from regard.documents import (
        Document,
        Shards,
        TextOptions,
        translate_document,
        translate_file,
        translate_lines,
    )
    from regard.errors import ConfigError, DataError, ModelError, RegardError, SearchError, ShapeError
    from regard.explain import (
        Live,
        WorkedExample,
        animate,
        attention_page,
        example_page,
        plot_attention,
        plot_bleu_by_length,
        read_trace,
        show_example,
        show_trace,
        softer_example,
        trace_from_json,
        trace_to_json,
        worked_example,
        write_trace,
    )
    from regard.lab.comparison import Comparison, compare
    from regard.lab.demo import Demo, demo
    from regard.lab.evaluate import evaluate
    from regard.lab.evaluation import Evaluation, SentenceEvaluation
    from regard.lab.faithful.faithfulness import Faithfulness, faithfulness
    from regard.lab.faithful.terminal import show_faithfulness
    from regard.lab.grammar_files import write_grammar
    from regard.lab.info import machine_facts, model_facts
    from regard.lab.report import write_report
    from regard.lab.test_sets import read_test_set
    from regard.records.tensors import Memory
    from regard.records.text import (
        Attend,
        BeamTree,
        Force,
        Links,
        Pair,
        Scored,
        Table,
        Trace,
        Translation,
        Weights,
    )
    from regard.serving import Limits, create_app, serve
    from regard.training import Prepared, Trained, Watcher, average, measure, prepare, train
    from regard.translator import Translator, load, load_ensemble

_HOMES = {
    "regard.attention": ("NORMALISERS", "SCORES", "Attention", "Normaliser", "Score"),
    "regard.config": ("Config",),
    "regard.data": ("CorpusStats", "corpus_stats"),
    "regard.documents": (
        "Document",
        "Shards",
        "TextOptions",
        "translate_document",
        "translate_file",
        "translate_lines",
    ),
    "regard.errors": ("ConfigError", "DataError", "ModelError", "RegardError", "SearchError", "ShapeError"),
    "regard.explain": (
        "Live",
        "WorkedExample",
        "animate",
        "attention_page",
        "example_page",
        "plot_attention",
        "plot_bleu_by_length",
        "read_trace",
        "show_example",
        "show_trace",
        "softer_example",
        "trace_from_json",
        "trace_to_json",
        "worked_example",
        "write_trace",
    ),
    "regard.lab.comparison": ("Comparison", "compare"),
    "regard.lab.demo": ("Demo", "demo"),
    "regard.lab.evaluate": ("evaluate",),
    "regard.lab.evaluation": ("Evaluation", "SentenceEvaluation"),
    "regard.lab.faithful.faithfulness": ("Faithfulness", "faithfulness"),
    "regard.lab.faithful.terminal": ("show_faithfulness",),
    "regard.lab.grammar_files": ("write_grammar",),
    "regard.lab.info": ("machine_facts", "model_facts"),
    "regard.lab.report": ("write_report",),
    "regard.lab.test_sets": ("read_test_set",),
    "regard.records.text": (
        "Attend",
        "BeamTree",
        "Force",
        "Links",
        "Pair",
        "Scored",
        "Table",
        "Trace",
        "Translation",
        "Weights",
    ),
    "regard.records.tensors": ("Memory",),
    "regard.serving": ("Limits", "create_app", "serve"),
    "regard.training": ("Prepared", "Trained", "Watcher", "average", "measure", "prepare", "train"),
    "regard.translator": ("Translator", "load", "load_ensemble"),
}
_RETURN_RECORDS = {
    "regard.documents",
    "regard.records.text",
    "regard.translator",
}  # whose results display themselves, by `regard.explain.display`
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "NORMALISERS",
    "SCORES",
    "Attend",
    "Attention",
    "BeamTree",
    "Comparison",
    "Config",
    "ConfigError",
    "CorpusStats",
    "DataError",
    "Demo",
    "Document",
    "Evaluation",
    "Faithfulness",
    "Force",
    "Limits",
    "Links",
    "Live",
    "Memory",
    "ModelError",
    "Normaliser",
    "Pair",
    "Prepared",
    "RegardError",
    "Score",
    "Scored",
    "SearchError",
    "SentenceEvaluation",
    "ShapeError",
    "Shards",
    "Table",
    "TextOptions",
    "Trace",
    "Trained",
    "Translation",
    "Translator",
    "Watcher",
    "Weights",
    "WorkedExample",
    "animate",
    "attention_page",
    "average",
    "compare",
    "corpus_stats",
    "create_app",
    "demo",
    "evaluate",
    "example_page",
    "faithfulness",
    "load",
    "load_ensemble",
    "machine_facts",
    "measure",
    "model_facts",
    "plot_attention",
    "plot_bleu_by_length",
    "prepare",
    "read_test_set",
    "read_trace",
    "serve",
    "show_example",
    "show_faithfulness",
    "show_trace",
    "softer_example",
    "trace_from_json",
    "trace_to_json",
    "train",
    "translate_document",
    "translate_file",
    "translate_lines",
    "worked_example",
    "write_grammar",
    "write_report",
    "write_trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    home = import_module(_HOME_OF[name])
    if home.__name__ in _RETURN_RECORDS:
        import_module("regard.explain.display")
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
