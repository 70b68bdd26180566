"""The search options that several verbs share, as flags of `regard translate`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import regard
from regard.cli import Parser
from regard.cli.search_options import add_search_option, add_search_options, search_options
from regard.config import SearchConfig
from regard.records.search_options import OPTIONS, SearchOptions
from tests.cli.shell import Shell, check_refused
from tests.trained import Trained, unseen_pairs

SENTENCES = [pair.source for pair in unseen_pairs(4)]
STDIN = "".join(f"{line}\n" for line in SENTENCES).encode()


VALUES = {
    "length_form": ("gnmt", "gnmt"),
    "precision": ("int8", "int8"),
    "prefix": ("the", "the"),
    "ban": ("the", ["the"]),
    "glossary": ("{file}", {"der": "the"}),
    "lexicon": ("{file}", {"der": "the"}),
}


def test_every_option_is_declared_once_and_has_a_flag(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("der\tthe\n", encoding="utf-8")
    parser = Parser()
    add_search_options(parser)
    add_search_option(parser.add_argument, "num_best")
    of_recipe = SearchOptions.__annotations__.keys() - OPTIONS.keys()
    assert of_recipe == {field.name for field in fields(SearchConfig)} - {"max_ratio", "max_extra"}
    for name in SearchOptions.__annotations__.keys() - {"intervene", "watch", "follow"}:
        text, value = VALUES.get(name, ("3", 3))
        flag = [f"--{name.replace('_', '-')}"]
        if name in ("sample", "replace_unknown"):
            value = True
        else:
            flag.append(text.format(file=tmp_path / "terms.tsv"))
        assert search_options(parser.parse_args(flag)) == {name: value}
    assert search_options(parser.parse_args([])) == {}


def test_help_says_what_every_flag_does_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser()
    add_search_options(parser)
    parser.print_help()
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "--beam N number of hypotheses kept at each step; 1 is greedy search (default: the model's recipe)"
        in text
    )
    assert "has just chosen (default: 0.5)" in text
    assert all(option.help in text for option in OPTIONS.values() if option.group is not None)


@pytest.mark.parametrize(
    ("options", "how"),
    [
        (
            ["--coverage-penalty", "0.3", "--length-form", "gnmt"],
            {"coverage_penalty": 0.3, "length_form": "gnmt"},
        ),
        (["--groups", "3", "--diversity", "2"], {"groups": 3, "diversity": 2.0}),
        (
            ["--sample", "--seed", "4", "--temperature", "1.5"],
            {"sample": True, "seed": 4, "temperature": 1.5},
        ),
        (["--sample", "--top-k", "5", "--top-p", "0.9"], {"sample": True, "top_k": 5, "top_p": 0.9}),
        (["--prefix", "the old"], {"prefix": "the old"}),
        (["--ban", "the", "--ban", "old man"], {"ban": ["the", "old man"]}),
        (["--replace-unknown"], {"replace_unknown": True}),
    ],
)
def test_an_option_is_a_keyword(run: Shell, models: Trained, options: list[str], how: dict) -> None:
    answer = run("translate", models.attention, *options, stdin=STDIN)
    expected = regard.load(models.attention).translate(SENTENCES, **how)
    assert answer.status == 0
    assert answer.out.splitlines() == [one.text for one in expected]


def test_files_of_words_and_terms(run: Shell, models: Trained, tmp_path: Path) -> None:
    ban, terms, lexicon = tmp_path / "ban.txt", tmp_path / "terms.tsv", tmp_path / "lexicon.tsv"
    ban.write_text("the\n\nold man\n", encoding="utf-8")
    terms.write_text(f"{SENTENCES[0].split()[0]}\tdog\n", encoding="utf-8")
    lexicon.write_text("der\tthe\n", encoding="utf-8")
    options = [
        "--ban-file",
        ban,
        "--ban",
        "cat",
        "--glossary",
        terms,
        "--replace-unknown",
        "--lexicon",
        lexicon,
    ]
    answer = run("translate", models.attention, *options, stdin=STDIN)
    expected = regard.load(models.attention).translate(
        SENTENCES,
        ban=["cat", "the", "old man"],
        glossary={SENTENCES[0].split()[0]: "dog"},
        replace_unknown=True,
        lexicon={"der": "the"},
    )
    assert answer.out.splitlines() == [one.text for one in expected]


def test_an_ensemble_translates(run: Shell, models: Trained) -> None:
    answer = run(
        "translate", models.attention, "--ensemble", models.fixed_vector, models.attention, stdin=STDIN
    )
    expected = regard.load_ensemble([models.attention, models.fixed_vector, models.attention]).translate(
        SENTENCES
    )
    assert answer.out.splitlines() == [one.text for one in expected]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sample", "--beam", "3"], ["beam cannot be combined with sample"]),
        (["--temperature", "0.5"], ["temperature sets how to sample"]),
        (["--groups", "2", "--beam", "5"], ["a beam of 5 cannot be cut into 2 groups"]),
        (["--coverage-penalty", "-1"], ["coverage_penalty: expected 0 or more"]),
        (["--length-form", "wu"], ["--length-form", "gnmt"]),
        (["--ban", "\udcff"], ["--prefix and --ban: expected UTF-8"]),
        (["--prefix", "\udcff"], ["--prefix and --ban: expected UTF-8"]),
        (
            ["--glossary", "{folder}/good.tsv", "--beam", "2", "--num-best", "3"],
            ["beam 2 cannot give 3 best"],
        ),
        (["--ban", ""], ["an empty text can be neither banned"]),
        (["--lexicon", "{folder}/none.tsv"], ["none.tsv: no such file"]),
        (["--glossary", "{folder}/bad.tsv"], ["bad.tsv, line 1: expected source TAB target"]),
        (["--ensemble", "{folder}"], ["not a model folder"]),
    ],
)
def test_mistakes_take_one_line(
    run: Shell, models: Trained, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    (tmp_path / "bad.tsv").write_text("no tab here\n", encoding="utf-8")
    (tmp_path / "good.tsv").write_text("die\tthe\nder\tthe\n", encoding="utf-8")
    options = [option.format(folder=tmp_path) for option in options]
    check_refused(run("translate", models.attention, *options, stdin=STDIN), *words)
