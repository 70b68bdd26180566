"""A trained model as its users meet it: text in, text out, and everything attention did."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import regard
from regard.build import build_model
from regard.checkpoint import Tokenisers
from regard.config import SearchConfig, TokeniserConfig
from regard.data import Tokeniser
from regard.data.grammar import generate
from regard.errors import DataError, SearchError
from regard.records import END, Translation
from regard.translator import Translator
from tests.small import small_config
from tests.trained import Trained, trained, unseen_pairs

SENTENCES = [pair.source for pair in unseen_pairs(150)]
DECODERS = ["plain", "bahdanau", "luong", "gnmt"]
KINDS = ["words", "bpe", "characters"]
NEAR_TIE = 1e-4  # of scores, in nats a piece


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def translator(models: Trained) -> Translator:
    return regard.load(models.attention)


def fresh(decoder: str = "luong", kind: str = "words", score: str = "additive") -> Translator:
    """An untrained translator with large weights, which make its choices differ."""
    torch.manual_seed(3)
    pairs = unseen_pairs(40)
    config = TokeniserConfig(kind=kind, size=400)
    tokenisers = Tokenisers(
        Tokeniser.train([pair.source for pair in pairs], config),
        Tokeniser.train([pair.target for pair in pairs], config),
    )
    sizes = (len(tokenisers.source), len(tokenisers.target))
    model = build_model(small_config(decoder, score), *sizes)
    with torch.no_grad():
        model.head.weight.mul_(5)
        model.embedding.weight.mul_(3)
    return Translator(model, tokenisers, SearchConfig(beam=3, max_ratio=1.0, max_extra=5))


def test_a_sentence_gives_one_translation_and_a_list_a_list(translator: Translator) -> None:
    one = translator.translate(SENTENCES[0])
    several = translator.translate(SENTENCES[:1])
    assert isinstance(one, Translation)
    assert [several[0].text] == [one.text]
    assert translator.translate([]) == []


def test_results_come_in_the_order_asked_for(translator: Translator) -> None:
    asked = SENTENCES[:12]
    backwards = translator.translate(asked[::-1], batch_size=4)
    assert [one.source for one in backwards] == asked[::-1]
    assert [one.text for one in backwards[::-1]] == [translator.translate(s).text for s in asked]


@pytest.mark.parametrize("kind", KINDS)
def test_white_space_has_an_empty_translation(kind: str) -> None:
    blank = ["", "   ", "\t\u2028\u3000"]
    found = fresh(kind=kind).translate([blank[0], SENTENCES[0], *blank[1:]])
    for one in (found[0], *found[2:]):
        assert (one.text, one.pieces, one.source_pieces, one.attention) == ("", (), (), None)
        assert one.log_probability == 0.0
    assert found[1].pieces
    assert [one.source for one in found] == ["", SENTENCES[0], *blank[1:]]


def test_an_unknown_word_is_shown_as_such(translator: Translator) -> None:
    found = translator.translate("die xylophonistin lacht .")
    assert found.source_pieces == ("die", "<unk>", *found.source_pieces[2:])
    assert found.source_words.texts == ("die", "xylophonistin", "lacht", ".")
    assert found.pieces


def test_the_best_come_first_and_differ(translator: Translator) -> None:
    for found in translator.translate(SENTENCES[:10], num_best=4, beam=6):
        ranked = [found, *found.alternatives]
        assert len(ranked) == 4
        assert all(better.score >= worse.score for better, worse in pairwise(ranked))
        assert len({one.pieces for one in ranked}) == 4
        assert all(one.source_pieces == found.source_pieces for one in ranked)


def test_more_best_than_the_beam_holds_are_refused(translator: Translator) -> None:
    with pytest.raises(SearchError, match="beam 2 cannot give 3 best"):
        translator.translate(SENTENCES[0], beam=2, num_best=3)
    assert len(translator.translate(SENTENCES[0], num_best=7).alternatives) == 6  # the beam widens by itself


@pytest.mark.parametrize(
    ("how", "words"), [({"beam": 0}, "beam 0"), ({"batch_size": 0}, "batch_size.*from 1")]
)
def test_a_search_that_cannot_be_is_refused(translator: Translator, how: dict, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        translator.translate(SENTENCES[:2], **how)


def test_attention_has_a_row_for_each_piece_and_no_padding(translator: Translator) -> None:
    for found in translator.translate(SENTENCES[:20], num_best=2, batch_size=20):
        for one in (found, *found.alternatives):
            assert one.attention.shape == (len(one.pieces), len(one.source_pieces))
            assert len(one.source_pieces) == len(one.source.split()) + 1
            np.testing.assert_allclose(one.attention.sum(axis=1), 1, atol=1e-5)


def test_the_watch_hears_of_every_sentence_once(translator: Translator) -> None:
    heard: list[int] = []
    translator.translate(["", *SENTENCES[:9], " "], batch_size=4, watch=heard.append)
    assert sum(heard) == 11
    heard.clear()
    translator.align(["", *SENTENCES[:3]], ["a", "b", "c", ""], watch=heard.append)
    assert sum(heard) == 4


def check_agreement(translator: Translator, sentences: list[str], beam: int) -> int:
    """Translate in batches of 1, 7 and 64; how many texts differ, all of them near-ties."""
    alone = translator.translate(sentences, beam=beam, batch_size=1)
    ties = 0
    for size in (7, 64):
        for one, other in zip(
            alone, translator.translate(sentences, beam=beam, batch_size=size), strict=True
        ):
            if one.pieces == other.pieces:
                assert abs(one.log_probability - other.log_probability) < 1e-4
                np.testing.assert_allclose(one.attention, other.attention, atol=1e-4)
            else:
                assert abs(one.score - other.score) < NEAR_TIE, (one.text, other.text)
                ties += 1
    return ties


@pytest.mark.parametrize("beam", [1, 5])
def test_batch_sizes_agree(translator: Translator, beam: int) -> None:
    ties = check_agreement(translator, SENTENCES, beam)
    assert ties <= 3, f"{ties} of {2 * len(SENTENCES)} texts differ by a near-tie"


@pytest.mark.slow
@pytest.mark.parametrize("beam", [1, 5])
def test_batch_sizes_agree_on_two_thousand_sentences(translator: Translator, beam: int) -> None:
    sentences = [pair.source for pair in generate(2000, 4, split="test", length=(2, 30))]
    ties = check_agreement(translator, sentences, beam)
    print(f"beam {beam}: {ties} of {2 * len(sentences)} texts differ by a near-tie")
    assert ties <= 20


def test_forcing_its_own_translation_finds_the_same(translator: Translator) -> None:
    found = translator.translate(SENTENCES[:30], beam=1)
    ended = [one for one in found if one.pieces[-1] == "</s>" and "<unk>" not in one.pieces]
    assert len(ended) > 10
    forced = translator.align([one.source for one in ended], [one.text for one in ended])
    for one, again in zip(ended, forced, strict=True):
        assert again.pieces == one.pieces
        assert again.log_probability == pytest.approx(one.log_probability, abs=1e-4)
        np.testing.assert_allclose(again.attention, one.attention, atol=1e-5)
        assert (again.words, again.source_words) == (one.words, one.source_words)


def test_aligning_needs_a_target_for_each_source(translator: Translator) -> None:
    with pytest.raises(DataError, match="got 2 sources and 1 targets"):
        translator.align(SENTENCES[:2], ["the man laughs ."])


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("beam", [1, 3])
def test_a_trace_is_the_translation_step_by_step(decoder: str, beam: int) -> None:
    translator = fresh(decoder)
    translator.search = replace(translator.search, beam=beam)
    found, trace = translator.translate(SENTENCES[1]), translator.trace(SENTENCES[1], num_candidates=4)
    source = (*translator.tokenisers.source.encode(SENTENCES[1]), END)
    assert trace.translation.pieces == found.pieces == tuple(step.piece for step in trace.steps)
    total = sum(step.log_probability for step in trace.steps)
    assert total == pytest.approx(found.log_probability, abs=1e-4)
    assert len(trace.states) == len(found.source_pieces)
    for place, step in enumerate(trace.steps):
        probabilities = [candidate.probability for candidate in step.candidates]
        assert len(probabilities) == 4
        assert probabilities == sorted(probabilities, reverse=True)
        by_piece = {candidate.piece: candidate.probability for candidate in step.candidates}
        if step.piece in by_piece:
            assert by_piece[step.piece] == pytest.approx(np.exp(step.log_probability), abs=1e-5)
        if decoder == "plain":
            assert (step.query, step.scores, step.weights, step.context) == (None, None, None, None)
        else:
            np.testing.assert_allclose(step.weights, found.attention[place], atol=1e-5)
            np.testing.assert_allclose(step.context, step.weights @ trace.states, atol=1e-5)
            attention, memory = translator.model.decoder.attention, translator._stepper([source]).memory
            with torch.inference_mode():  # the query shown is the one that was asked with
                asked = attention.step(torch.tensor(step.query)[None, None], memory, {})
            np.testing.assert_allclose(asked.scores[0, 0], step.scores, atol=1e-5)
            exponentials = np.exp(step.scores - step.scores.max())
            np.testing.assert_allclose(step.weights, exponentials / exponentials.sum(), atol=1e-5)
    assert trace.description["decoder"].lower().startswith(decoder)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_known_target_can_be_traced(decoder: str) -> None:
    translator = fresh(decoder)
    target = unseen_pairs(1)[0].target
    trace = translator.trace(SENTENCES[0], target)
    forced = translator.align([SENTENCES[0]], [target])[0]
    assert trace.translation.text == forced.text == target
    assert [step.piece for step in trace.steps] == [*target.split(), "</s>"]
    total = sum(step.log_probability for step in trace.steps)
    assert total == pytest.approx(forced.log_probability, abs=1e-4)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_sentence_vector_is_the_last_state_of_the_encoder(decoder: str) -> None:
    translator = fresh(decoder)
    ids = [*translator.tokenisers.source.encode(SENTENCES[0]), END]
    with torch.inference_mode():
        memory = translator.model.encode(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))
    vector = translator.embed(SENTENCES[0])
    assert vector.dtype == np.float32
    assert vector.shape == (translator.model.encoder.memory_size,)
    np.testing.assert_array_equal(vector, memory.final[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_know_their_words(kind: str) -> None:
    translator = fresh(kind=kind)
    sentence, target = unseen_pairs(2)[1].source, unseen_pairs(2)[1].target
    found = translator.align([f"  {sentence}"], [target])[0]
    assert found.source_words.texts == tuple(sentence.split())
    assert found.words.texts == tuple(target.split())
    for words, pieces in ((found.words, found.pieces), (found.source_words, found.source_pieces)):
        assert len(words.places) == len(pieces)
        assert (pieces[-1], words.places[-1]) == ("</s>", -1)
        spelt = [""] * len(words.texts)
        for piece, place in zip(pieces, words.places, strict=True):
            if place >= 0:
                spelt[place] += piece.removeprefix("▁")
        assert tuple(spelt) == words.texts


def test_a_fixed_vector_model_has_no_attention_anywhere(models: Trained) -> None:
    translator = regard.load(models.fixed_vector)
    found = translator.translate(SENTENCES[:3], num_best=2)
    forced = translator.align(SENTENCES[:3], [one.text for one in found])
    assert all(one.attention is None for one in [*found, *forced])
    assert all(each.attention is None for one in found for each in one.alternatives)
    assert translator.trace(SENTENCES[0]).translation.attention is None
    assert translator.describe()["score"] == "none"
    assert translator.embed(SENTENCES[0]).shape == (translator.model.encoder.memory_size,)


def test_an_unknown_keyword_is_refused(translator: Translator) -> None:
    with pytest.raises(TypeError, match="unknown bean; known: beam"):
        translator.translate("die frau lacht .", bean=3)  # type: ignore[call-overload]
