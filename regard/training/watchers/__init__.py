"""What watches the training loop: each is told of steps, validations and checkpoints, and changes nothing."""

from regard.training.watchers.base import Callback, Calls, Watcher, as_watcher
from regard.training.watchers.health import Finding, Health, attention_statistics, diagnose
from regard.training.watchers.metrics_file import MetricsFile
from regard.training.watchers.progress import ProgressBar
from regard.training.watchers.samples import Samples
from regard.training.watchers.tensorboard import TensorBoard

__all__ = [
    "Callback",
    "Calls",
    "Finding",
    "Health",
    "MetricsFile",
    "ProgressBar",
    "Samples",
    "TensorBoard",
    "Watcher",
    "as_watcher",
    "attention_statistics",
    "diagnose",
]
