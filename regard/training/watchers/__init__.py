"""Watchers of the training loop: they are notified of steps, validations and checkpoints, and change nothing."""

from regard.training.watchers.base import Callback, CallbackWatcher, Watcher, as_watcher
from regard.training.watchers.health import Finding, Health, diagnose
from regard.training.watchers.metrics_file import MetricsFile
from regard.training.watchers.progress import ProgressBar
from regard.training.watchers.samples import Samples
from regard.training.watchers.tensorboard import TensorBoard

__all__ = [
    "Callback",
    "CallbackWatcher",
    "Finding",
    "Health",
    "MetricsFile",
    "ProgressBar",
    "Samples",
    "TensorBoard",
    "Watcher",
    "as_watcher",
    "diagnose",
]
