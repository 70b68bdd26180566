from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from rich import box
from rich.table import Table

from regard.explain import ExampleScore, WorkedExample, example_scores, softer_example, worked_example
from regard.explain.terminal import score_table, step_tables
from tests.explain.screen import screen

PAGE = Path(__file__).parents[2] / "docs" / "worked_example.md"


def by_name(example: WorkedExample) -> dict[str, ExampleScore]:
    return {row.name: row for row in example_scores(example.query, example.values)}


def test_states_and_scores() -> None:
    example = worked_example()
    assert example.query.dtype == example.values.dtype == np.float64
    assert example.query.tolist() == [10, 5, 10]
    assert example.values.tolist() == [[0, 1, 1], [5, 0, 1], [1, 1, 0], [0, 5, 1]]
    assert example.scores.tolist() == [15, 60, 15, 35]


def test_weights_are_nearly_binary_but_not_quite() -> None:
    example = worked_example()
    total = 1 + 2 * math.exp(-45) + math.exp(-25)
    expected = [math.exp(-45) / total, 1 / total, math.exp(-45) / total, math.exp(-25) / total]
    np.testing.assert_allclose(example.weights, expected, rtol=1e-14)
    assert example.weights[0] == pytest.approx(2.86e-20, rel=1e-2)
    assert 0 < 1 - example.weights[1] < 1e-10


def test_alignment_and_context() -> None:
    example = worked_example()
    np.testing.assert_allclose(example.alignment, [[0, 0, 0], [5, 0, 1], [0, 0, 0], [0, 0, 0]], atol=1e-9)
    np.testing.assert_allclose(example.context, [5, 0, 1], atol=1e-9)
    assert example.context[1] == pytest.approx(5 * math.exp(-25), rel=1e-6)


def test_softer_example() -> None:
    example = softer_example()
    np.testing.assert_allclose(example.scores, [0.6, 2.4, 0.6, 1.4], rtol=1e-14)
    total = 1 + 2 * math.exp(-1.8) + math.exp(-1)
    expected = np.array([math.exp(-1.8), 1, math.exp(-1.8), math.exp(-1)]) / total
    np.testing.assert_allclose(example.weights, expected, rtol=1e-14)
    np.testing.assert_allclose(
        example.context,
        [5 * expected[1] + expected[2], expected[0] + expected[2] + 5 * expected[3], 1 - expected[2]],
        rtol=1e-14,
    )


@pytest.mark.parametrize("example", [worked_example(), softer_example()])
def test_what_is_true_of_every_score(example: WorkedExample) -> None:
    for row in by_name(example).values():
        assert row.scores.shape == row.weights.shape == (4,)
        assert row.weights.sum() == pytest.approx(1)
        assert np.argmax(row.scores) == np.argmax(row.weights)
        assert row.formula
        assert row.source


def test_scores_worked_by_hand() -> None:
    rows = by_name(worked_example())
    root_26, root_2 = math.sqrt(26), math.sqrt(2)
    expected = {
        "cosine": [1 / root_2, 4 / root_26, 1 / root_2, 35 / (15 * root_26)],  # the query has length 15
        "location": [0, 1, 2, 1],
        "general": [25, 60, 25, 85],
        "dot": [15, 60, 15, 35],
        "scaled_dot": [15 / math.sqrt(3), 60 / math.sqrt(3), 15 / math.sqrt(3), 35 / math.sqrt(3)],
        "uniform": [0, 0, 0, 0],
        "additive": [
            math.tanh(10) + math.tanh(6) + math.tanh(11),
            math.tanh(15) + math.tanh(5) + math.tanh(11),
            math.tanh(11) + math.tanh(6) + math.tanh(10),
            math.tanh(10) + math.tanh(10) + math.tanh(11),
        ],
    }
    assert rows.keys() == expected.keys()
    for name, scores in expected.items():
        np.testing.assert_allclose(rows[name].scores, scores, rtol=1e-14, atol=1e-14, err_msg=name)
    assert rows["uniform"].weights.tolist() == [0.25] * 4


def test_location_never_sees_the_states() -> None:
    example = worked_example()
    other = example_scores(example.query, example.values + 1)
    assert [row.scores.tolist() for row in other if row.name == "location"] == [[0, 1, 2, 1]]


def markdown(table: Table) -> str:
    table.box = box.MARKDOWN
    return "\n".join(line.rstrip() for line in screen(table, width=200).strip().splitlines())


@pytest.mark.parametrize("example", [worked_example(), softer_example()])
def test_tables_of_the_page_are_the_computed_ones(example: WorkedExample) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for table in step_tables(example).values():
        assert markdown(table) in page
    assert markdown(score_table(example_scores(example.query, example.values))) in page


def test_pictures_of_the_page_exist() -> None:
    assert "(pictures/score_functions.svg)" in PAGE.read_text(encoding="utf-8")
    assert (PAGE.parent / "pictures" / "score_functions.svg").is_file()
