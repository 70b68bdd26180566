"""Initial weights that are not random: those of a trained model, or word vectors in the embeddings."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from regard.checkpoint import Tokenisers, load_model, load_tokenisers
from regard.config import Config, TrainingConfig
from regard.data.tokeniser import Tokeniser
from regard.data.word_vectors import read_word_vectors, vector_size
from regard.errors import ConfigError, ModelError
from regard.model import Seq2Seq
from regard.records.text import SPECIALS
from regard.training.pairs import Log

_ROWS_ARE_TOKENS = ("embedding.weight", "decoder.embedding.weight", "head.weight", "head.bias")
_OUTPUT_SPREAD = 0.01


def check_initial_weights(config: Config) -> None:
    """Raise ConfigError for initial weights that cannot be, DataError for word vectors that cannot be read."""
    training = config.training
    if training.grow_vocabulary and not training.init:
        raise ConfigError(
            "training.grow_vocabulary: there is no vocabulary to grow; give training.init a model"
        )
    for side in ("source", "target"):
        file = getattr(training, f"{side}_embeddings")
        if file and training.init:
            raise ConfigError(
                f"training.{side}_embeddings: the model in training.init has its own; leave one of them out"
            )
        if file and (size := vector_size(file)) != config.model.embedding_size:
            raise ConfigError(
                f"training.{side}_embeddings: {file} has vectors of {size} numbers, but model.embedding_size is "
                f"{config.model.embedding_size}; set it to {size}"
            )


def initialise_weights(model: Seq2Seq, config: TrainingConfig, tokenisers: Tokenisers, log: Log) -> None:
    """Give a model the initial weights that the recipe names, if any.

    Raises ConfigError for tokenisers that are not those of the model to start from, ModelError for weights that
    do not fit, DataError for broken word vectors.
    """
    if config.init:
        added = {side: f"{count:,}" for side, count in _num_added_tokens(tokenisers, config.init).items()}
        load_pretrained(model, Path(config.init))
        more = f", {added['source']} source and {added['target']} target tokens added"
        log(f"weights: those of {config.init}{more if config.grow_vocabulary else ''}")
    for side, file, embedding, tokeniser in (
        ("source", config.source_embeddings, model.embedding, tokenisers.source),
        ("target", config.target_embeddings, model.decoder.embedding, tokenisers.target),
    ):
        if file:
            found = load_word_vectors(embedding, tokeniser, Path(file))
            log(f"word vectors: {file} has {found:,} of {len(tokeniser) - len(SPECIALS):,} {side} tokens")


@torch.no_grad()
def load_pretrained(model: Seq2Seq, folder: Path) -> None:
    """Copy the weights of a trained model; where the vocabulary has grown, new rows are drawn at random.

    New rows of an embedding have the mean and standard deviation of the old ones. New rows of the output lie close
    to the mean, so that no new token takes much probability from the others before it is learnt (Hewitt 2021,
    "Initializing New Word Embeddings for Pretrained Language Models"). Raises ModelError as `check_weights_fit` does.
    """
    check_weights_fit(model, folder)
    old = dict(load_model(folder).model.named_parameters())
    outputs = {id(parameter) for parameter in model.head.parameters()}
    for name, parameter in model.named_parameters():
        rows = old[name]
        if rows.shape == parameter.shape:
            parameter.copy_(rows)
        else:
            spread = _OUTPUT_SPREAD if id(parameter) in outputs else 1.0
            drawn = torch.randn_like(parameter[len(rows) :]) * rows.std(dim=0) * spread + rows.mean(dim=0)
            parameter.copy_(torch.cat([rows, drawn]))


def check_weights_fit(model: Seq2Seq, folder: Path) -> None:
    """Raise ModelError, naming weights of a trained model that do not fit; a vocabulary may have grown."""
    old = dict(load_model(folder).model.named_parameters())
    new = dict(model.named_parameters())
    wrong = [_misfit(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    if reasons := [reason for reason in wrong if reason]:
        more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        raise ModelError(
            f"{folder}: its weights do not fit the recipe's model: {'; '.join(reasons[:3])}{more}; "
            "start without a recipe to take the model's own"
        )


@torch.no_grad()
def load_word_vectors(embedding: nn.Embedding, tokeniser: Tokeniser, file: Path) -> int:
    """Fill the rows of all tokens that a file of word vectors contains, and return their number.

    A token is looked up as it is displayed, with "▁" for a space, and then without the space that begins a word.
    Raises DataError for a broken file; `check_initial_weights` has checked the size of its vectors.
    """
    tokens = tokeniser.tokens(range(len(SPECIALS), len(tokeniser)))
    found = read_word_vectors(file, {form for token in tokens for form in _forms(token)})
    count = 0
    for row, token in enumerate(tokens, start=len(SPECIALS)):
        vector = next((found[form] for form in _forms(token) if form in found), None)
        if vector is not None:
            embedding.weight[row] = torch.from_numpy(vector)
            count += 1
    return count


def _num_added_tokens(tokenisers: Tokenisers, init: str) -> dict[str, int]:
    """Count, for each side, the tokens that its vocabulary has after those of the model."""
    known = load_tokenisers(init).tokens()
    added = {}
    for side, tokens in tokenisers.tokens().items():
        if tokens[: len(known[side])] != known[side]:
            raise ConfigError(
                f"training.init: the data was prepared with another {side} vocabulary than that of {init}; "
                "prepare it with the model's tokenisers"
            )
        added[side] = len(tokens) - len(known[side])
    return added


def _forms(token: str) -> tuple[str, ...]:
    """Return the spellings under which a token is looked up."""
    return (token, token.removeprefix("▁")) if len(token) > 1 and token.startswith("▁") else (token,)


def _misfit(name: str, old: Tensor | None, new: Tensor | None) -> str | None:
    """Describe how a weight of the trained model differs in shape from ours; None if it fits."""
    if old is None or new is None:
        return f"{name} ({'not in the recipe' if new is None else 'not in the model'})"
    if old.shape == new.shape or (name in _ROWS_ARE_TOKENS and _is_grown(old, new)):
        return None
    return f"{name} {tuple(old.shape)}, expected {tuple(new.shape)}"


def _is_grown(old: Tensor, new: Tensor) -> bool:
    return old.shape[1:] == new.shape[1:] and len(old) < len(new)
