from __future__ import annotations

import builtins
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from regard.errors import ConfigError
from regard.training import RunFacts, Sample, StepReport, TrainingResult, ValidationReport, ValidationResult
from regard.training.watchers import MetricsFile, ProgressBar, Samples, TensorBoard
from regard.training.watchers.samples import sample_lines

FACTS = RunFacts(100, 2048, 10, 5, 50, 0, 1, "cpu", "float32 (as the recipe says)", "bleu")
STEP = StepReport(1, 1, 2.0, 300, 1500.0, 0.001, 0.7, True, 0, 65.0)
SAMPLE = Sample("die alte frau", "the old woman", "the old dog", (("the", "die"), ("old", "alte")))
RESULT = ValidationResult(
    1.0, 0.5, bleu=12.3, chrf=45.6, exact_match=20.0, wer=60.0, cer=30.0, samples=(SAMPLE,)
)
VALIDATION = ValidationReport(5, 1, RESULT, "bleu", True, 12.3, 5, 0, 0.5)
END = TrainingResult("interrupted by SIGINT", True, 7, 2, 999, 0, 1.0, 12.3, 5, Path("runs/x/last"))


def written(watch, terminal=False, **options):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200, color_system=None)
    watch(console)
    return console.file.getvalue()


def test_a_log_gets_a_plain_line_now_and_then():
    seconds = iter(range(0, 1000, 10))

    def watch(console):
        bar = ProgressBar(console, every_s=30, clock=lambda: next(seconds))
        bar.on_start(FACTS)
        for step in range(1, 10):
            bar.on_step(replace(STEP, step=step))

    lines = written(watch).splitlines()
    assert (
        lines[0]
        == "training 2,048 parameters on 100 pairs, 5 steps an epoch; cpu, float32 (as the recipe says)"
    )
    assert (
        lines[1] == "epoch 1, step 1/50, 1,500 tokens/s, 0:01:05 left, loss 2.000, perplexity 7.39"
    )  # e^2 = 7.389
    assert 1 < len(lines[1:]) < 9


def test_a_terminal_gets_a_bar_with_the_last_bleu():
    def watch(console):
        bar = ProgressBar(console)
        bar.on_start(FACTS)
        bar.on_validation(VALIDATION)
        bar.on_step(STEP)
        bar.on_stop(END)

    text = written(watch, terminal=True)
    assert "\x1b[?25l" in text  # the cursor is hidden while the bar lives
    assert "epoch 1, step 1/50" in text
    assert "BLEU 12.3" in text


def test_validations_ends_and_skipped_steps_are_told():
    def watch(console):
        bar = ProgressBar(console)
        bar.on_start(replace(FACTS, first_step=4))
        bar.on_step(replace(STEP, applied=False, loss=float("nan")))
        bar.on_validation(VALIDATION)
        bar.on_stop(END)

    text = written(watch)
    assert "continuing after step 4" in text
    assert "step 1: skipped, its loss or gradient is not finite" in text
    assert (
        "step 5, epoch 1: loss 1.000, perplexity 2.72, BLEU 12.3, chrF 45.6 (best so far)" in text
    )  # e = 2.718
    assert "stopped at step 7, epoch 2: interrupted by SIGINT" in text
    assert "everything is saved in runs/x/last; the same command with --resume continues from there" in text


def test_the_metric_that_counts_is_shown():
    found = replace(VALIDATION, metric="per", result=replace(RESULT, exact_match=81.5, wer=4.25), best=4.25)

    def watch(console):
        bar = ProgressBar(console)
        bar.on_start(FACTS)
        bar.on_validation(found)
        bar.on_step(STEP)

    text = written(watch)
    assert "PER 4.2, WER 4.2, CER 30.0 (best so far)" in text
    assert "perplexity 7.39, PER 4.2" in text


def test_metrics_are_lines_of_json_and_a_resume_drops_what_came_later(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    first = MetricsFile(path)
    first.on_start(FACTS)
    for step in range(1, 5):
        first.on_step(replace(STEP, step=step))
    first.on_validation(VALIDATION)
    first.close()
    with path.open("a") as file:
        file.write('{"kind": "step", "st')  # a kill in the middle of a line

    second = MetricsFile(path)
    second.on_start(replace(FACTS, first_step=3))
    second.on_step(replace(STEP, step=4, loss=9.0))
    second.on_stop(END)
    second.close()

    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(e["kind"], e["step"]) for e in events] == [
        ("start", 0),
        ("step", 1),
        ("step", 2),
        ("step", 3),
        ("start", 3),
        ("step", 4),
        ("stop", 7),
    ]
    assert events[5]["loss"] == 9.0
    third = MetricsFile(path)
    third.on_start(FACTS)
    third.on_validation(VALIDATION)
    third.close()
    start, validation = map(json.loads, path.read_text().splitlines())
    assert start["precision"] == "float32 (as the recipe says)"
    assert (validation["bleu"], validation["loss"]) == (12.3, 1.0)
    assert (validation["exact_match"], validation["wer"], validation["cer"]) == (20.0, 60.0, 30.0)
    assert "samples" not in validation


def test_tensorboard_curves_can_be_read_back(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(tmp_path)
    board.on_start(FACTS)
    board.on_step(STEP)
    board.on_validation(VALIDATION)
    board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("training/loss")] == [(1, 2.0)]
    assert events.Scalars("validation/bleu")[0].value == pytest.approx(12.3)
    assert events.Scalars("validation/wer")[0].value == pytest.approx(60.0)
    assert "sample/1/text_summary" in events.Tags()["tensors"]


def test_tensorboard_missing_is_told_with_the_command(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'regard\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_samples_show_what_each_word_looked_at():
    assert sample_lines(SAMPLE)[-1] == "  attention  the←die  old←alte"
    assert len(sample_lines(replace(SAMPLE, word_links=()))) == 3
    text = written(lambda console: Samples(console, 1).on_validation(VALIDATION))
    assert text.splitlines() == sample_lines(SAMPLE)


def test_the_first_batch_that_did_not_fit_is_told_and_their_number_at_the_end():
    def watch(console):
        bar = ProgressBar(console, every_s=1e9)
        for step, split in enumerate((0, 1, 2, 2), start=1):
            bar.on_step(replace(STEP, step=step, split=split))
        bar.on_stop(replace(END, split=2))

    lines = written(watch).splitlines()
    assert [line for line in lines if "did not fit" in line] == [
        "step 2: a batch did not fit in memory and was processed in parts, which is slower but gives the same "
        "gradient; lower training.batch_tokens if this happens often",
        "batches that did not fit in memory and were processed in parts: 2",
    ]


def test_the_mean_of_checkpoints_is_called_that():
    text = written(lambda console: ProgressBar(console).on_validation(replace(VALIDATION, averaged=3)))
    assert text.startswith("validation of the mean of the 3 best checkpoints at step 5, epoch 1: loss 1.000")
