"""The weights before the first step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from regard.build import build_model
from regard.checkpoint import ModelCard, Tokenisers, save_model
from regard.config import Config, ModelConfig, TokeniserConfig, TrainingConfig
from regard.data import Tokeniser
from regard.errors import ConfigError, ModelError
from regard.model import Seq2Seq
from regard.training.initial_weights import check_initial_weights, load_pretrained, load_word_vectors
from tests.small import small_config

WORDS = TokeniserConfig(kind="words")


def built(config: ModelConfig, tokenisers: Tokenisers) -> Seq2Seq:
    return build_model(config, len(tokenisers.source), len(tokenisers.target))


def vocabularies(words: int) -> Tokenisers:
    source, target = (
        Tokeniser.train([" ".join(f"{side}{n:02}" for n in range(words))], WORDS) for side in "st"
    )
    return Tokenisers(source, target)


@pytest.fixture(params=["none", "target"])
def config(request) -> ModelConfig:
    return replace(small_config("luong"), embedding_size=6, tie=request.param)


@pytest.fixture
def saved(tmp_path: Path, config: ModelConfig) -> tuple[Path, Seq2Seq]:
    model = built(config, vocabularies(20))
    save_model(
        tmp_path / "old", model, Config(tokeniser=WORDS, model=config), vocabularies(20), ModelCard("old")
    )
    return tmp_path / "old", model


def test_the_weights_are_those_of_the_model(saved: tuple[Path, Seq2Seq], config: ModelConfig) -> None:
    folder, old = saved
    new = built(replace(config, dropout=0.7), vocabularies(20))
    load_pretrained(new, folder)
    for name, parameter in new.named_parameters():
        assert torch.equal(parameter, old.get_parameter(name)), name


def test_known_rows_stay_and_new_ones_are_like_them(saved: tuple[Path, Seq2Seq], config: ModelConfig) -> None:
    folder, old = saved
    new = built(config, vocabularies(2020))
    load_pretrained(new, folder)
    for name, parameter in new.named_parameters():
        known = old.get_parameter(name)
        assert torch.equal(parameter[: len(known)], known), name
    drawn, known = new.embedding.weight[24:], old.embedding.weight
    torch.testing.assert_close(drawn.mean(0), known.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(0), known.std(0), atol=0.1, rtol=0)
    out, known = new.head.weight[24:], old.head.weight
    torch.testing.assert_close(out.mean(0), known.mean(0), atol=0.01, rtol=0)
    assert (out.std(0) < 0.02 * known.std(0)).all()
    assert new.head.bias[24:].mean().item() == pytest.approx(old.head.bias.mean().item(), abs=0.01)


def test_weights_that_do_not_fit_are_named(saved: tuple[Path, Seq2Seq], config: ModelConfig) -> None:
    folder, _ = saved
    wider = replace(config, attention=replace(config.attention, size=9))
    with pytest.raises(ModelError, match=r"decoder\.attention\.score\.\S+ \(4.*, expected \(9") as error:
        load_pretrained(built(wider, vocabularies(20)), folder)
    assert "\n" not in str(error.value)
    general = replace(config, attention=replace(config.attention, score="general"))
    with pytest.raises(ModelError, match=r"decoder\.attention\.score\.\S+ \(not in the (recipe|model)\)"):
        load_pretrained(built(general, vocabularies(20)), folder)
    with pytest.raises(ModelError, match=r"embedding\.weight \(24, 6\), expected \(14, 6\)"):
        load_pretrained(built(config, vocabularies(10)), folder)


def test_word_vectors_fill_the_rows_of_their_tokens(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("2 3\ns00 1 2 3\ns03 4 5 6\n</s> 7 8 9\n")
    tokeniser = vocabularies(5).source
    embedding = torch.nn.Embedding(len(tokeniser), 3)
    before = embedding.weight.detach().clone()
    assert load_word_vectors(embedding, tokeniser, file) == 2
    rows = {tokeniser.encode("s00")[0]: [1, 2, 3], tokeniser.encode("s03")[0]: [4, 5, 6]}
    for row, weights in enumerate(embedding.weight.tolist()):
        assert weights == rows.get(row, before[row].tolist())


def test_a_token_that_begins_a_word_is_looked_up_without_its_space_too(tmp_path: Path) -> None:
    tokeniser = Tokeniser.train(["haus baum"] * 9, TokeniserConfig(kind="bpe", size=400))
    (house,), (tree,) = tokeniser.encode("haus"), tokeniser.encode("baum")
    file = tmp_path / "vectors.txt"
    file.write_text("haus 1 2\nbaum 3 4\n▁baum 5 6\n")
    embedding = torch.nn.Embedding(len(tokeniser), 2)
    load_word_vectors(embedding, tokeniser, file)
    assert embedding.weight[house].tolist() == [1, 2]
    assert embedding.weight[tree].tolist() == [5, 6]


def test_what_cannot_be_a_beginning_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("haus 1 2\n")
    for training, words in (
        (TrainingConfig(grow_vocabulary=True), "there is no vocabulary to grow"),
        (TrainingConfig(init="runs/x", target_embeddings=str(file)), "target_embeddings: the model in"),
        (
            TrainingConfig(source_embeddings=str(file)),
            r"has vectors of 2 numbers, but .* is 256; set it to 2",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            check_initial_weights(Config(training=training))
