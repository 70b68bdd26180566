from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from regard import checkpoint
from regard.atomic_writes import committed_file
from regard.build import build_model
from regard.checkpoint import (
    ModelCard,
    Tokenisers,
    load_config,
    load_model,
    render_card,
    save_model,
)
from regard.config import Config, DecoderConfig, EncoderConfig, ModelConfig, TokeniserConfig
from regard.data.tokeniser import Tokeniser
from regard.errors import ModelError

TEXTS = ["die alte frau lacht", "der hund lacht", "die frau und der hund"]
SMALL = ModelConfig(
    embedding_size=8, encoder=EncoderConfig(hidden_size=8), decoder=DecoderConfig(hidden_size=8)
)
CONFIG = Config(model=SMALL, tokeniser=TokeniserConfig(kind="words", shared=True))
CARD = ModelCard(
    "demo",
    command="regard train demo.yaml",
    data={"train.tsv": "abc123"},
    facts={"steps": 7},
    metrics={"BLEU": 12.5},
)


@pytest.fixture(scope="module")
def tokenisers():
    tokeniser = Tokeniser.train(TEXTS, CONFIG.tokeniser)
    return Tokenisers(tokeniser, tokeniser)


def fresh(tokenisers, config=CONFIG, seed=1):
    torch.manual_seed(seed)
    return build_model(config.model, len(tokenisers.source), len(tokenisers.target), shared_vocabulary=True)


def same(model, other):
    ours, theirs = model.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def saved(tmp_path, tokenisers):
    save_model(tmp_path / "demo", fresh(tokenisers), CONFIG, tokenisers, CARD)
    return tmp_path / "demo"


def test_a_model_folder_comes_back_whole(saved, tokenisers):
    loaded = load_model(saved)
    assert same(loaded.model, fresh(tokenisers))
    assert not loaded.model.training
    assert loaded.config == load_config(saved) == CONFIG
    assert loaded.tokenisers.source.encode(TEXTS[0]) == tokenisers.source.encode(TEXTS[0])
    assert sorted(f.name for f in saved.iterdir()) == [
        "README.md",
        "config.yaml",
        "format.json",
        "model.safetensors",
        "source.tokeniser.json",
        "target.tokeniser.json",
    ]


@pytest.mark.parametrize("tie", ["target", "all"])
def test_tied_weights_stay_tied(tmp_path, tokenisers, tie):
    # the readout's width follows the decoder, so both are 8 wide here
    config = replace(CONFIG, model=replace(SMALL, tie=tie))
    model = fresh(tokenisers, config)
    save_model(tmp_path, model, config, tokenisers, CARD)
    loaded = load_model(tmp_path).model
    assert same(loaded, model)
    assert len(list(loaded.parameters())) == len(list(model.parameters()))
    assert len(load_file(tmp_path / "model.safetensors")) == len(list(model.parameters()))


def test_saving_again_replaces_the_model_and_leaves_other_files(saved, tokenisers):
    (saved / "last").mkdir()
    (saved / "last" / "state.json").write_text("{}")
    save_model(saved, fresh(tokenisers, seed=2), CONFIG, tokenisers, CARD)
    assert same(load_model(saved).model, fresh(tokenisers, seed=2))
    assert (saved / "last" / "state.json").read_text() == "{}"


def test_the_card_says_what_where_from_and_how_to_use(saved):
    card = (saved / "README.md").read_text()
    for part in (
        "# demo",
        f"regard translate {saved} <",
        "| BLEU | 12.5 |",
        "| train.tsv | abc123 |",
        "| steps | 7 |",
        "regard train demo.yaml",
        f"| torch | {torch.__version__} |",
    ):
        assert part in card
    assert "## Data" not in render_card(ModelCard("bare"), saved)


def test_a_missing_folder(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere: no such model folder; train one with"):
        load_model(tmp_path / "nowhere")


def test_a_folder_that_is_no_model_folder(tmp_path):
    with pytest.raises(ModelError, match=r"not a model folder, it has no format.json; give the folder"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "target.tokeniser.json"])
def test_a_missing_file(saved, name):
    (saved / name).unlink()
    with pytest.raises(ModelError, match=f"demo: {name} is missing .*; copy the whole folder again"):
        load_model(saved)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_broken_format(saved, content):
    (saved / "format.json").write_text(content)
    with pytest.raises(ModelError, match=r"format.json: broken, expected"):
        load_model(saved)


def test_another_format_version(saved):
    (saved / "format.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(
        ModelError, match=r"model format 2, but this regard .* reads format 1; use the regard"
    ):
        load_model(saved)


def test_broken_weights(saved):
    file = saved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(
        ModelError, match=r"model.safetensors: broken weights .*; copy the folder again"
    ) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit(saved):
    file = saved / "model.safetensors"
    tensors = load_file(file)
    name = next(n for n, t in tensors.items() if t.dim() == 2)
    save_file(tensors | {name: torch.zeros(3, 3)}, file)
    with pytest.raises(
        ModelError, match=r"do not fit the recipe .*\[3, 3\].*; restore the config.yaml"
    ) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def test_a_process_killed_while_it_saves_models_leaves_a_whole_one(saved, tokenisers):
    script = (
        "import sys\nfrom pathlib import Path\nfrom regard import checkpoint as c\n"
        "folder = Path(sys.argv[1])\nm = c.load_model(folder)\nprint('ready', flush=True)\n"
        "while True:\n    c.save_model(folder, m.model, m.config, m.tokenisers, c.ModelCard('again'))\n"
        "    print('saved', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(saved)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.kill()
    assert same(load_model(saved).model, fresh(tokenisers))
    assert committed_file(saved, checkpoint.CARD).read_text().endswith("\n")
