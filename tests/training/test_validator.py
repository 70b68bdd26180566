"""What validation says of a model, computed again the long way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.build import build_model
from regard.checkpoint import Tokenisers
from regard.config import Config, SearchConfig, TokeniserConfig, TrainingConfig
from regard.data import Corpus, Tokeniser
from regard.metrics import bleu, cer, chrf, exact_match, wer
from regard.model import Seq2Seq
from regard.records.tensors import Batch, Unrolled
from regard.training.attention_statistics import attention_statistics
from regard.training.validator import Validator
from regard.translator import Translator
from tests.small import small_config
from tests.trained import unseen_pairs

PAIRS = unseen_pairs(80)
SEARCH = SearchConfig(max_ratio=1.0, max_extra=3)


@pytest.fixture(scope="module")
def tokenisers() -> Tokenisers:
    config = TokeniserConfig(kind="words")
    return Tokenisers(
        Tokeniser.train([pair.source for pair in PAIRS], config),
        Tokeniser.train([pair.target for pair in PAIRS], config),
    )


def model_of(tokenisers: Tokenisers, decoder: str = "luong", dropout: float = 0.0) -> Seq2Seq:
    torch.manual_seed(2)
    config = replace(small_config(decoder), dropout=dropout)
    return build_model(config, len(tokenisers.source), len(tokenisers.target), label_smoothing=0.3).eval()


def validator_of(tokenisers: Tokenisers, decoded: int = 20) -> Validator:
    config = Config(training=TrainingConfig(validation_sentences=decoded, label_smoothing=0.3), search=SEARCH)
    return Validator(PAIRS, tokenisers, config)


@pytest.mark.parametrize("decoder", ["luong", "plain"])
def test_the_loss_is_the_mean_over_all_target_tokens_without_smoothing(
    tokenisers: Tokenisers, decoder: str
) -> None:
    model = model_of(tokenisers, decoder)
    found = validator_of(tokenisers)(model)
    nll, tokens = 0.0, 0
    for pair in PAIRS:  # one at a time, so that nothing is padded
        corpus = Corpus.encode([pair], tokenisers.source, tokenisers.target, max_tokens=100)
        loss = model(corpus.batch([0]))
        nll, tokens = nll + float(loss.nll), tokens + loss.num_tokens
    assert tokens == sum(len(pair.target.split()) + 1 for pair in PAIRS)
    assert found.loss == pytest.approx(nll / tokens, rel=1e-5)


def test_accuracy_counts_tokens_that_were_the_likeliest(tokenisers: Tokenisers) -> None:
    model = model_of(tokenisers)
    right = tokens = 0
    for pair in PAIRS:
        batch = Corpus.encode([pair], tokenisers.source, tokenisers.target, max_tokens=100).batch([0])
        with torch.no_grad():
            guessed = model.log_probabilities(model.unroll(batch).combined).argmax(-1)
        right, tokens = right + int((guessed == batch.target).sum()), tokens + batch.num_tokens
    assert validator_of(tokenisers)(model).accuracy == pytest.approx(right / tokens)


def test_figures_are_of_greedy_translations_of_the_first_sentences(tokenisers: Tokenisers) -> None:
    model = model_of(tokenisers)
    found = validator_of(tokenisers, decoded=15)(model)
    translations = Translator(model, tokenisers, SEARCH).translate([p.source for p in PAIRS[:15]], beam=1)
    written, references = [one.text for one in translations], [pair.target for pair in PAIRS[:15]]
    assert found.bleu == bleu(written, references).value
    assert found.chrf == chrf(written, references).value
    assert found.exact_match == exact_match(written, references).value
    assert found.wer == found.value("per") == wer(written, references).value
    assert found.cer == cer(written, references).value


def test_two_samples_are_shown_the_same_every_time(tokenisers: Tokenisers) -> None:
    model, validator = model_of(tokenisers), validator_of(tokenisers)
    samples = validator(model).samples
    assert samples == validator(model).samples
    assert len(samples) == 2
    references = {pair.source: pair.target for pair in PAIRS[:20]}
    for sample in samples:
        assert references[sample.source] == sample.reference
        for word, source_word in sample.word_links:
            assert word in sample.output.split()
            assert source_word in sample.source.split()
    assert len(samples[0].source) <= len(samples[1].source)


def test_attention_statistics_leave_padding_out(tokenisers: Tokenisers) -> None:
    model = model_of(tokenisers)
    found = validator_of(tokenisers)(model).attention
    weights, valid = [], []
    for pair in PAIRS:
        batch = Corpus.encode([pair], tokenisers.source, tokenisers.target, max_tokens=100).batch([0])
        with torch.no_grad():
            weights_of_pair = model.unroll(batch).weights
        assert weights_of_pair is not None
        weights.append(weights_of_pair[0].numpy())
        valid.append(np.ones(batch.source.shape[1], dtype=bool))
    expected = attention_statistics(weights, valid)
    assert found is not None
    for name, value in vars(expected).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-5), name


def test_without_attention_there_are_no_statistics_and_no_links(tokenisers: Tokenisers) -> None:
    found = validator_of(tokenisers)(model_of(tokenisers, "plain"))
    assert found.attention is None
    assert [sample.word_links for sample in found.samples] == [(), ()]


def test_one_pair_is_enough(tokenisers: Tokenisers) -> None:
    found = Validator(PAIRS[:1], tokenisers, Config(search=SEARCH))(model_of(tokenisers))
    assert len(found.samples) == 1


def test_weight_on_padding_is_seen(tokenisers: Tokenisers, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tokenisers)
    unroll = model.unroll

    def leaking(batch: Batch) -> Unrolled:
        unrolled = unroll(batch)
        assert unrolled.weights is not None
        return replace(unrolled, weights=torch.full_like(unrolled.weights, 0.01))

    assert validator_of(tokenisers)(model).attention.on_invalid == 0
    monkeypatch.setattr(model, "unroll", leaking)
    validator = validator_of(tokenisers)
    lengths = [validator.corpus.source_lengths[rows] for rows in validator.batches]
    padding = max(batch.max() - batch.min() for batch in lengths)
    assert padding > 0
    assert validator(model).attention.on_invalid == pytest.approx(0.01 * padding)


@pytest.mark.parametrize("score", ["uniform", "none"])
def test_controls_are_not_diagnosed(tokenisers: Tokenisers, score: str) -> None:
    config = Config(model=small_config("luong", score, "gru"), search=SEARCH)
    model = build_model(config.model, len(tokenisers.source), len(tokenisers.target)).eval()
    assert Validator(PAIRS, tokenisers, config)(model).attention is None
