"""Training: the loop, its schedules and state, and what watches it."""

from regard.training.averaging import average
from regard.training.batch_budget import BatchBudget, find_batch_budget
from regard.training.dry_run import DryRun, dry_run, dry_run_lines
from regard.training.experiment import Trained, measure, train
from regard.training.loop import run_loop
from regard.training.precision import Precision, choose_device, choose_precision
from regard.training.prepare import prepare
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
    "dry_run",
    "dry_run_lines",
    "find_batch_budget",
    "measure",
    "prepare",
    "run_loop",
    "train",
]
