from __future__ import annotations

import json

import pytest
import torch
from torch import optim

from regard.errors import ConfigError, ModelError
from regard.training.progress import Progress
from regard.training.schedule import Plateau
from regard.training.state import SavedState, check_plan, read_state, restore, save_state
from tests.training.tiny import parameter_hash, tiny_model

PROGRESS = Progress(
    step=3, epoch=1, batch=2, tokens_seen=77, best=1 / 3, plateau=Plateau(0.5, 1), seconds=0.1
)
STATE = SavedState(PROGRESS, "float32", {"training.seed": 1})


def stepped(optimiser_class=optim.Adam):
    model = tiny_model()
    optimiser = optimiser_class(model.parameters())
    model.head.weight.square().sum().backward()  # the embedding gets no gradient, so no moments
    optimiser.step()
    return model, optimiser


def test_what_is_saved_comes_back(tmp_path):
    model, optimiser = stepped()
    save_state(tmp_path, STATE, model, optimiser)
    expected = torch.rand(4)

    fresh = tiny_model(seed=5)
    restored = optim.Adam(fresh.parameters())
    restore(tmp_path, fresh, restored)

    assert torch.equal(torch.rand(4), expected)
    assert read_state(tmp_path) == STATE
    assert parameter_hash(fresh) == parameter_hash(model)
    ours, theirs = restored.state_dict()["state"], optimiser.state_dict()["state"]
    assert ours.keys() == theirs.keys() == {1}
    for name, tensor in theirs[1].items():
        assert torch.equal(ours[1][name], tensor)


def test_nothing_is_pickled(tmp_path):
    save_state(tmp_path, STATE, *stepped())
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "model.safetensors",
        "optimiser.safetensors",
        "state.json",
    ]


def test_other_versions_and_broken_files_are_refused(tmp_path):
    save_state(tmp_path, STATE, *stepped())
    file = tmp_path / "state.json"
    for version in (0, 99):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"version": version}))
        words = rf"version {version}, expected 1; resume with the regard that wrote it"
        with pytest.raises(ModelError, match=words):
            read_state(tmp_path)
    file.write_text("{")
    with pytest.raises(ModelError, match=r"state.json: broken training state; start anew with --overwrite"):
        read_state(tmp_path)


def test_a_changed_setting_is_named():
    check_plan("runs/x", {"training.seed": 1}, {"training.seed": 1})
    with pytest.raises(ConfigError, match=r"runs/x: was trained with training.seed = 1, but now it is 2"):
        check_plan("runs/x", {"training.seed": 1}, {"training.seed": 2})
    with pytest.raises(ConfigError, match=r"was trained with training.seed = None, but now it is 2"):
        check_plan("runs/x", {}, {"training.seed": 2})
