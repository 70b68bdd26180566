"""Training: the loop, its schedules and state, and its watchers.

A name is imported when it is first used: who asks only for a device does not wait for the loop.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regard.training.averaging import average
    from regard.training.batch_budget import BatchBudget, find_batch_budget
    from regard.training.dry_run import DryRun, describe_dry_run, measure_dry_run
    from regard.training.experiment import Trained, measure, train
    from regard.training.loop import run_loop
    from regard.training.precision import Precision, choose_device, choose_precision
    from regard.training.preparation import prepare
    from regard.training.prepared import Prepared
    from regard.training.reports import (
        AttentionStatistics,
        RunFacts,
        Sample,
        StepReport,
        TrainingResult,
        ValidationReport,
        ValidationResult,
    )
    from regard.training.watchers import Watcher

_MODULES = {
    "averaging": ("average",),
    "batch_budget": ("BatchBudget", "find_batch_budget"),
    "dry_run": ("DryRun", "describe_dry_run", "measure_dry_run"),
    "experiment": ("Trained", "measure", "train"),
    "loop": ("run_loop",),
    "precision": ("Precision", "choose_device", "choose_precision"),
    "preparation": ("prepare",),
    "prepared": ("Prepared",),
    "reports": (
        "AttentionStatistics",
        "RunFacts",
        "Sample",
        "StepReport",
        "TrainingResult",
        "ValidationReport",
        "ValidationResult",
    ),
    "watchers": ("Watcher",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AttentionStatistics",
    "BatchBudget",
    "DryRun",
    "Precision",
    "Prepared",
    "RunFacts",
    "Sample",
    "StepReport",
    "Trained",
    "TrainingResult",
    "ValidationReport",
    "ValidationResult",
    "Watcher",
    "average",
    "choose_device",
    "choose_precision",
    "describe_dry_run",
    "find_batch_budget",
    "measure",
    "measure_dry_run",
    "prepare",
    "run_loop",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
