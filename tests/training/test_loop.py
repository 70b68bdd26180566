from __future__ import annotations

import json
import math
import os
import signal
import threading
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from regard.atomic_writes import atomic_update
from regard.config import TrainingConfig
from regard.data.batches import epoch_plan
from regard.errors import ConfigError, ModelError
from regard.records.tensors import Loss
from regard.training import ValidationResult, Watcher, loop
from regard.training.loop import MAX_SKIPPED
from regard.training.precision import make_fabric
from tests.training.tiny import TinyCorpus, constant, parameter_hash, run, tiny_model

# about ten batches an epoch, so five steps
CONFIG = TrainingConfig(
    epochs=0, max_steps=13, batch_tokens=40, accumulate=2, validate_every=3, patience=0, learning_rate=0.05
)


class StopAfter(Watcher):
    """Ends the run at a step, by asking for it or with a signal."""

    def __init__(self, step: int, number: signal.Signals | None = None) -> None:
        self.step, self.number = step, number

    def on_step(self, report):
        if report.step != self.step:
            return None
        if self.number is None:
            return "that is enough"
        os.kill(os.getpid(), self.number)
        return None


class Notes(Watcher):
    """Records everything it is told."""

    def __init__(self) -> None:
        self.facts, self.result = None, None
        self.steps, self.validations, self.checkpoints, self.closed = [], [], [], 0

    def on_start(self, facts):
        self.facts = facts

    def on_step(self, report):
        self.steps.append(report)

    def on_validation(self, report):
        self.validations.append(report)

    def on_checkpoint(self, folder, step):
        self.checkpoints.append(step)

    def on_stop(self, result):
        self.result = result

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
@pytest.mark.parametrize("stop", [1, 3, 4, 7, 11])
def test_a_resumed_run_is_bitwise_the_uninterrupted_one(tmp_path, stop, schedule):
    config = replace(CONFIG, schedule=schedule, optimiser="adamw", weight_decay=0.01)
    whole, parts = tiny_model(), tiny_model()
    uninterrupted, before, after = Notes(), Notes(), Notes()
    run(tmp_path / "whole", whole, config, [uninterrupted])
    run(tmp_path / "parts", parts, config, [before, StopAfter(stop)])
    assert parameter_hash(parts) != parameter_hash(whole)

    fresh = tiny_model(seed=99)
    result = run(tmp_path / "parts", fresh, config, [after], resume=True)

    assert parameter_hash(fresh) == parameter_hash(whole)
    assert result.step == 13
    reported = [(r.step, r.epoch, r.loss, r.learning_rate) for r in before.steps + after.steps]
    assert reported == [(r.step, r.epoch, r.loss, r.learning_rate) for r in uninterrupted.steps]
    assert [r.step for r in before.validations + after.validations] == [3, 6, 9, 12, 13]


def test_the_middle_of_an_epoch_is_among_the_places_where_runs_were_stopped(tmp_path):
    notes = Notes()
    run(tmp_path, tiny_model(), CONFIG, [notes, StopAfter(7)])
    progress = json.loads((tmp_path / "last" / "state.json").read_text())["progress"]
    assert progress["epoch"] >= 1
    assert 0 < progress["batch"] < notes.facts.batches_per_epoch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stop", [3, 5])
def test_a_signal_finishes_the_step_saves_and_can_go_on(tmp_path, number, stop):
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    whole, parts, notes = tiny_model(), tiny_model(), Notes()
    run(tmp_path / "whole", whole, CONFIG)

    result = run(tmp_path / "parts", parts, CONFIG, [notes, StopAfter(stop, number)])

    assert result.interrupted
    assert number.name in result.reason
    assert result.step == notes.checkpoints[-1] == stop
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    fresh = tiny_model(seed=99)
    assert not run(tmp_path / "parts", fresh, CONFIG, resume=True).interrupted
    assert parameter_hash(fresh) == parameter_hash(whole)


def test_a_second_ctrl_c_interrupts_as_usual(tmp_path):
    notes = Notes()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tiny_model(), CONFIG, [notes, StopAfter(2, signal.SIGINT), StopAfter(2, signal.SIGINT)])
    assert notes.closed == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_works_outside_the_main_thread(tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(run(tmp_path, tiny_model(), CONFIG)))
    thread.start()
    thread.join()
    assert [result.step for result in results] == [13]


def test_epochs_end_the_run_and_every_pair_is_seen_once_an_epoch(tmp_path):
    corpus, notes = TinyCorpus(), Notes()
    result = run(tmp_path, tiny_model(), replace(CONFIG, epochs=2, max_steps=0, validate_every=0), [notes])
    assert result.reason == "finished 2 epochs"
    assert result.tokens_seen == 2 * int(corpus.target_lengths.sum())
    assert [r.epoch for r in notes.validations] == [1, 2]
    assert {r.epoch for r in notes.steps} == {1, 2}


def test_early_stopping_and_best(tmp_path):
    values = iter([1.0, 3.0, 2.0, 3.0, 9.0])
    kept, notes = [], Notes()
    result = run(
        tmp_path,
        tiny_model(),
        replace(CONFIG, patience=2),
        [notes],
        evaluate=lambda model: constant(bleu=next(values))(model),
        kept=kept,
    )
    assert result.reason == "bleu has not improved in 2 validations"
    assert (result.best, result.best_step, result.step) == (3.0, 6, 12)
    assert [r.step for r in kept] == [3, 6]
    assert [r.is_best for r in notes.validations] == [True, True, False, False]


def test_best_loss_is_the_lowest(tmp_path):
    values = iter([3.0, 2.0, 2.5, 2.0, 4.0])
    result = run(
        tmp_path,
        tiny_model(),
        replace(CONFIG, metric="loss"),
        evaluate=lambda model: constant(loss=next(values))(model),
    )
    assert (result.best, result.best_step) == (2.0, 6)


@pytest.mark.parametrize(
    ("metric", "best", "step"),
    [("exact_match", 70.0, 3), ("wer", 20.0, 6), ("per", 20.0, 6), ("cer", 9.0, 9)],
)
def test_best_is_what_the_metric_calls_better(tmp_path, metric, best, step):
    found = iter(
        [(70.0, 30.0, 12.0), (50.0, 20.0, 11.0), (60.0, 25.0, 9.0), (0.0, 90.0, 50.0), (1.0, 80.0, 60.0)]
    )

    def evaluate(model: nn.Module) -> ValidationResult:
        right, words, characters = next(found)
        return replace(constant()(model), exact_match=right, wer=words, cer=characters)

    result = run(tmp_path, tiny_model(), replace(CONFIG, metric=metric), evaluate=evaluate)
    assert (result.best, result.best_step) == (best, step)


def test_validation_sees_eval_mode_without_gradients_and_training_goes_on_in_training_mode(tmp_path):
    seen, model = [], tiny_model()

    def evaluate(found: nn.Module) -> ValidationResult:
        seen.append((found is model, found.training, torch.is_grad_enabled()))
        return constant()(found)

    run(tmp_path, model, CONFIG, evaluate=evaluate)
    assert seen == [(True, False, False)] * 5
    assert model.training


def test_plateau_lowers_the_rate_after_validations_without_gain(tmp_path):
    notes = Notes()
    config = replace(CONFIG, plateau_patience=2, plateau_factor=0.1, learning_rate=1.0)
    run(tmp_path, tiny_model(), config, [notes])  # gains at step 3 (the first), not at 6 and 9
    rates = {r.step: r.learning_rate for r in notes.steps}
    assert rates[1] == rates[9] == 1.0
    assert rates[10] == rates[13] == pytest.approx(0.1)


def test_watchers_hear_everything_and_are_closed(tmp_path):
    notes = Notes()
    result = run(tmp_path, tiny_model(), CONFIG, [notes])
    assert notes.facts.num_pairs == 40
    assert notes.facts.num_parameters == 12 * 8 + 12 * 8 + 12
    assert notes.facts.total_steps == 13
    assert notes.facts.device == "cpu"
    assert [r.step for r in notes.steps] == list(range(1, 14))
    assert notes.steps[-1].remaining_s == 0
    assert notes.result == result
    assert notes.closed == 1


class Broken(nn.Module):
    """A tiny model whose loss is not a number at some steps (two batches a step)."""

    def __init__(self, broken_steps) -> None:
        super().__init__()
        self.inner, self.calls, self.broken_steps = tiny_model(), 0, broken_steps

    def forward(self, batch):
        loss = self.inner(batch)
        step = self.calls // 2 + 1
        self.calls += 1
        return (
            Loss(loss.total * float("nan"), loss.nll, loss.num_tokens) if step in self.broken_steps else loss
        )


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path):
    model, hashes = Broken({2}), []

    class Hashes(Notes):
        def on_step(self, report):
            super().on_step(report)
            hashes.append(parameter_hash(model))

    notes = Hashes()
    result = run(tmp_path, model, replace(CONFIG, max_steps=3), [notes])
    assert [r.applied for r in notes.steps] == [True, False, True]
    assert result.skipped == 1
    assert hashes[0] == hashes[1] != hashes[2]


def test_giving_up_after_many_broken_steps_in_a_row(tmp_path):
    with pytest.raises(ConfigError, match=rf"{MAX_SKIPPED} steps in a row .* lower training.learning_rate"):
        run(tmp_path, Broken(range(1000)), replace(CONFIG, max_steps=100))


def test_resuming_what_is_not_there(tmp_path):
    with pytest.raises(ModelError, match=r"last: nothing to resume, there is no state.json"):
        run(tmp_path, tiny_model(), CONFIG, resume=True)


def test_resuming_with_another_plan_is_refused(tmp_path):
    run(tmp_path, tiny_model(), CONFIG, [StopAfter(2)])
    with pytest.raises(
        ConfigError, match=r"training.batch_tokens = 40, but now it is 50; resume with the same"
    ):
        run(tmp_path, tiny_model(), replace(CONFIG, batch_tokens=50), resume=True)


def test_a_finished_run_can_be_prolonged(tmp_path):
    long, short = tiny_model(), tiny_model()
    run(tmp_path / "long", long, replace(CONFIG, max_steps=12))
    run(tmp_path / "short", short, replace(CONFIG, max_steps=6))
    run(tmp_path / "short", short, replace(CONFIG, max_steps=12), resume=True)
    assert parameter_hash(short) == parameter_hash(long)


def test_a_resumed_run_keeps_its_precision(tmp_path):
    run(tmp_path, tiny_model(), replace(CONFIG, max_steps=2))
    file = tmp_path / "last" / "state.json"
    file.write_text(file.read_text().replace('"float32"', '"bfloat16"'))
    notes = Notes()
    run(tmp_path, tiny_model(), replace(CONFIG, max_steps=4), [notes], resume=True)
    assert notes.facts.precision == "bfloat16 (as before the interruption)"
    assert all(p.dtype == torch.float32 for p in tiny_model().parameters())


def test_the_state_is_saved_between_validations_too(tmp_path):
    config = TrainingConfig(max_steps=5, validate_every=100, save_every=2, batch_tokens=40, threads=1)
    saved: list[int] = []

    class Watch(Watcher):
        def on_checkpoint(self, folder, step):
            saved.append(step)

    run(tmp_path, tiny_model(), config, watchers=[Watch()])
    assert saved == [2, 4, 5, 5]  # every second step, the validation at the end, the end


def test_between_equal_values_the_loss_decides(tmp_path):
    losses = iter([2.0, 1.5, 1.7, 1.2])
    config = TrainingConfig(max_steps=4, validate_every=1, batch_tokens=40, patience=3, threads=1)
    kept = []
    run(tmp_path, tiny_model(), config, evaluate=lambda model: constant(loss=next(losses))(model), kept=kept)
    assert [report.step for report in kept] == [1, 2, 4]  # BLEU is 0 throughout


def saving(model: nn.Module):
    """Return what saves the weights that the model has at that moment, as in a model folder."""

    def save(folder, report):
        with atomic_update(folder) as draft:
            save_file(model.state_dict(), draft / "model.safetensors")

    return save


def by_turns(values):
    """An evaluation that finds these BLEU values one after the other."""
    remaining = iter(values)
    return lambda model: constant(bleu=next(remaining))(model)


def test_the_moving_average_is_validated_and_kept_while_the_weights_go_their_own_way(tmp_path):
    plain, averaged, seen = tiny_model(), tiny_model(), []
    config = replace(CONFIG, schedule="constant")  # what validations find does not matter
    run(tmp_path / "plain", plain, config)

    def evaluate(model):
        seen.append({name: p.detach().clone() for name, p in model.named_parameters()})
        return constant(bleu=len(seen))(model)

    run(tmp_path, averaged, replace(config, ema=0.9), evaluate=evaluate, save_model=saving(averaged))
    assert parameter_hash(averaged) == parameter_hash(plain)
    kept = load_file(tmp_path / "model.safetensors")
    for name, parameter in averaged.named_parameters():
        assert torch.equal(kept[name], seen[-1][name])
        assert not torch.equal(kept[name], parameter)


@pytest.mark.parametrize("stop", [3, 4, 10])
def test_a_resumed_run_has_the_moving_average_and_checkpoints_of_the_uninterrupted_one(tmp_path, stop):
    config = replace(CONFIG, ema=0.9, average=2, optimiser="sgd", momentum=0.9)
    judged = {}

    def train(name, watchers=(), resume=False):
        model = tiny_model(seed=99 if resume else 1)
        hashes = judged.setdefault(name, [])

        def evaluate(found):
            hashes.append(parameter_hash(found))
            return constant(bleu=int(hashes[-1][:4], 16))(found)

        result = run(
            tmp_path / name, model, config, watchers, resume, evaluate=evaluate, save_model=saving(model)
        )
        return result, parameter_hash(model)

    whole = train("whole")
    train("parts", [StopAfter(stop)])
    done, weights = train("parts", resume=True)
    assert weights == whole[1]
    assert (done.best, done.best_step) == (whole[0].best, whole[0].best_step)
    assert judged["parts"] == judged["whole"]
    assert len(judged["whole"]) == 6  # five validations and the mean
    for name in (
        "model.safetensors",
        *(f"checkpoints/{step}/model.safetensors" for step in (3, 6, 9, 12, 13)),
    ):
        files = [tmp_path / part / name for part in ("whole", "parts")]
        assert files[0].is_file() == files[1].is_file()
        assert not files[0].is_file() or files[0].read_bytes() == files[1].read_bytes()


def test_only_checkpoints_are_dropped(tmp_path):
    theirs = [tmp_path / "checkpoints" / name for name in ("mine", ".DS_Store", "12", "3")]
    theirs[0].mkdir(parents=True)
    theirs[1].touch()
    theirs[2].touch()
    theirs[3].mkdir()
    model = tiny_model()
    values = [3.0, 1.0, 5.0, 2.0, 4.0, 0.0]
    run(tmp_path, model, replace(CONFIG, average=2), evaluate=by_turns(values), save_model=saving(model))
    assert [path.exists() for path in theirs] == [True, True, True, False]


@pytest.mark.parametrize(("of_mean", "best_step"), [(9.0, 13), (4.0, 9)])
def test_the_mean_of_the_best_checkpoints_is_kept_if_it_is_better_than_each(tmp_path, of_mean, best_step):
    model, notes = tiny_model(), Notes()
    values = [3.0, 1.0, 5.0, 2.0, 4.0, of_mean]  # at steps 3, 6, 9, 12, 13, and of the mean
    result = run(
        tmp_path,
        model,
        replace(CONFIG, average=3),
        [notes],
        evaluate=by_turns(values),
        save_model=saving(model),
    )
    checkpoints = sorted((tmp_path / "checkpoints").iterdir(), key=lambda folder: int(folder.name))
    assert [folder.name for folder in checkpoints] == ["3", "9", "13"]
    assert (result.best, result.best_step) == (max(5.0, of_mean), best_step)
    assert [r.averaged for r in notes.validations] == [0] * 5 + [3]
    assert notes.validations[-1].is_best == (of_mean > 5)
    saved = load_file(tmp_path / "model.safetensors")
    of_checkpoints = [load_file(folder / "model.safetensors") for folder in checkpoints]
    for name, weights in saved.items():
        mean = sum(one[name] for one in of_checkpoints) / 3
        torch.testing.assert_close(weights, mean if of_mean > 5 else of_checkpoints[1][name])
    plain = tiny_model()
    run(tmp_path / "plain", plain, CONFIG, evaluate=by_turns(values))
    assert parameter_hash(model) == parameter_hash(plain)


def test_a_run_that_was_stopped_from_outside_is_not_averaged_and_a_finished_one_only_once(tmp_path):
    config, model = replace(CONFIG, average=2), tiny_model()
    notes = Notes()
    run(
        tmp_path,
        model,
        config,
        [notes, StopAfter(10)],
        evaluate=by_turns([1, 2, 3]),
        save_model=saving(model),
    )
    assert [r.averaged for r in notes.validations] == [0, 0, 0]
    fresh, more = tiny_model(), Notes()
    run(tmp_path, fresh, config, [more], True, evaluate=by_turns([4, 5, 6]), save_model=saving(fresh))
    assert [r.averaged for r in more.validations] == [0, 0, 2]
    fresh, again = tiny_model(), Notes()
    run(tmp_path, fresh, config, [again], True, evaluate=by_turns([]), save_model=saving(fresh))
    assert again.validations == []


def test_a_decay_of_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"training.ema: expected at least 0 and less than 1"):
        run(tmp_path, tiny_model(), replace(CONFIG, ema=1.0))


def test_the_time_allowed_ends_the_run_after_a_validation(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("regard.training.loop.time.monotonic", lambda: now[0])

    class Slow(Notes):
        def on_step(self, report):
            super().on_step(report)
            now[0] += 60

    config = replace(CONFIG, max_steps=0, max_minutes=4.5, schedule="cosine")
    first, second = Slow(), Slow()
    run(tmp_path, tiny_model(), config, [first, StopAfter(2)])
    now[0] = 5.0  # another process, another clock
    result = run(tmp_path, tiny_model(), config, [second], resume=True)
    assert result.reason == "reached max_minutes = 4.5"
    assert [r.step for r in first.steps + second.steps] == [1, 2, 3, 4, 5]
    assert [r.step for r in second.validations] == [3, 5]
    assert [r.remaining_s for r in first.steps + second.steps] == pytest.approx([270, 210, 150, 90, 30])
    rates = [r.learning_rate / CONFIG.learning_rate for r in first.steps + second.steps]
    assert rates == pytest.approx([(1 + math.cos(math.pi * n / 4.5)) / 2 for n in range(5)])


def test_batches_that_did_not_fit_are_told_and_remembered(tmp_path):
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = tiny_model()

        def forward(self, batch):
            if len(batch.source) > 3:
                raise MemoryError
            return self.inner(batch)

    notes = Notes()
    run(tmp_path, Small(), CONFIG, [notes, StopAfter(4)])
    result = run(tmp_path, Small(), CONFIG, [notes], resume=True)
    reported = [report.split for report in notes.steps]
    assert reported == sorted(reported)
    assert result.split == reported[-1] > reported[3] > 0


def test_a_rank_takes_its_own_batches_and_only_the_first_writes(tmp_path, monkeypatch):
    class SecondOfTwoRanks:
        world_size, global_rank, is_global_zero = 2, 1, False

        def __init__(self, fabric):
            self._fabric = fabric

        def __getattr__(self, name):
            return getattr(self._fabric, name)

        def all_reduce(self, value, reduce_op):
            return 2 * value

    class Seen(TinyCorpus):
        def batch(self, rows):
            seen.append(rows.tolist())
            return super().batch(rows)

    seen, kept, notes, corpus, config = [], [], Notes(), Seen(), replace(CONFIG, max_steps=2, average=2)
    monkeypatch.setattr(loop, "make_fabric", lambda *args: SecondOfTwoRanks(make_fabric(*args)))
    run(tmp_path, tiny_model(), config, [notes], corpus=corpus, kept=kept)
    plan = epoch_plan(corpus.source_lengths, corpus.target_lengths, 40, config.seed, epoch=0, num_ranks=2)
    assert seen == [ranks[1].tolist() for ranks in plan[:4]]
    assert notes.facts.num_ranks == 2
    assert [report.tokens % 2 for report in notes.steps] == [0, 0]
    assert kept == list(tmp_path.iterdir()) == []
