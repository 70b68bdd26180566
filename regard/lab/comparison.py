"""Compare several systems on one test set, and test whether they differ significantly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from regard.errors import ConfigError
from regard.lab.evaluate import BOOTSTRAP, evaluate
from regard.lab.evaluation import Evaluation
from regard.lab.systems import System, own_training_text
from regard.lab.test_sets import TestSet, sentence_pairs
from regard.metrics import Difference, difference
from regard.metrics.significance import TRIALS
from regard.search import SearchOptions


@dataclass(frozen=True)
class Comparison:
    """The evaluation of each system by name, and the difference of each from the baseline, which is the first.

    `differences[system][figure]` is the system's figure minus the baseline's.
    """

    evaluations: Mapping[str, Evaluation]
    differences: Mapping[str, Mapping[str, Difference]]

    @property
    def baseline(self) -> str:
        """The name of the baseline."""
        return next(iter(self.evaluations))

    def figures(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return {
            "baseline": self.baseline,
            "systems": {name: evaluation.figures() for name, evaluation in self.evaluations.items()},
            "differences": {
                name: {figure: asdict(difference) for figure, difference in differences.items()}
                for name, differences in self.differences.items()
            },
        }


def compare(
    systems: Mapping[str, System] | Sequence[str | Path],
    test_set: TestSet,
    *,
    references: Sequence[Sequence[str] | str | Path] = (),
    training_text: str | Path | None = None,
    lowercase: bool = False,
    tokenise: str = "13a",
    bootstrap: int = BOOTSTRAP,
    trials: int = TRIALS,
    **options: Unpack[SearchOptions],
) -> Comparison:
    """Evaluate two or more systems on the same test set, and test each against the first, the baseline.

    `systems` are models or files of translations, as in `evaluate`, by name; without names they are called after
    their files. Rare words are counted in one text for all: `training_text`, or by default that of the first system.
    `trials` is the number of trials of the paired approximate randomisation behind each p-value; the other arguments
    are those of `evaluate`. Raises ConfigError for fewer than two systems and for models whose recipes read different
    columns of the same table, and whatever `evaluate` raises.
    """
    named = systems if isinstance(systems, Mapping) else system_names(systems)
    if len(named) < 2:
        raise ConfigError(f"expected at least two systems, got {len(named)}; name a baseline and another")
    if trials < 1:
        raise ConfigError(f"trials: expected a number from 1 on, got {trials}")
    pairs = sentence_pairs(test_set, list(named.values()))
    training_text = training_text or own_training_text(next(iter(named.values())))
    evaluations = {
        name: evaluate(
            system,
            pairs,
            references=references,
            training_text=training_text,
            lowercase=lowercase,
            tokenise=tokenise,
            bootstrap=bootstrap,
            **options,
        )
        for name, system in named.items()
    }
    first, *others = evaluations
    return Comparison(
        evaluations,
        {name: _differences(evaluations[first], evaluations[name], trials) for name in others},
    )


def system_names(systems: Sequence[str | Path]) -> dict[str, System]:
    """Name each system by the last part of its path, or by the whole path if that is ambiguous.

    Raises ConfigError for a single path in place of a list, and for duplicates.
    """
    if isinstance(systems, str | Path):
        raise ConfigError(
            f"expected a list of systems, got {str(systems)!r}; put it into a list with another"
        )
    short = [Path(system).name for system in systems]
    names = short if len(set(short)) == len(short) else [str(system) for system in systems]
    if len(set(names)) < len(names):
        raise ConfigError(f"expected different systems, got {', '.join(names)}; name each once")
    return dict(zip(names, systems, strict=True))


def _differences(baseline: Evaluation, other: Evaluation, trials: int) -> dict[str, Difference]:
    return {
        name: difference(statistics, other.statistics[name], trials)
        for name, statistics in baseline.statistics.items()
    }
