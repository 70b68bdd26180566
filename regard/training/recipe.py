"""The recipe of a run: resolved from the ways in which it can be given, and checked before any text is read."""

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
from regard.model import Seq2Seq
from regard.training.averaging import check_decay
from regard.training.initial_weights import check_initial_weights, check_weights_fit
from regard.training.optimisers import check_optimiser
from regard.training.precision import choose_device
from regard.training.stopping_criteria import check_stopping

# what the recipe of a model to start from says about its own data and weights, and not about the new run
_NOT_INHERITED = (
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
    resumed: Path | None = None,
) -> Config:
    """Return the recipe of a run with its overrides, training files and model to start from.

    Without a recipe it is that of the run to be resumed, of the model to start from, or the default one.
    """
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
        config = _load(recipe, overrides, resumed)
    if config.training.init:
        reject_overrides(overrides, ("--tokeniser.",), "training.init, whose tokenisers are used")
    if data:
        files = [data] if isinstance(data, str | Path) else data
        config = replace(config, data=replace(config.data, train=[str(file) for file in files]))
    return config


def _load(recipe: str | Path | None, overrides: Sequence[str], resumed: Path | None) -> Config:
    if recipe is not None:
        return recipe_file.load(recipe, overrides)
    if resumed is not None:
        return _load_from_model(resumed, overrides)
    config = recipe_file.load(None, overrides)
    if config.training.init:
        return _load_from_model(Path(config.training.init), [*_NOT_INHERITED, *overrides])
    return config


def _load_from_model(folder: Path, overrides: Sequence[str]) -> Config:
    check_format(folder)
    return recipe_file.load_saved(committed_file(folder, CONFIG), overrides)


def reject_overrides(overrides: Sequence[str], keys: tuple[str, ...], by: str) -> None:
    """Raise ConfigError for overrides of sections that something else determines."""
    for override in overrides:
        if override.startswith(keys):
            raise ConfigError(f"{override.split('=')[0]}: determined by {by}; leave one of them out")


def with_pretrained_tokenisers(config: Config) -> Config:
    """Return the recipe with the tokeniser section of the model that it starts from, if any."""
    if not config.training.init:
        return config
    saved = load_config(config.training.init)
    if saved.data.train and not config.data.train:
        raise ConfigError(
            f"training.init: {config.training.init} was trained on files, and without new ones the embedded grammar "
            "would be learnt; give --data.train, or --resume to continue with the same data"
        )
    if load_tokenisers(config.training.init).source.reads_features != bool(config.data.features):
        raise ConfigError(
            f"data.features: the model in training.init, {config.training.init}, reads "
            + ("none; leave data.features out" if config.data.features else "them; name their column")
            + ", or start from another model"
        )
    return replace(config, tokeniser=saved.tokeniser)


def with_resolved_settings(config: Config, saved: Config) -> Config:
    """Return the recipe of a run to be resumed, with the settings that were found or inherited when it began."""
    if config.training.init and config.training.init == saved.training.init:
        config = replace(config, tokeniser=saved.tokeniser)
    if config.training.batch_tokens == "auto":
        config = replace(config, training=replace(config.training, batch_tokens=saved.training.batch_tokens))
    return config


def check_recipe(config: Config, resume: bool) -> None:
    """Refuse, before any text is read, a recipe that cannot work whatever the text is."""
    check_stopping(config.training)
    check_optimiser(config.training)
    check_decay(config.training.ema)
    choose_device(config.training.device)
    if not resume:
        check_initial_weights(config)
    pretrained = "" if resume else config.training.init
    sizes = (8, 8)
    if pretrained:
        known = load_tokenisers(pretrained)
        sizes = (len(known.source), len(known.target))
    model = _build_without_weights(config, sizes)
    if config.search.coverage_penalty and model.decoder.attention is None:
        raise ConfigError(
            "search.coverage_penalty: this model has no attention that could cover anything; set it to 0"
        )
    if pretrained:
        check_weights_fit(model, Path(pretrained))


def _build_without_weights(config: Config, vocabulary_sizes: tuple[int, int]) -> Seq2Seq:
    with torch.device("meta"):  # shapes without values
        return build_model(
            config.model,
            *vocabulary_sizes,
            shared_vocabulary=config.tokeniser.shared,
            label_smoothing=config.training.label_smoothing,
        )
