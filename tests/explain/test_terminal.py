from __future__ import annotations

import numpy as np
import pytest

from regard.explain import show_example, show_trace, softer_example, worked_example
from regard.records.text import Candidate, Trace, TraceStep, Translation
from tests.explain.screen import screen

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.0, 0.25, 0.75]])
STATES = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])


def trace(source: str = "die Frau", token: str = "woman", attention: bool = True) -> Trace:
    translation = Translation(
        text=token,
        log_probability=-1.5,
        score=-0.75,
        tokens=(token, "</s>"),
        attention=WEIGHTS if attention else None,
        source=source,
        source_tokens=("die", "Frau", "</s>"),
    )
    steps = tuple(
        TraceStep(
            token=shown,
            id=4,
            log_probability=float(np.log(0.5)),
            candidates=(Candidate(shown, 0.5), Candidate("girl", 0.25), Candidate("[b]x[/b]", 0.125)),
            query=np.array([0.6, 0.8]) if attention else None,
            scores=np.array([2.0, 1.0, -3.25]) if attention else None,
            weights=weights if attention else None,
            context=weights @ STATES if attention else None,
        )
        for shown, weights in zip((token, "</s>"), WEIGHTS, strict=True)
    )
    return Trace(translation, STATES, steps, {"query": "the decoder's old state"})


def test_the_worked_example_is_written_out() -> None:
    text = screen(show_example(worked_example()), width=120)
    for shown in (
        "10×0 + 5×1 + 10×1 = 15",
        "10×5 + 5×0 + 10×1 = 60",
        "10×1 + 5×1 + 10×0 = 15",
        "10×0 + 5×5 + 10×1 = 35",
        "2.86e-20",
        "1 × [5, 0, 1] = [5, 0, 1]",
        "0 + 5 + 0 + 0 = 5",
        "0 + 0 + 0 + 0 = 0",
        "0 + 1 + 0 + 0 = 1",
        "[5, 0, 1]",
    ):
        assert shown in text
    positions = [text.index(f"Step {number}") for number in range(6)]
    assert positions == sorted(positions)
    for name in (
        "bahdanau",
        "luong",
        "gnmt",
        "cosine",
        "additive",
        "location",
        "general",
        "scaled_dot",
        "uniform",
    ):
        assert name in text


def test_rounded_products_say_so() -> None:
    text = screen(show_example(softer_example()), width=120)
    assert "0.5888 × [5, 0, 1] ≈ [2.9438, 0, 0.5888]" in text
    assert "0.0973 × [0, 1, 1] = [0, 0.0973, 0.0973]" in text


def test_a_trace_shows_the_numbers_of_every_step() -> None:
    text = screen(show_trace(trace()))
    assert "source: die Frau" in text
    assert "log-probability: -1.500 nats" in text
    assert "query: the decoder's old state" in text
    assert "3 encoder states of 2 numbers" in text
    assert "word 1: woman (50.0%)" in text
    assert "Query: 2 numbers of norm 1.000" in text
    first = next(line for line in text.splitlines() if line.strip().startswith("1 die"))
    assert first.split() == ["1", "die", "2.000", "0.7000", "█" * 14, "3.500"]  # 0.7 × the norm of (3, 4)
    assert "Step 4: context of norm 3.883: [2.200, 3.200]" in text  # √(2.2² + 3.2²)
    assert "girl" in text
    assert "0.2500" in text


def test_best_source_words_come_first_and_the_rest_is_summed() -> None:
    text = screen(show_trace(trace(), top=1))
    second = text[text.index("word 2") :]
    assert "3 </s>" in second
    assert "2 Frau" not in second.split("Step 4")[0]
    assert "the other 2 tokens together: weight 0.2500" in second


def test_the_heat_map_comes_last() -> None:
    end = screen(show_trace(trace())).split("all words")[1]
    assert [line.split()[:2] for line in end.splitlines()[2:4]] == [["woman", "▓"], ["</s>", "·"]]


def test_a_decoder_without_attention_says_so() -> None:
    text = screen(show_trace(trace(attention=False)))
    assert text.count("this decoder has no attention") == 2
    assert "all words" not in text
    assert "girl" in text


@pytest.mark.parametrize("colour", [False, True])
def test_sentences_are_neither_markup_nor_escape_sequences(colour: bool) -> None:
    text = screen(show_trace(trace("[red]a[/red] \x1b]0;title\x07", "[/x]\x1b[2J")), colour=colour)
    assert "[red]a[/red]" in text
    assert "[/x]␛[2J" in text
    assert "[b]x[/b]" in text
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
