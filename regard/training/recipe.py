"""The recipe of a run: given in its several ways, and checked before any text is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from regard import recipe_file
from regard.atomic_writes import committed_file
from regard.build import build_model
from regard.checkpoint import CONFIG, check_format, load_config, load_tokenisers
from regard.config import Config
from regard.errors import ConfigError
from regard.training.averaging import check_decay
from regard.training.initial_weights import check_beginning, check_weights_fit
from regard.training.precision import choose_device
from regard.training.schedule import check_ending, check_optimiser

# what a recipe that is taken from a model to start from does not say of the new run
_NEW_DATA = (
    "--data.train=[]",
    "--data.validation=[]",
    "--data.weights=[]",
    "--training.grow_vocabulary=false",
    "--training.source_embeddings=",
    "--training.target_embeddings=",
)


def resolve(
    recipe: Config | str | Path | None,
    data: str | Path | Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    init: str | Path | None = None,
) -> Config:
    """The recipe as it was given in its several ways; without one, that of the model to start from."""
    if isinstance(recipe, Config):
        if overrides:
            raise ConfigError("train: overrides change a recipe file; with a Config, use dataclasses.replace")
        recipe_file.check_numbers(recipe)
        config = recipe
        if init is not None:
            config = replace(config, training=replace(config.training, init=str(init)))
    else:
        overrides = [each if each.startswith("--") else f"--{each}" for each in overrides]
        overrides = overrides if init is None else [*overrides, f"--training.init={init}"]
        config = recipe_file.load(recipe, overrides)
        if recipe is None and config.training.init:
            check_format(Path(config.training.init))
            config = recipe_file.load(
                committed_file(Path(config.training.init), CONFIG), [*_NEW_DATA, *overrides]
            )
    if config.training.init:
        check_not_settled(overrides, ("--tokeniser.",), "training.init, whose tokenisers are used")
    if data:
        files = [data] if isinstance(data, str | Path) else data
        config = replace(config, data=replace(config.data, train=[str(file) for file in files]))
    return config


def check_not_settled(overrides: Sequence[str], keys: tuple[str, ...], by: str) -> None:
    """Raise ConfigError for an override that could not count, for something else settles its section."""
    for override in overrides:
        if override.startswith(keys):
            raise ConfigError(f"{override.split('=')[0]}: settled by {by}; leave one of them out")


def with_tokenisers_of_init(config: Config) -> Config:
    """A recipe whose tokeniser section is that of the model it starts from, if any, for so is the text cut."""
    if not config.training.init:
        return config
    saved = load_config(config.training.init)
    if saved.data.train and not config.data.train:
        raise ConfigError(
            f"training.init: {config.training.init} was trained on files, and without new ones the embedded grammar "
            "would be learnt; give --data.train, or --resume to go on with the same data"
        )
    if load_tokenisers(config.training.init).source.reads_features != bool(config.data.features):
        raise ConfigError(
            f"data.features: the model in training.init, {config.training.init}, reads "
            + ("none; leave data.features out" if config.data.features else "them; name their column")
            + ", or start from another model"
        )
    return replace(config, tokeniser=saved.tokeniser)


def check_recipe(config: Config, resume: bool) -> None:
    """Refuse, before any text is read, what cannot work whatever the text is."""
    check_ending(config.training)
    check_optimiser(config.training)
    check_decay(config.training.ema)
    choose_device(config.training.device)
    sizes = (8, 8)
    if not resume:
        check_beginning(config)
    if config.training.init and not resume:
        known = load_tokenisers(config.training.init)
        sizes = (len(known.source), len(known.target))
    with torch.device("meta"):  # shapes without numbers
        model = build_model(
            config.model,
            *sizes,
            shared_vocabulary=config.tokeniser.shared,
            label_smoothing=config.training.label_smoothing,
        )
    if config.search.coverage_penalty and model.decoder.attention is None:
        raise ConfigError(
            "search.coverage_penalty: this model has no attention that could cover anything; set it to 0"
        )
    if config.training.init and not resume:
        check_weights_fit(model, Path(config.training.init))


def as_begun(config: Config, saved: Config) -> Config:
    """A recipe to be resumed: what was found or taken from a model when the run began stays what it was."""
    if config.training.init and config.training.init == saved.training.init:
        config = replace(config, tokeniser=saved.tokeniser)
    if config.training.batch_tokens == "auto":
        config = replace(config, training=replace(config.training, batch_tokens=saved.training.batch_tokens))
    return config
