"""`regard.train`: a folder that is whole from the start, and runs that continue where they were stopped."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import regard
from regard import recipe_file
from regard.checkpoint import load_config, load_model, load_tokenisers
from regard.data.sources import file_checksum
from regard.errors import ConfigError, DataError, ModelError, RegardError
from regard.records.text import Pair
from regard.training import StepReport, TrainingResult, ValidationReport, experiment, measure, prepare
from tests.trained import SMALL, unseen_pairs, write_pairs
from tests.training.test_loop import StopAfter

# four steps an epoch; dropout, so that the random state matters
RUN = (
    *SMALL,
    "--model.decoder.name=luong",
    "--model.dropout=0.3",
    "--training.batch_tokens=200",
    "--training.epochs=0",
    "--training.max_steps=9",
    "--training.validate_every=5",
    "--training.validation_sentences=3",
    "--training.accumulate=2",
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "train.de", tmp_path / "train.en"]
    pairs: list[Pair] = unseen_pairs(160)
    write_pairs(pairs, *paths)
    return paths


def start(out: Path, files: list[Path], *overrides: str, **options: Any) -> regard.Trained:
    return regard.train(None, files, out=out, overrides=[*RUN, *overrides], **options)


def parameters(file: Path) -> str:
    """SHA-256 over the names and the bytes of all parameters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(file).items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class FolderReader(regard.Watcher):
    """Reads the folder before the first step, then stops."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[str] = []

    def on_step(self, report: object) -> str:
        with pytest.raises(ModelError, match=r"no trained model yet.*--resume"):
            load_model(self.folder)
        assert load_config(self.folder).training.max_steps
        load_tokenisers(self.folder)
        self.seen = sorted(file.name for file in self.folder.iterdir())
        return "seen"


def test_the_folder_is_whole_from_the_start(tmp_path: Path, files: list[Path]) -> None:
    reader = FolderReader(tmp_path / "run")
    start(tmp_path / "run", files, watchers=[reader])
    assert {"README.md", "config.yaml", "format.json", "model.safetensors", "data"} <= set(reader.seen)


def test_a_run_leaves_a_model_that_translates(tmp_path: Path, files: list[Path]) -> None:
    trained = start(tmp_path / "run", files, command="regard train this")
    assert trained.folder == tmp_path / "run"
    assert trained.result.step == 9
    assert regard.load(trained.folder).translate("die frau lacht .").tokens
    assert trained.translator().translate("").text == ""
    card = (trained.folder / "README.md").read_text()
    for file in files:
        assert f"| {file} | {file_checksum(file)} |" in card
    assert "regard train this" in card
    assert "validation BLEU (greedy)" in card
    events = [
        json.loads(line)["kind"] for line in (trained.folder / "metrics.jsonl").read_text().splitlines()
    ]
    assert (events[0], events[-1]) == ("start", "stop")
    assert (events.count("step"), events.count("validation")) == (9, 2)


def test_the_saved_recipe_is_the_one_used(tmp_path: Path, files: list[Path]) -> None:
    trained = start(tmp_path / "run", files, "--training.max_steps=2")
    saved = load_config(trained.folder)
    assert saved.training.max_steps == 2
    assert saved.model.dropout == 0.3
    assert saved.data.train == [str(file) for file in files]


def test_a_run_is_not_written_over(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=2")
    before = contents(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"already holds a run: --resume.*--overwrite"):
        start(tmp_path / "run", files)
    assert contents(tmp_path / "run") == before


def test_overwriting_starts_anew(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=3")
    again = start(tmp_path / "run", files, "--training.max_steps=2", overwrite=True)
    fresh = start(tmp_path / "fresh", files, "--training.max_steps=2")
    assert again.result.step == 2
    for name in ("model.safetensors", "last/model.safetensors"):
        assert parameters(again.folder / name) == parameters(fresh.folder / name)


def test_overwriting_forgets_the_state_of_the_old_run(tmp_path: Path, files: list[Path]) -> None:
    class Killed(regard.Watcher):
        def on_start(self, facts: object) -> None:
            raise RuntimeError("killed before the first checkpoint")

    start(tmp_path / "run", files, "--training.max_steps=3")
    with pytest.raises(RuntimeError):
        start(tmp_path / "run", files, "--model.dropout=0.1", overwrite=True, watchers=[Killed()])
    with pytest.raises(ModelError, match="nothing to resume"):
        regard.train(out=tmp_path / "run", resume=True)


@pytest.mark.parametrize("kind", ["a file", "a folder of something else"])
def test_other_peoples_things_are_not_touched(tmp_path: Path, files: list[Path], kind: str) -> None:
    out = tmp_path / "mine"
    if kind == "a file":
        out.write_text("thesis")
    else:
        out.mkdir()
        (out / "thesis.txt").write_text("thesis")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="something else: choose another --out"):
            start(out, files, overwrite=overwrite)
    assert "thesis" in (out if out.is_file() else out / "thesis.txt").read_text()


def test_other_peoples_data_in_the_folder_of_a_run_stays(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=1")
    thesis = tmp_path / "run" / "data" / "thesis.txt"
    thesis.touch()
    with pytest.raises(ConfigError, match=r"run/data holds something else.* choose another --out"):
        start(tmp_path / "run", files, overwrite=True)
    assert thesis.is_file()


def test_an_empty_folder_is_fine(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "run").mkdir()
    assert start(tmp_path / "run", files, "--training.max_steps=1").result.step == 1


@pytest.mark.parametrize("stop", [3, 5, 7])  # before, at and after a validation, in the middle of an epoch
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, files: list[Path], stop: int) -> None:
    whole = start(tmp_path / "whole", files)
    part = start(tmp_path / "part", files, watchers=[StopAfter(stop)])
    assert part.result.step == stop
    assert json.loads((part.result.last / "state.json").read_text())["progress"]["batch"] > 0
    torch.manual_seed(99)  # a new process would not have the old one's random state
    done = start(tmp_path / "part", files, resume=True)
    check_equal(done.result, whole.result)
    for name in ("model.safetensors", "last/model.safetensors", "last/optimiser.safetensors"):
        assert parameters(tmp_path / "part" / name) == parameters(tmp_path / "whole" / name), name


def check_equal(result: TrainingResult, other: TrainingResult) -> None:
    for name in ("reason", "step", "epoch", "tokens_seen", "skipped", "best", "best_step"):
        assert getattr(result, name) == getattr(other, name), name


def test_a_run_goes_on_by_its_own_recipe_though_the_files_are_gone(tmp_path: Path, files: list[Path]) -> None:
    whole = start(tmp_path / "whole", files)
    start(tmp_path / "part", files, watchers=[StopAfter(6)])
    for file in files:
        file.unlink()
    done = regard.train(out=tmp_path / "part", resume=True)
    check_equal(done.result, whole.result)
    last = "last/model.safetensors"
    assert parameters(tmp_path / "part" / last) == parameters(tmp_path / "whole" / last)


def test_training_options_may_change_on_the_way(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=3")
    assert start(tmp_path / "run", files, "--training.max_steps=5", resume=True).result.step == 5
    again = regard.train(out=tmp_path / "run", resume=True, overrides=["--training.max_steps=6"])
    assert again.result.step == 6


@pytest.mark.parametrize(
    "override", ["--model.dropout=0.1", "--tokeniser.lowercase=true", "--data.max_tokens=7"]
)
def test_another_model_or_other_data_cannot_be_resumed(
    tmp_path: Path, files: list[Path], override: str
) -> None:
    start(tmp_path / "run", files, "--training.max_steps=2")
    before = contents(tmp_path / "run")
    with pytest.raises(ConfigError, match=f"--resume: {override[2:].split('.')[0]} differs"):
        start(tmp_path / "run", files, override, resume=True)
    assert contents(tmp_path / "run") == before


def test_a_run_goes_on_without_the_cache(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=2")
    again = start(tmp_path / "run", files, "--training.max_steps=3", "--data.cache=false", resume=True)
    assert again.result.step == 3


def test_there_must_be_something_to_resume(tmp_path: Path, files: list[Path]) -> None:
    for options in ({}, {"recipe": "luong2015"}):
        with pytest.raises(ModelError, match="no such model folder"):
            regard.train(out=tmp_path / "nothing", resume=True, **options)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("--model.decoder.name=transformer", "unknown name"),
        ("--training.accumulate=0", "training.accumulate: expected a number of at least 1, got 0"),
        ("--training.batch_tokens=-5", "training.batch_tokens: expected a number of at least 1"),
        ("--training.threads=-1", "training.threads: expected a number of at least 0"),
        ("--training.device=cuda:99", "is not available"),
        ("--training.max_steps=0 --training.patience=0", "nothing ends this run"),
        ("--training.max_steps=0 --training.schedule=cosine", "cosine needs to know the end"),
        ("--model.dropuot=1", "did you mean model.dropout.*regard train --keys"),
        ("--tokeniser.size=3", "tokeniser.size"),
        ("--data.max_tokens=1", "no sentence pair"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path, files: list[Path], override: str, words: str
) -> None:
    with pytest.raises(RegardError, match=words):
        start(tmp_path / "run", files, *override.split())
    assert not (tmp_path / "run").exists()


def test_what_cannot_work_leaves_the_old_run_alone(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=1")
    before = contents(tmp_path / "run")
    with pytest.raises(DataError):
        regard.train(None, [tmp_path / "missing.tsv"], out=tmp_path / "run", overwrite=True)
    assert contents(tmp_path / "run") == before


def test_a_config_is_a_recipe_too(tmp_path: Path, files: list[Path]) -> None:
    config = recipe_file.load(None, [*RUN, "--training.max_steps=2"])
    by_config = regard.train(config, files, out=tmp_path / "one")
    by_overrides = start(tmp_path / "two", files, "--training.max_steps=2")
    last = "last/model.safetensors"
    assert parameters(by_config.folder / last) == parameters(by_overrides.folder / last)
    with pytest.raises(ConfigError, match=r"dataclasses.replace"):
        regard.train(config, files, out=tmp_path / "three", overrides=["--training.max_steps=1"])
    broken = replace(config, training=replace(config.training, accumulate=0))
    with pytest.raises(ConfigError, match=r"training.accumulate"):
        regard.train(broken, files, out=tmp_path / "three")


def test_data_made_ready_before_is_used(tmp_path: Path, files: list[Path]) -> None:
    config = recipe_file.load(None, [*RUN, "--training.max_steps=2"])
    config = replace(config, data=replace(config.data, train=[str(file) for file in files]))
    ready = prepare(config)
    lines: list[str] = []
    trained = regard.train(config, out=tmp_path / "run", prepared=ready, log=lines.append)
    assert lines == []
    last = "last/model.safetensors"
    expected = start(tmp_path / "two", files, "--training.max_steps=2").folder / last
    assert parameters(trained.folder / last) == parameters(expected)


def test_a_prepared_folder_is_trained_from(tmp_path: Path, files: list[Path]) -> None:
    overrides = [*RUN, "--training.max_steps=2"]
    ready = regard.prepare(None, files, out=tmp_path / "ready", overrides=overrides)
    for file in files:
        file.unlink()
    others = [line for line in overrides if not line.startswith(("--data.", "--tokeniser."))]
    trained = regard.train(None, out=tmp_path / "run", overrides=others, prepared=tmp_path / "ready")
    saved = load_config(trained.folder)
    assert (saved.data, saved.tokeniser) == (ready.config.data, ready.config.tokeniser)
    assert f"| {files[0]} | {ready.origin[str(files[0])]} |" in (trained.folder / "README.md").read_text()
    again = regard.train(None, out=tmp_path / "two", overrides=others, prepared=ready)
    last = "last/model.safetensors"
    assert parameters(trained.folder / last) == parameters(again.folder / last)
    for name in ("run", "two"):
        assert load_config(tmp_path / name).data == ready.config.data
    for options, words in (
        ({"data": ["nowhere"]}, "data or prepared data, got both"),
        ({"overrides": ["--data.max_tokens=7"]}, r"--data\.max_tokens: determined by the prepared data"),
        ({"overrides": ["--tokeniser.size=70"]}, r"--tokeniser\.size: determined by the prepared data"),
    ):
        for call in (regard.train, measure):
            with pytest.raises(ConfigError, match=words):
                call(None, out=tmp_path / "three", prepared=ready, **options)
    with pytest.raises(ModelError, match=r"run: the prepared data cannot be read.*`regard prepare`"):
        regard.train(None, out=tmp_path / "three", overrides=others, prepared=tmp_path / "run")


def test_measuring_writes_nothing(tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    lines: list[str] = []
    facts = measure(None, files, overrides=RUN, log=lines.append)
    assert list((tmp_path / "here").iterdir()) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["here", "train.de", "train.en"]
    assert facts.num_pairs == 144  # a tenth is held out
    assert facts.total_steps == 9
    assert any("144 to train on" in line for line in lines)


def test_the_same_seed_gives_the_same_model_and_another_another(tmp_path: Path, files: list[Path]) -> None:
    one, two, other = (
        start(tmp_path / name, files, "--training.max_steps=2", f"--training.seed={seed}").folder
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    last = "last/model.safetensors"
    assert parameters(one / last) == parameters(two / last) != parameters(other / last)


def test_one_of_several_ranks_is_refused(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one of 2 ranks"):
        start(tmp_path / "run", files)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("ranks", "alone"), [(None, True), ("1", True), ("2", False), ("16", False)])
def test_one_rank_is_alone(monkeypatch: pytest.MonkeyPatch, ranks: str | None, alone: bool) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if ranks:
        monkeypatch.setenv("WORLD_SIZE", ranks)
    with nullcontext() if alone else pytest.raises(ConfigError, match=f"one of {ranks} ranks"):
        experiment._check_single_process()


def test_a_run_of_an_earlier_version_is_loaded_and_resumed(tmp_path: Path, files: list[Path]) -> None:
    trained = start(tmp_path / "run", files, "--data.max_tokens=77", "--training.max_steps=2")
    now = load_config(trained.folder)
    for file in (trained.folder / "config.yaml", trained.folder / "data" / "config.yaml"):
        text = file.read_text()
        old = text.replace("  max_tokens: 77", "  max_pieces: 77").replace("    query_step:", "    query:")
        assert len(set(text.splitlines()) - set(old.splitlines())) == 2
        file.write_text(old)
    assert load_config(trained.folder) == now
    assert regard.load(trained.folder).translate("die frau lacht .").source
    for options in ({"recipe": None}, {"recipe": now}):
        config = options["recipe"]
        if config is not None:
            config = replace(config, training=replace(config.training, max_steps=4))
        done = regard.train(
            config, out=trained.folder, resume=True, overrides=[] if config else ["--training.max_steps=3"]
        )
        assert done.result.step == (4 if config else 3)
    tuned = ["--training.max_steps=1"]
    regard.train(None, files, init=trained.folder, out=tmp_path / "tuned", overrides=tuned)


def test_a_bare_file_name_is_one_file(tmp_path: Path, files: list[Path]) -> None:
    rows = zip(*(file.read_text(encoding="utf-8").splitlines() for file in files), strict=True)
    (tmp_path / "pairs.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    for data in (tmp_path / "pairs.tsv", str(tmp_path / "pairs.tsv")):
        trained = regard.train(
            None, data, out=tmp_path / "run", overrides=[*RUN, "--training.max_steps=1"], overwrite=True
        )
        assert load_config(trained.folder).data.train == [str(data)]


def test_a_function_watches_and_stops(tmp_path: Path, files: list[Path]) -> None:
    reports: list[Any] = []

    def at_first_validation(report: Any) -> str | None:
        reports.append(report)
        return "that is enough" if isinstance(report, ValidationReport) else None

    trained = start(tmp_path / "run", files, watchers=[at_first_validation])
    assert (trained.result.step, trained.result.reason) == (5, "that is enough")
    assert [type(report) for report in reports] == [StepReport] * 5 + [ValidationReport]
    trained = start(tmp_path / "two", files, watchers=[lambda report: report.step == 2])
    assert (trained.result.step, trained.result.reason) == (2, "stopped by <lambda>")


@pytest.mark.parametrize("watcher", [regard.Watcher, "progress"])
def test_what_cannot_watch_is_refused(tmp_path: Path, files: list[Path], watcher: Any) -> None:
    with pytest.raises(ConfigError, match="expected instances of Watcher or functions of one report"):
        start(tmp_path / "run", files, watchers=[watcher])
    assert not (tmp_path / "run").exists()


def test_python_shows_progress_only_if_asked(
    tmp_path: Path, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    start(tmp_path / "one", files, "--training.max_steps=1")
    assert capsys.readouterr() == ("", "")
    start(tmp_path / "two", files, "--training.max_steps=1", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    for words in ("to train on", "validation at step 1", "stopped at step 1"):
        assert words in shown.err


def test_the_recipe_is_checked_before_any_text_is_read(tmp_path: Path) -> None:
    nowhere = [tmp_path / "no.de", tmp_path / "no.en"]
    for override, words in (
        ("--model.attention.score=additiv", "unknown name 'additiv'"),
        ("--model.encoder.cell=lstn", "unknown name 'lstn'"),
        ("--training.momentum=0.9", "adam does not have it"),
        ("--training.ema=1", "training.ema"),
        ("--training.source_embeddings=none.vec", "none.vec: no such file"),
        (
            "--search.coverage_penalty=0.2 --model.decoder.name=plain --model.attention.score=none",
            "coverage_pen",
        ),
    ):
        for call in (start, _measure):
            with pytest.raises(RegardError, match=words):
                call(tmp_path / "run", nowhere, *override.split())


def _measure(out: Path, files: list[Path], *overrides: str) -> None:
    measure(None, files, out=out, overrides=overrides)


def test_measuring_looks_at_the_place_too(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "mine").write_text("thesis")
    with pytest.raises(ConfigError, match="choose another --out"):
        measure(None, files, out=tmp_path / "mine", overrides=RUN)


def test_the_card_holds_every_command(tmp_path: Path, files: list[Path]) -> None:
    start(tmp_path / "run", files, "--training.max_steps=2", command="regard train first")
    start(tmp_path / "run", files, resume=True, command="regard train --resume")
    card = (tmp_path / "run" / "README.md").read_text()
    assert "regard train first\nregard train --resume\n" in card
    start(tmp_path / "run", files, "--training.max_steps=2", overwrite=True, command="regard train anew")
    assert "regard train first" not in (tmp_path / "run" / "README.md").read_text()


def test_a_budget_that_was_found_is_kept(tmp_path: Path, files: list[Path]) -> None:
    lines: list[str] = []
    auto = "--training.batch_tokens=auto"
    start(tmp_path / "run", files, auto, "--training.max_steps=2", log=lines.append)
    budget = load_config(tmp_path / "run").training.batch_tokens
    assert isinstance(budget, int)
    assert f"batch: {budget:,} target tokens (enough for so small a corpus)" in lines
    for overrides in ([auto], []):
        again = regard.train(
            None if not overrides else recipe_file.load(None, [*RUN, auto, *_train_key(files)]),
            out=tmp_path / "run",
            resume=True,
        )
        assert load_config(again.folder).training.batch_tokens == budget


def _train_key(files: list[Path]) -> list[str]:
    return [f"--data.train={json.dumps([str(file) for file in files])}"]


@pytest.fixture
def known(tmp_path: Path, files: list[Path]) -> Path:
    """A trained model to start from."""
    return start(tmp_path / "known", files, "--training.max_steps=3", "--training.validate_every=3").folder


@pytest.fixture
def new_files(tmp_path: Path, files: list[Path]) -> list[Path]:
    """Text with a word that the model does not know on each side."""
    paths = [tmp_path / "new.de", tmp_path / "new.en"]
    for old, new, word in zip(files, paths, ("quastenflosser", "coelacanth"), strict=True):
        lines = old.read_text(encoding="utf-8").splitlines()[:40]
        new.write_text("".join(f"{word} {line}\n" for line in lines), encoding="utf-8")
    return paths


def test_training_starts_from_a_model(tmp_path: Path, known: Path, new_files: list[Path]) -> None:
    lines: list[str] = []
    trained = regard.train(
        data=new_files,
        init=known,
        out=tmp_path / "tuned",
        overrides=["--training.max_steps=1", "--training.learning_rate=1e-9", "--model.dropout=0"],
        log=lines.append,
    )
    before, after = load_model(known), load_model(trained.folder)
    assert lines[-1] == f"weights: those of {known}"
    assert after.tokenisers.tokens() == before.tokenisers.tokens()
    assert after.config.model == replace(before.config.model, dropout=0)
    assert after.config.data.train == [str(file) for file in new_files]
    for name, weights in after.model.named_parameters():
        torch.testing.assert_close(weights, before.model.get_parameter(name), atol=1e-7, rtol=0)


def test_the_weights_of_the_old_corpora_are_not_those_of_the_new(
    tmp_path: Path, files: list[Path], new_files: list[Path]
) -> None:
    weighted = start(tmp_path / "known", files, "--training.max_steps=1", "--data.weights=[2]").folder
    two = [*new_files, *files]
    trained = regard.train(
        data=two, init=weighted, out=tmp_path / "tuned", overrides=["--training.max_steps=1"]
    )
    assert load_config(trained.folder).data.weights == []


def test_what_a_model_to_start_from_settles_is_refused(tmp_path: Path, known: Path) -> None:
    for override, words in (
        ("--tokeniser.size=70", r"--tokeniser\.size: determined by training\.init"),
        ("--data.features=3", "data.features: the model in training.init.* reads none"),
    ):
        for call in (regard.train, measure):
            with pytest.raises(ConfigError, match=words):
                call(data=["nowhere.tsv"], init=known, out=tmp_path / "tuned", overrides=[override])


def test_features_of_the_model_to_start_from_need_a_column(tmp_path: Path, files: list[Path]) -> None:
    table = tmp_path / "forms.tsv"
    table.write_text("".join(f"word{n}\tform{n}\tV;{'PST' if n % 2 else 'PRS'}\n" for n in range(30)))
    known = start(tmp_path / "known", [table], "--data.features=3", "--training.max_steps=1").folder
    with pytest.raises(ConfigError, match=r"data\.features: the model .* reads them; name their column"):
        regard.train(data=["nowhere.tsv"], init=known, out=tmp_path / "new", overrides=["--data.features="])


def test_the_vocabulary_grows_and_the_run_goes_on_without_the_model(
    tmp_path: Path, known: Path, new_files: list[Path]
) -> None:
    lines: list[str] = []

    def tune(name: str, **options: Any) -> regard.Trained:
        return regard.train(
            data=new_files,
            init=known,
            out=tmp_path / name,
            overrides=["--training.max_steps=6", "--training.grow_vocabulary=true"],
            log=lines.append,
            **options,
        )

    before = load_model(known).tokenisers
    whole = tune("whole")
    after = load_tokenisers(whole.folder)
    added = len(after.source) - len(before.source), len(after.target) - len(before.target)
    assert lines[-1] == f"weights: those of {known}, {added[0]} source and {added[1]} target tokens added"
    assert "quastenflosser" in after.source.tokens(range(len(before.source), len(after.source)))
    assert "coelacanth" in after.target.tokens(range(len(before.target), len(after.target)))
    tune("part", watchers=[StopAfter(2)])
    known.rename(tmp_path / "gone")
    regard.train(out=tmp_path / "part", resume=True)
    last = "last/model.safetensors"
    assert parameters(tmp_path / "part" / last) == parameters(tmp_path / "whole" / last)


def test_a_beginning_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, known: Path, files: list[Path]
) -> None:
    others = prepare(recipe_file.load(None, [*RUN, "--tokeniser.size=30", *_train_key(files)]))
    options: dict[str, Any]
    for options, words in (
        ({"recipe": "luong2015", "data": files}, r"do not fit the recipe's model.*start without a recipe"),
        ({}, "without new ones the embedded grammar would be learnt"),
        ({"data": files, "init": tmp_path / "nothing"}, "no such model folder"),
        (
            {"data": files, "overrides": ["--model.embedding_size=8"]},
            r"embedding.weight \(\d+, 16\), expected",
        ),
        ({"prepared": others}, "another source vocabulary"),
    ):
        with pytest.raises(RegardError, match=words) as error:
            regard.train(out=tmp_path / "tuned", **{"init": known, **options})
        assert "\n" not in str(error.value)
    assert not (tmp_path / "tuned").exists()


def test_word_vectors_are_counted(tmp_path: Path, files: list[Path]) -> None:
    word = files[0].read_text(encoding="utf-8").split()[0]
    rows = ["2 16", word + " 0.5" * 16, "xyz" + " 1" * 16]
    (tmp_path / "vectors.vec").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    lines: list[str] = []
    vectors = f"--training.source_embeddings={tmp_path / 'vectors.vec'}"
    trained = start(
        tmp_path / "run",
        files,
        vectors,
        "--training.max_steps=1",
        "--training.learning_rate=1e-9",
        log=lines.append,
    )
    saved = load_model(trained.folder)
    total = len(saved.tokenisers.source) - 4
    assert f"word vectors: {tmp_path / 'vectors.vec'} has 1 of {total} source tokens" in lines
    (row,) = saved.tokenisers.source.encode(word)
    torch.testing.assert_close(saved.model.embedding.weight[row], torch.full((16,), 0.5))


def test_checkpoints_are_models_and_their_mean_is_a_model(tmp_path: Path, files: list[Path]) -> None:
    trained = start(tmp_path / "run", files, "--training.average=2", "--training.validate_every=3")
    checkpoints = sorted((trained.folder / "checkpoints").iterdir())
    assert len(checkpoints) == 2
    assert regard.load(checkpoints[0]).translate("die frau lacht .").source
    mean = load_file(regard.average(checkpoints, tmp_path / "mean") / "model.safetensors")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in checkpoints)
    for name, weights in mean.items():
        torch.testing.assert_close(weights, (ours[name] + theirs[name]) / 2)
    assert regard.load(tmp_path / "mean").translate("die frau lacht .").source
    again = start(tmp_path / "run", files, "--training.max_steps=1", overwrite=True)
    assert not (again.folder / "checkpoints").exists()


def test_models_that_differ_have_no_mean(tmp_path: Path, files: list[Path], known: Path) -> None:
    short = ("--training.max_steps=1", "--model.dropout=0")
    other = start(tmp_path / "other", files, *short, "--model.attention.size=9").folder
    fewer = start(tmp_path / "fewer", files, *short, "--tokeniser.size=20").folder
    upper = start(tmp_path / "upper", files, *short, "--tokeniser.lowercase=true").folder
    for models, out, words in (
        (
            [known, other],
            "mean",
            r"differs from .*known in model.attention.size; only models of the same",
        ),
        ([known, fewer], "mean", "the source vocabulary .*, the target vocabulary "),
        ([known, upper], "mean", "lowercase is"),
        ([known], "mean", "expected two models or more to average, got 1"),
        ([known, known], "other", "already exists: choose another --out"),
        ([known, tmp_path / "nothing"], "mean", "no such model folder"),
    ):
        with pytest.raises(RegardError, match=words):
            regard.average(models, tmp_path / out)
    assert not (tmp_path / "mean").exists()


def test_a_shared_vocabulary_grows_on_both_sides_at_once(
    tmp_path: Path, files: list[Path], new_files: list[Path]
) -> None:
    tied = ("--tokeniser.shared=true", "--model.tie=all", "--model.embedding_size=32")
    known = start(tmp_path / "known", files, *tied, "--training.max_steps=1").folder
    grow = ["--training.grow_vocabulary=true", "--training.max_steps=1"]
    trained = regard.train(data=new_files, init=known, out=tmp_path / "tuned", overrides=grow)
    tokens = load_tokenisers(trained.folder).tokens()
    assert tokens["source"] == tokens["target"]
    assert {"quastenflosser", "coelacanth"} <= set(tokens["source"])


def test_prepared_data_is_measured_too(tmp_path: Path, files: list[Path]) -> None:
    regard.prepare(None, files, out=tmp_path / "ready", overrides=RUN[:1])
    lines: list[str] = []
    others = [line for line in RUN if not line.startswith("--tokeniser.")]
    facts = measure(overrides=others, prepared=tmp_path / "ready", log=lines.append)
    assert (facts.num_pairs, lines) == (144, [])
