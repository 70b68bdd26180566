"""The tokenisers of a run: learnt on its training text, or those of the model it starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from regard.checkpoint import Tokenisers, load_tokenisers
from regard.config import Config, TokeniserConfig
from regard.data import Tokeniser
from regard.data.features import split_features
from regard.data.tokeniser import target_config
from regard.errors import ConfigError
from regard.training.pairs import CleanedPairs, StartProgress, Texts

MAX_TEXTS = 2_000_000  # BPE and Unigram do not improve with more


def check_tokeniser_options(config: TokeniserConfig) -> None:
    """Refuse, before any text is read, sentencepiece models that are missing, broken or not used.

    Raises ConfigError, also for options of the target's own where the vocabulary is shared.
    """
    target = target_config(config)
    for side, own in {"source": config, **({} if config.shared else {"target": target})}.items():
        if own.kind == "sentencepiece":
            Tokeniser.train((), own)
        elif own.source_model:
            raise ConfigError(
                f"tokeniser.{side}_model: {own.source_model} is for the kind sentencepiece, but the {side}'s kind is "
                f"{own.kind}; set the kind, or leave the model out"
            )


def learn_tokenisers(
    config: Config, cleaned: CleanedPairs, start_progress: StartProgress
) -> tuple[Tokenisers, list[str]]:
    """Learn the tokenisers, on training text alone; also return what a user should know about that."""
    if config.training.init:
        return _pretrained_tokenisers(config, cleaned, start_progress), []
    recipe, has_features = config.tokeniser, bool(config.data.features)
    features = _features_by_frequency(cleaned) if has_features else []
    notes = []

    def learn(sides: Sequence[str], own: TokeniserConfig, symbols: Sequence[str]) -> Tokeniser:
        only_counts = own.kind in ("words", "characters")
        most = len(cleaned) if only_counts else MAX_TEXTS // len(sides)
        if own.kind != "sentencepiece" and most < len(cleaned):
            notes.append(f"{own.kind}: learnt on {most * len(sides):,} sentences, evenly spaced")
        num_texts = min(most, len(cleaned)) * len(sides) * (1 if only_counts else 2)  # read once, or twice
        with start_progress(f"sentences learnt from ({' and '.join(sides)})", num_texts) as advance:
            return Tokeniser.train(Texts(cleaned, sides, most, has_features, advance), own, symbols)

    if recipe.shared:
        shared = learn(("source", "target"), recipe, features)
        return Tokenisers(shared, shared.without_features() if features else shared), notes
    source = learn(("source",), recipe, features)
    return Tokenisers(source, learn(("target",), target_config(recipe), ())), notes


def _pretrained_tokenisers(
    config: Config, cleaned: CleanedPairs, start_progress: StartProgress
) -> Tokenisers:
    """Return the tokenisers of the model that training starts from, grown if the recipe says so."""
    known = load_tokenisers(config.training.init)
    if not config.training.grow_vocabulary:
        return known

    def grow(tokeniser: Tokeniser, *sides: str) -> Tokeniser:
        description = f"sentences learnt from ({' and '.join(sides)})"
        with start_progress(description, len(cleaned) * len(sides)) as advance:
            return tokeniser.grown(Texts(cleaned, sides, len(cleaned), bool(config.data.features), advance))

    if config.tokeniser.shared:
        shared = grow(known.source, "source", "target")
        return Tokenisers(shared, shared)
    return Tokenisers(grow(known.source, "source"), grow(known.target, "target"))


def _features_by_frequency(cleaned: CleanedPairs) -> list[str]:
    """Return the features of the training sources, the most frequent first."""
    counts: Counter[str] = Counter()
    for text in cleaned.file.texts("source", cleaned.copies):
        counts.update(split_features(text)[1])
    return sorted(counts, key=lambda feature: (-counts[feature], feature))
