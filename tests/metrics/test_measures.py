from __future__ import annotations

from typing import get_args, get_type_hints

from regard.config import TrainingConfig
from regard.metrics import MEASURES


def test_errors_are_better_when_lower() -> None:
    assert MEASURES["wer"].is_better(10, than=20)
    assert MEASURES["loss"].is_better(1.0, than=2.0)
    assert MEASURES["exact_match"].is_better(20, than=10)
    assert not MEASURES["bleu"].is_better(10, than=10)
    assert not MEASURES["cer"].is_better(10, than=10)


def test_every_metric_that_a_recipe_may_name_is_in_the_table() -> None:
    assert set(get_args(get_type_hints(TrainingConfig)["metric"])) <= set(MEASURES)
