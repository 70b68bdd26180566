"""Recipes are read as they are written; what is wrong in them is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from regard import recipe_file as module
from regard.config import Config, DecoderConfig, ModelConfig
from regard.errors import ConfigError
from regard.recipe_file import (
    RENAMED_KEYS,
    dump,
    find_recipe,
    known_keys,
    load,
    load_saved,
    packaged_recipes,
    parser,
)


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(recipe: Path | str | None, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(recipe, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_a_recipe_the_defaults_are_used() -> None:
    assert load() == Config()


def test_a_recipe_changes_what_it_names(tmp_path: Path) -> None:
    read = load(write(tmp_path, "model:\n  dropout: 0.5\n  decoder:\n    name: luong\n    num_layers: 2\n"))
    assert read.model.decoder == DecoderConfig(name="luong", num_layers=2)
    assert read.model == ModelConfig(dropout=0.5, decoder=read.model.decoder)
    assert dataclasses.replace(read, model=ModelConfig()) == Config()


def test_what_is_dumped_is_loaded_again(tmp_path: Path) -> None:
    recipe = "data: {train: [a.de, a.en]}\nmodel: {dropout: 0.25, encoder: {bidirectional: false}}\n"
    read = load(write(tmp_path, recipe), ["--training.learning_rate=1e-5", "--tokeniser.normalise=none"])
    assert load(write(tmp_path, dump(read))) == read
    assert read != Config()
    assert load(write(tmp_path, dump(Config()))) == Config()


def test_an_override_wins_over_the_recipe(tmp_path: Path) -> None:
    recipe = write(tmp_path, "model: {dropout: 0.5, embedding_size: 7}")
    read = load(
        recipe, ["--model.dropout=0.1", "--model.decoder.input_feeding=false", "--data.train=[x.tsv]"]
    )
    assert (read.model.dropout, read.model.embedding_size) == (0.1, 7)
    assert read.model.decoder.input_feeding is False
    assert read.data.train == ["x.tsv"]


@pytest.mark.parametrize(("written", "meant"), [("1e-3", 1e-3), ("5E-4", 5e-4), ("1", 1.0), ("2.5e1", 25.0)])
def test_numbers_mean_what_they_look_like(tmp_path: Path, written: str, meant: float) -> None:
    from_file = load(write(tmp_path, f"training: {{learning_rate: {written}}}")).training.learning_rate
    from_line = load(None, [f"--training.learning_rate={written}"]).training.learning_rate
    assert from_file == from_line == meant
    assert type(from_file) is type(from_line) is float


def test_a_word_that_looks_like_a_truth_value_is_kept() -> None:
    assert (
        load(None, ["--tokeniser.normalise=none", "--model.attention.score=none"]).tokeniser.normalise
        == "none"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle: {dropout: 0.1}", ["modle"]),
        ("model: {dropuot: 0.1}", ["model", "dropuot"]),
        ("model: {decoder: {naem: luong}}", ["naem"]),
        ("model: {dropout: high}", ["model.dropout", "float", "high"]),
        ("model: {dropout: true}", ["model.dropout", "float", "True"]),
        ("model: {encoder: {hidden_size: 1.5}}", ["model.encoder.hidden_size", "int", "1.5"]),
        (
            "tokeniser: {kind: letters}",
            ["tokeniser.kind", "unknown name 'letters'; known names: words, characters, bpe, unigram"],
        ),
        ("data: {train: a.tsv}", ["data.train", "list", "a.tsv"]),
        ("model: [1, 2]", ["model", "expected keys with values, got [1, 2]"]),
        ("model: {encoder: 3}", ["model.encoder", "expected keys with values, got 3"]),
        ("model: null", ["model", "expected a value, got none; leave the key out for the default"]),
        ("training: {patience: null}", ["training.patience", "expected a value, got none"]),
        ("model: {dropout: 0.1", ["line 1"]),
        ("just text", ["just text"]),
        ("", []),
    ],
)
def test_a_wrong_recipe_is_named_with_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    recipe = write(tmp_path, text)
    message = refused(recipe)
    assert message.startswith(f"{recipe}: ")
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("--model.dropuot=1", ["--model.dropuot"]),
        ("--model.dropout=high", ["model.dropout", "float", "high"]),
        ("--tokeniser.kind=letters", ["tokeniser.kind", "unknown name 'letters'"]),
        ("--model.drop=0.1", ["--model.drop"]),
        ("dropout=0.1", ["dropout=0.1"]),
    ],
)
def test_a_wrong_override_is_not_blamed_on_the_recipe(
    tmp_path: Path, override: str, words: list[str]
) -> None:
    recipe = write(tmp_path, "model: {embedding_size: 7}")
    for message in (refused(recipe, override), refused(None, override)):
        assert "recipe.yaml" not in message
        assert [word for word in words if word not in message] == []


def test_a_recipe_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "model: {dropout: 0.5}")
    monkeypatch.setattr(module, "packaged_recipes", lambda: {"mine": file, "yours": file})
    assert find_recipe("mine") == find_recipe(file) == find_recipe(str(file)) == file
    assert load("mine").model.dropout == 0.5
    assert refused("theirs").startswith("no recipe 'theirs'; expected a YAML file or one of mine, yours")
    assert refused("your").startswith("no recipe 'your'; did you mean yours? expected")
    assert refused("theirs.yaml").startswith(
        "theirs.yaml: no such file; check the path, or name one of mine, yours"
    )


def test_a_mistake_in_a_packaged_recipe_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "model: {dropuot: 0.5}")
    monkeypatch.setattr(module, "packaged_recipes", lambda: {"mine": file})
    assert refused("mine").startswith("mine: ")


@pytest.mark.parametrize("name", packaged_recipes())
def test_every_packaged_recipe_loads(name: str) -> None:
    assert load(name) == load(packaged_recipes()[name])


def test_every_key_is_described() -> None:
    help_text = " ".join(parser().format_help().split())
    for section in dataclasses.fields(Config):
        for field in dataclasses.fields(section.default):  # type: ignore[arg-type]
            name = f"--{section.name}.{field.name}"
            assert name in help_text, f"{name} is not in the help"
    assert "probability with which a unit is dropped in training" in help_text


def test_a_recipe_from_a_stranger_imports_nothing_and_reads_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "intruder.py").write_text("open('trace', 'w').write('was here')", encoding="utf-8")
    (tmp_path / "other.yaml").write_text("holdout_pairs: 7", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for content in (
        "data: {class_path: intruder.Thing}",
        "model: {encoder: {class_path: intruder.Thing}}",
        "data: other.yaml",
    ):
        (tmp_path / "recipe.yaml").write_text(content, encoding="utf-8")
        with pytest.raises(
            ConfigError, match=r"recipe.yaml: (unknown key \S*class_path|\"data\": expected keys)"
        ):
            load("recipe.yaml")
    assert not (tmp_path / "trace").exists()


def old_recipe(folder: Path) -> Path:
    """A recipe with every key that has been renamed since, and a number that YAML would read as text."""
    return write(
        folder,
        "data: {max_pieces: 77}\nmodel: {decoder: {name: gnmt, query: current}}\n"
        "training: {learning_rate: 1e-3}\ntokeniser: {normalise: none}\n",
    )


def test_renamed_keys_are_real() -> None:
    for old, new in RENAMED_KEYS.items():
        assert old not in known_keys()
        assert new in known_keys()
        assert old.rpartition(".")[0] == new.rpartition(".")[0]


def test_a_saved_recipe_may_have_keys_of_an_earlier_version(tmp_path: Path) -> None:
    read = load_saved(old_recipe(tmp_path))
    assert read.data.max_tokens == 77
    assert read.model.decoder == DecoderConfig(name="gnmt", query_step="current")
    assert (read.training.learning_rate, read.tokeniser.normalise) == (1e-3, "none")
    assert load_saved(old_recipe(tmp_path), ["--data.max_tokens=9"]).data.max_tokens == 9


def test_a_saved_recipe_of_this_version_is_read_as_any_other(tmp_path: Path) -> None:
    assert load_saved(write(tmp_path, dump(Config()))) == Config()
    for text, words in (
        ("modle: {}", "unknown key modle"),
        ("model: 3", "expected keys"),
        ("[1]", "expected"),
    ):
        file = write(tmp_path, text)
        with pytest.raises(ConfigError, match=f"recipe.yaml: .*{words}"):
            load_saved(file)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("data: {max_pieces: 77}", "data.max_pieces", "data.max_tokens"),
        ("model: {decoder: {query: current}}", "model.decoder.query", "model.decoder.query_step"),
    ],
)
def test_a_renamed_key_typed_by_a_user_is_refused_with_its_new_name(
    tmp_path: Path, text: str, old: str, new: str
) -> None:
    recipe = write(tmp_path, text)
    assert refused(recipe) == f"{recipe}: unknown key {old}; it is now called {new}"
    for message in (refused(None, f"--{old}=7"), refused(write(tmp_path, "{}"), f"--{old}=7")):
        assert message.endswith(f"--{old}=7; it is now called {new}")
    with pytest.raises(ConfigError, match=f"it is now called {new}$"):
        load_saved(write(tmp_path, dump(Config())), [f"--{old}=7"])
