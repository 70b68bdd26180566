"""Sequence-to-sequence models with attention: train, translate, evaluate, and see what attention did.

>>> import regard
>>> regard.train("luong2015", ["train.de", "train.en"], out="runs/mine")    # doctest: +SKIP
>>> regard.load("runs/mine").translate("die alte frau lacht").text          # doctest: +SKIP
'the old woman laughs'

Everything public is named here, one by one; a name is imported when it is first used, so `import regard` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.attention import NORMALISERS, SCORES, Attention, Normaliser, Score
    from regard.config import Config
    from regard.errors import ConfigError, DataError, ModelError, RegardError, SearchError, ShapeError
    from regard.explain import WorkedExample, plot_attention, softer_example, worked_example
    from regard.lab.evaluation import Evaluation, evaluate
    from regard.records import Links, Memory, Pair, Trace, Translation
    from regard.training import Prepared, Trained, Watcher, measure, train
    from regard.training.prepare import prepare
    from regard.translator import Translator, load

_HOMES = {
    "regard.attention": ("NORMALISERS", "SCORES", "Attention", "Normaliser", "Score"),
    "regard.config": ("Config",),
    "regard.errors": ("ConfigError", "DataError", "ModelError", "RegardError", "SearchError", "ShapeError"),
    "regard.explain": ("WorkedExample", "plot_attention", "softer_example", "worked_example"),
    "regard.lab.evaluation": ("Evaluation", "evaluate"),
    "regard.records": ("Links", "Memory", "Pair", "Trace", "Translation"),
    "regard.training": ("Prepared", "Trained", "Watcher", "measure", "prepare", "train"),
    "regard.translator": ("Translator", "load"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "NORMALISERS",
    "SCORES",
    "Attention",
    "Config",
    "ConfigError",
    "DataError",
    "Evaluation",
    "Links",
    "Memory",
    "ModelError",
    "Normaliser",
    "Pair",
    "Prepared",
    "RegardError",
    "Score",
    "SearchError",
    "ShapeError",
    "Trace",
    "Trained",
    "Translation",
    "Translator",
    "Watcher",
    "WorkedExample",
    "evaluate",
    "load",
    "measure",
    "plot_attention",
    "prepare",
    "softer_example",
    "train",
    "worked_example",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
