"""README, docs and examples are true: their code runs, their links lead somewhere, their commands exist."""

from __future__ import annotations

import io
import re
import runpy
import shlex
from contextlib import redirect_stdout, suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path

import pytest

import regard
from regard.attention import SCORES
from regard.cli import VERBS
from regard.cli.train import split_overrides
from regard.data.grammar import generate
from regard.decoders import BRIDGES, DECODERS
from regard.encoders import ENCODERS
from regard.recipe_file import load, packaged_recipes
from regard.recurrent import CELLS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TINY = [
    "--tokeniser.kind=words",
    "--training.max_steps=2",
    "--model.embedding_size=8",
    "--model.encoder.hidden_size=8",
    "--model.decoder.hidden_size=8",
]


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = list(generate(60, seed=1))
    Path("train.de").write_text("".join(pair.source + "\n" for pair in pairs), encoding="utf-8")
    Path("train.en").write_text("".join(pair.target + "\n" for pair in pairs), encoding="utf-8")
    blocks = [code for code in code_blocks(ROOT / "README.md", "python") if "runs/mine" in code]
    monkeypatch.setattr(regard, "train", partial(regard.train, overrides=TINY), raising=False)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert isinstance(names["translation"], regard.Translation)
    assert isinstance(names["trace"], regard.Trace)


def test_the_example_score_trains_and_translates(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        runpy.run_path(str(ROOT / "examples" / "new_score.py"), run_name="__main__")
    finally:
        SCORES.pop("distance", None)
    assert "[[0." in capsys.readouterr().out  # the weights were printed


def test_the_example_that_stops_early_stops(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "stop_early.py"), run_name="__main__")
    assert re.search(r"stopped after \d+ steps: the validation loss (is 5|rises)", capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r'(?:\]\(|src=")([^)"#\s]+)[)"]', page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def commands(page: Path) -> list[list[str]]:
    """The words after `regard` of every command in the shell blocks of a page."""
    lines = [line for block in code_blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("regard ")]


@cache
def help_of(verb: str, *rest: str) -> str:
    """What `regard VERB --help` prints."""
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        import_module(f"regard.cli.{verb}").main([*rest, "--help"])
    return printed.getvalue()


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    for verb, *arguments in commands(page):
        assert verb in VERBS
        if verb == "train":
            own, overrides = split_overrides(arguments)
            load(own[0] if own and not own[0].startswith("-") else None, overrides)
            arguments = own
        shown = help_of(verb, *(arguments[:1] if verb == "data" else []))
        for option in filter(re.compile("--[a-z]").match, arguments):
            assert re.search(rf"{option}\b(?!-)", shown), f"regard {verb} has no {option}"


def test_the_readme_shows_the_main_verbs() -> None:
    shown = {verb for verb, *_ in commands(ROOT / "README.md")}
    assert {"train", "translate", "evaluate", "compare", "explain", "serve", "score"} <= shown


def test_the_readme_names_every_part() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for table in (SCORES, CELLS, ENCODERS, DECODERS, BRIDGES):
        for name in table:
            assert f"`{name}`" in text, name
    for name in packaged_recipes():
        assert name.startswith("demo_") or f"`{name}`" in text, name


def test_every_benchmark_is_listed() -> None:
    listed = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for file in (ROOT / "benchmarks").glob("*.py"):
        assert file.name == "machine.py" or f"`{file.name}`" in listed
