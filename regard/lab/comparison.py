"""Several systems on one test set, side by side, and whether they truly differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from regard.errors import ConfigError
from regard.lab.evaluation import BOOTSTRAP, Evaluation, evaluate
from regard.lab.systems import System, TestSet, own_training_text, pairs_of
from regard.metrics import Difference, difference
from regard.metrics.significance import TRIALS
from regard.search import SearchOptions


@dataclass(frozen=True)
class Comparison:
    """The evaluation of every system by its name, and how each but the first, the baseline, differs from that.

    `differences[system][figure]` is the system's figure less the baseline's.
    """

    evaluations: Mapping[str, Evaluation]
    differences: Mapping[str, Mapping[str, Difference]]

    @property
    def baseline(self) -> str:
        """The name of the first system."""
        return next(iter(self.evaluations))

    def figures(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        return {
            "baseline": self.baseline,
            "systems": {name: found.figures() for name, found in self.evaluations.items()},
            "differences": {
                name: {figure: asdict(one) for figure, one in each.items()}
                for name, each in self.differences.items()
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
    **how: Unpack[SearchOptions],
) -> Comparison:
    """Evaluate two systems or more on the same test set, and test each against the first.

    `systems` are models or files of translations, as `evaluate` takes them, by name; without names they are called
    after their files. Rare words are counted in one text for all: `training_text`, or what the first was trained on.
    `trials` are those of the paired approximate randomisation behind each p-value; all else as in `evaluate`.
    Raises ConfigError for fewer than two systems and for models whose recipes read different columns of the same
    table, and what `evaluate` raises.
    """
    named = systems if isinstance(systems, Mapping) else system_names(systems)
    if len(named) < 2:
        raise ConfigError(f"expected at least two systems, got {len(named)}; name a baseline and another")
    if trials < 1:
        raise ConfigError(f"trials: expected a number from 1 on, got {trials}")
    pairs = pairs_of(test_set, list(named.values()))
    trained_on = training_text or own_training_text(next(iter(named.values())))
    evaluations = {
        name: evaluate(
            system,
            pairs,
            references=references,
            training_text=trained_on,
            lowercase=lowercase,
            tokenise=tokenise,
            bootstrap=bootstrap,
            **how,
        )
        for name, system in named.items()
    }
    first, *others = evaluations
    return Comparison(
        evaluations,
        {name: _differences(evaluations[first], evaluations[name], trials) for name in others},
    )


def system_names(systems: Sequence[str | Path]) -> dict[str, System]:
    """Each system by the last part of its path, or the whole where that is not enough; ConfigError for twins."""
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
    return {name: difference(tally, other.tallies[name], trials) for name, tally in baseline.tallies.items()}
