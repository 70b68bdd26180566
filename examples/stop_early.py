"""Watch a training from Python and end it early, with a function or with a small class.

Run: python examples/stop_early.py
"""

from __future__ import annotations

import tempfile

import regard
from regard.training import StepReport, ValidationReport


def low_enough(report: StepReport | ValidationReport) -> str | None:
    """Return a reason to end the training, once the validation loss is low. Called after steps and validations."""
    if isinstance(report, ValidationReport) and report.result.loss < 6:
        return f"the validation loss is {report.result.loss:.2f}"
    return None


class Curve(regard.Watcher):
    """Record the losses of steps and validations, and end the training when the validation loss rises."""

    def __init__(self) -> None:
        self.training: list[float] = []
        self.validation: list[float] = []

    def on_step(self, report: StepReport) -> None:
        """Record the loss of a step."""
        self.training.append(report.loss)

    def on_validation(self, report: ValidationReport) -> str | None:
        """Record the loss of a validation, and return the reason to stop when it rises."""
        self.validation.append(report.result.loss)
        rises = len(self.validation) > 1 and self.validation[-1] > self.validation[-2]
        return "the validation loss rises" if rises else None


def main() -> None:
    """Train on a small part of the embedded corpus until one of the two watchers stops it."""
    overrides = [
        "--data.grammar_pairs=2000",
        "--data.holdout_pairs=50",
        "--tokeniser.kind=words",
        "--training.batch_tokens=1000",
        "--training.learning_rate=0.003",
        "--training.validate_every=5",
        "--training.max_steps=200",
        "--model.embedding_size=64",
        "--model.encoder.hidden_size=32",
        "--model.decoder.hidden_size=64",
        "--model.decoder.bridge=dense",
    ]
    curve = Curve()
    with tempfile.TemporaryDirectory() as folder:
        trained = regard.train("luong2015", out=folder, overrides=overrides, watchers=[low_enough, curve])
    print(f"stopped after {trained.result.step} steps: {trained.result.reason}")
    print("validation losses:", " ".join(f"{loss:.2f}" for loss in curve.validation))


if __name__ == "__main__":
    main()
