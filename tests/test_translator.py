"""The translator: text in, text out, and everything attention did."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import regard
from regard.build import build_model
from regard.checkpoint import Tokenisers
from regard.config import SearchConfig, TokeniserConfig
from regard.data import Tokeniser
from regard.data.grammar import generate
from regard.data.phrases import occurs_in
from regard.errors import DataError, ModelError, SearchError
from regard.kernels.gemm import int8
from regard.records.text import END, UNKNOWN, Scored, Translation
from regard.translator import Translator
from regard.translator.sentence import encode_sentences
from tests.small import small_config
from tests.trained import Trained, trained, unseen_pairs

SENTENCES = [pair.source for pair in unseen_pairs(150)]
DECODERS = ["plain", "bahdanau", "luong", "gnmt"]
KINDS = ["words", "bpe", "characters"]
NEAR_TIE = 1e-4  # of scores, in nats a token


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


def test_results_are_in_the_order_of_the_texts(translator: Translator) -> None:
    asked = SENTENCES[:12]
    backwards = translator.translate(asked[::-1], batch_size=4)
    assert [one.source for one in backwards] == asked[::-1]
    assert [one.text for one in backwards[::-1]] == [translator.translate(s).text for s in asked]


@pytest.mark.parametrize("kind", KINDS)
def test_white_space_has_an_empty_translation(kind: str) -> None:
    blank = ["", "   ", "\t\u2028\u3000"]
    found = fresh(kind=kind).translate([blank[0], SENTENCES[0], *blank[1:]])
    for one in (found[0], *found[2:]):
        assert (one.text, one.tokens, one.source_tokens, one.attention) == ("", (), (), None)
        assert one.log_probability == 0.0
    assert found[1].tokens
    assert [one.source for one in found] == ["", SENTENCES[0], *blank[1:]]


def test_an_unknown_word_is_shown_as_such(translator: Translator) -> None:
    found = translator.translate("die xylophonistin lacht .")
    assert found.source_tokens == ("die", "<unk>", *found.source_tokens[2:])
    assert found.source_words.texts == ("die", "xylophonistin", "lacht", ".")
    assert found.tokens


def test_the_best_come_first_and_differ(translator: Translator) -> None:
    for found in translator.translate(SENTENCES[:10], num_best=4, beam=6):
        ranked = [found, *found.alternatives]
        assert len(ranked) == 4
        assert all(better.score >= worse.score for better, worse in pairwise(ranked))
        assert len({one.tokens for one in ranked}) == 4
        assert all(one.source_tokens == found.source_tokens for one in ranked)


def test_more_best_than_the_beam_holds_are_refused(translator: Translator) -> None:
    with pytest.raises(SearchError, match="beam 2 cannot give 3 best"):
        translator.translate(SENTENCES[0], beam=2, num_best=3)
    assert len(translator.translate(SENTENCES[0], num_best=7).alternatives) == 6  # the beam widens by itself


@pytest.mark.parametrize(
    ("how", "words"), [({"beam": 0}, "beam 0"), ({"batch_size": 0}, "batch_size.*from 1")]
)
def test_values_out_of_range_are_refused(translator: Translator, how: dict, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        translator.translate(SENTENCES[:2], **how)


def test_attention_has_a_row_for_each_token_and_no_padding(translator: Translator) -> None:
    for found in translator.translate(SENTENCES[:20], num_best=2, batch_size=20):
        for one in (found, *found.alternatives):
            assert one.attention.shape == (len(one.tokens), len(one.source_tokens))
            assert len(one.source_tokens) == len(one.source.split()) + 1
            np.testing.assert_allclose(one.attention.sum(axis=1), 1, atol=1e-5)


def test_the_progress_callback_counts_every_sentence_once(translator: Translator) -> None:
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
            if one.tokens == other.tokens:
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


def test_forcing_its_own_translation_gives_the_same_scores(translator: Translator) -> None:
    found = translator.translate(SENTENCES[:30], beam=1)
    ended = [one for one in found if one.tokens[-1] == "</s>" and "<unk>" not in one.tokens]
    assert len(ended) > 10
    forced = translator.align([one.source for one in ended], [one.text for one in ended])
    for one, again in zip(ended, forced, strict=True):
        assert again.tokens == one.tokens
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
    (sentence,) = encode_sentences(translator.tokenisers, [SENTENCES[1]])
    assert trace.translation.tokens == found.tokens == tuple(step.token for step in trace.steps)
    total = sum(step.log_probability for step in trace.steps)
    assert total == pytest.approx(found.log_probability, abs=1e-4)
    assert len(trace.states) == len(found.source_tokens)
    for place, step in enumerate(trace.steps):
        probabilities = [candidate.probability for candidate in step.candidates]
        assert len(probabilities) == 4
        assert probabilities == sorted(probabilities, reverse=True)
        by_token = {candidate.token: candidate.probability for candidate in step.candidates}
        if step.token in by_token:
            assert by_token[step.token] == pytest.approx(np.exp(step.log_probability), abs=1e-5)
        if decoder == "plain":
            assert (step.query, step.scores, step.weights, step.context) == (None, None, None, None)
        else:
            np.testing.assert_allclose(step.weights, found.attention[place], atol=1e-5)
            np.testing.assert_allclose(step.context, step.weights @ trace.states, atol=1e-5)
            attention, memory = (
                translator.model.decoder.attention,
                translator._stepper([sentence]).memory,
            )
            with torch.inference_mode():  # the traced query is the one that was scored
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
    assert [step.token for step in trace.steps] == [*target.split(), "</s>"]
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
def test_tokens_know_their_words(kind: str) -> None:
    translator = fresh(kind=kind)
    sentence, target = unseen_pairs(2)[1].source, unseen_pairs(2)[1].target
    found = translator.align([f"  {sentence}"], [target])[0]
    assert found.source_words.texts == tuple(sentence.split())
    assert found.words.texts == tuple(target.split())
    for words, tokens in ((found.words, found.tokens), (found.source_words, found.source_tokens)):
        assert len(words.word_of_token) == len(tokens)
        assert (tokens[-1], words.word_of_token[-1]) == ("</s>", -1)
        token_form = [""] * len(words.texts)
        for token, place in zip(tokens, words.word_of_token, strict=True):
            if place >= 0:
                token_form[place] += token.removeprefix("▁")
        assert tuple(token_form) == words.texts


def test_a_fixed_vector_model_has_no_attention_anywhere(models: Trained) -> None:
    translator = regard.load(models.fixed_vector)
    found = translator.translate(SENTENCES[:3], num_best=2)
    forced = translator.align(SENTENCES[:3], [one.text for one in found])
    assert all(one.attention is None for one in [*found, *forced])
    assert all(each.attention is None for one in found for each in one.alternatives)
    assert translator.trace(SENTENCES[0]).translation.attention is None
    assert translator.describe()["score"] == "none"
    assert translator.embed(SENTENCES[0]).shape == (translator.model.encoder.memory_size,)


def test_one_pair_is_aligned_and_scored_as_a_list_is(translator: Translator) -> None:
    source, target = SENTENCES[0], unseen_pairs(1)[0].target
    one, several = translator.align(source, target), translator.align([source], [target])
    assert (one.tokens, one.log_probability) == (several[0].tokens, several[0].log_probability)
    assert translator.score(source, target) == translator.score([source], [target])[0]
    for call in (translator.align, translator.score):
        with pytest.raises(TypeError, match="two texts or two lists of texts, got one of each"):
            call(source, [target])  # type: ignore[call-overload]


def test_align_and_score_take_a_batch_size(translator: Translator) -> None:
    pairs = unseen_pairs(9)
    texts = [pair.source for pair in pairs], [pair.target for pair in pairs]
    heard: list[int] = []
    translator.align(*texts, batch_size=2, watch=heard.append)
    assert heard == [2, 2, 2, 2, 1]
    for call in (translator.align, translator.score):
        with pytest.raises(SearchError, match=r"batch_size: expected a number from 1 on, got 0"):
            call(*texts, batch_size=0)


def test_scores_of_known_translations(translator: Translator) -> None:
    sources, targets = [SENTENCES[0], "", SENTENCES[1]], ["the man laughs .", "the man .", ""]
    scored = translator.score(sources, targets)
    forced = translator.align(sources, targets)
    for one, again in zip(scored, forced, strict=True):
        assert (one.tokens, one.log_probabilities) == (again.tokens, again.log_probabilities)
        assert one.log_probability == pytest.approx(again.log_probability)
    assert scored[0].per_token == pytest.approx(scored[0].log_probability / 5)  # four words and the end
    assert scored[0].perplexity == pytest.approx(np.exp(-scored[0].per_token))
    assert (scored[1].tokens, scored[1].log_probability) == ((), 0.0)
    assert np.isnan([scored[1].per_token, scored[1].perplexity]).all()
    assert scored[2].tokens == ("</s>",)
    assert Scored("a", "b", ("b",), (-2000.0,)).perplexity == float("inf")


@pytest.mark.parametrize("kind", KINDS)
def test_every_search_keeps_a_prefix(kind: str) -> None:
    translator = fresh(kind=kind)
    prefixes = ["the old", "", "a little house"]
    ways: list[dict] = [
        {"beam": 1},
        {"beam": 3, "num_best": 3},
        {"sample": True, "num_best": 2},
        {"groups": 2},
        {"glossary": {SENTENCES[0].split()[0]: "child"}},
    ]
    for how in ways:
        for found, prefix in zip(
            translator.translate(SENTENCES[:3], prefix=prefixes, **how), prefixes, strict=True
        ):
            assert all(one.text.startswith(prefix) for one in (found, *found.alternatives))
    assert translator.translate(SENTENCES[0], prefix="the old").text.startswith("the old")


def test_a_prefix_of_unknown_words_is_written_unchanged() -> None:
    for kind in ("words", "characters"):
        found = fresh(kind=kind).translate(SENTENCES[0], prefix="the Ωmega", beam=2)
        assert found.text.startswith("the Ωmega")
        assert "<unk>" in found.tokens


def test_every_text_has_a_prefix_or_none_has(translator: Translator) -> None:
    with pytest.raises(SearchError, match="one prefix for each text, got 1 for 2"):
        translator.translate(SENTENCES[:2], prefix=["the"])


@pytest.mark.parametrize("kind", KINDS)
def test_banned_words_are_never_written(kind: str) -> None:
    translator = fresh(kind=kind)
    free = translator.translate(SENTENCES[:8], beam=1)
    frequent = Counter(word for one in free for word in one.text.split() if word.isalpha())
    ban = [word for word, _ in frequent.most_common(2)]
    ways: list[dict] = [{"beam": 1}, {"beam": 4, "num_best": 4}, {"sample": True, "num_best": 3}]
    for how in ways:
        for found in translator.translate(SENTENCES[:8], ban=ban, **how):
            for one in (found, *found.alternatives):
                assert not [word for word in ban if occurs_in(word, one.text)]
    unbanned = translator.translate(SENTENCES[:8], beam=1, ban="zzzz")
    assert [one.text for one in unbanned] == [one.text for one in free]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beam", [1, 3])
def test_the_glossarys_terms_are_written(kind: str, beam: int) -> None:
    translator = fresh(kind=kind)
    words = [text.split()[:2] for text in SENTENCES[:6]]
    known = unseen_pairs(6)[4].target.split()  # the tokenisers have seen them
    glossary = {words[0][0]: known[1], words[1][1]: f"{known[2]} {known[0]}", "xyz": known[0]}
    found = translator.translate(SENTENCES[:6], glossary=glossary, beam=beam)
    told = 0
    for one, source in zip(found, SENTENCES, strict=False):
        wanted = [target for term, target in glossary.items() if occurs_in(term, source)]
        told += len(wanted)
        assert one.missing_terms == ()
        assert all(occurs_in(target, one.text) for target in wanted)
        assert one.log_probability == pytest.approx(sum(one.log_probabilities))
    assert told >= 2
    free = [one for one, text in zip(found, SENTENCES, strict=False) if not _asks(glossary, text)]
    again = translator.translate([one.source for one in free], beam=beam)
    assert [one.text for one in again] == [one.text for one in free]


def _asks(glossary: dict[str, str], source: str) -> bool:
    return any(occurs_in(term, source) for term in glossary)


@pytest.mark.parametrize("beam", [1, 3])
def test_terms_in_a_batch_with_longer_and_shorter_sentences(translator: Translator, beam: int) -> None:
    sentences = sorted(SENTENCES[:8], key=len)
    for texts in (sentences, sentences[::-1]):
        glossary = {texts[0].split()[0]: "child"}
        how: dict = {"glossary": glossary, "coverage_penalty": 0.3, "beam": beam}
        found = translator.translate(texts, **how)
        alone = [translator.translate(text, **how) for text in texts]
        assert [one.text for one in found] == [one.text for one in alone]
        assert [one.score for one in found] == pytest.approx([one.score for one in alone], abs=1e-4)


def test_a_term_that_cannot_be_written_is_missing(translator: Translator) -> None:
    word = SENTENCES[0].split()[0]
    found = translator.translate(SENTENCES[0], glossary={word: "Ωmega"})
    assert found.missing_terms == ("Ωmega",)
    assert found.tokens


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"sample": True, "beam": 2}, "beam cannot be combined with sample"),
        ({"sample": True, "groups": 2}, "groups cannot be combined with sample"),
        ({"sample": True, "glossary": {"a": "b"}}, "glossary cannot be combined with sample"),
        ({"sample": True, "num_best": 0}, "cannot draw 0 samples"),
        ({"sample": True, "seed": -1}, "seed -1: expected 0 or more"),
        ({"sample": True, "top_p": 2.0}, "top_p 2.0"),
        ({"temperature": 0.5}, "temperature sets how to sample; set sample too"),
        ({"seed": 3}, "seed sets how to sample"),
        ({"diversity": 1.0}, "diversity sets how far groups keep apart"),
        ({"groups": 2, "beam": 3}, "a beam of 3 cannot be cut into 2 groups"),
        ({"groups": 2, "glossary": {"a": "b"}}, "groups cannot be combined with glossary"),
        ({"lexicon": {"a": "b"}}, "set replace_unknown too"),
        ({"ban": [" "]}, "an empty text can be neither banned"),
        ({"ban": ["old"], "glossary": {"a": "the old man"}}, "'old' is banned, but the glossary asks"),
        ({"ban": ["old"], "prefix": "the old"}, "'old' is banned, but the prefix asks for 'the old'"),
        ({"coverage_penalty": -1.0}, "coverage_penalty: expected 0 or more"),
        ({"length_form": "wu"}, "unknown form 'wu'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    translator: Translator, how: dict, words: str
) -> None:
    with pytest.raises(SearchError, match=re.escape(words)):
        translator.translate(SENTENCES[:2], **how)


def test_an_empty_option_is_none(translator: Translator) -> None:
    plain = translator.translate(SENTENCES[0], sample=True)
    same = translator.translate(SENTENCES[0], sample=True, glossary={}, ban=[], prefix="")
    assert (same.tokens, same.log_probabilities) == (plain.tokens, plain.log_probabilities)


def test_options_that_need_attention_are_refused_without(models: Trained) -> None:
    translator = regard.load(models.fixed_vector)
    for how in ({"coverage_penalty": 0.2}, {"replace_unknown": True}):
        with pytest.raises(SearchError, match="attention"):
            translator.translate(SENTENCES[:2], **how)  # type: ignore[call-overload]


def test_samples_do_not_depend_on_the_batch(translator: Translator) -> None:
    how: dict = {"sample": True, "num_best": 3, "seed": 5, "temperature": 1.5}
    together = translator.translate(SENTENCES[:7], batch_size=4, **how)
    for one in together:
        alone = translator.translate(one.source, **how)
        fewer = translator.translate(one.source, **{**how, "num_best": 2})
        drawn = [each.text for each in (one, *one.alternatives)]
        assert [each.text for each in (alone, *alone.alternatives)] == drawn
        assert [each.text for each in (fewer, *fewer.alternatives)] == drawn[:2]
    other = translator.translate(SENTENCES[:7], **{**how, "seed": 6})
    assert [one.text for one in other] != [one.text for one in together]


def test_groups_of_different_words(translator: Translator) -> None:
    found = translator.translate(SENTENCES[0], groups=3, num_best=3, diversity=50.0)
    firsts = {one.tokens[0] for one in (found, *found.alternatives)}
    assert len(firsts) == 3  # 50 nats keep every two groups apart


def test_an_ensemble_of_itself_is_the_model(models: Trained, translator: Translator) -> None:
    together = regard.load_ensemble([models.attention, models.attention])
    for one, other in zip(
        translator.translate(SENTENCES[:5], num_best=2),
        together.translate(SENTENCES[:5], num_best=2),
        strict=True,
    ):
        assert one.text == other.text
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)
    for call in (together.trace, together.embed):
        with pytest.raises(SearchError, match="works with a single model, and this is an ensemble of 2"):
            call(SENTENCES[0])
    assert together.attends


def test_an_ensemble_averages_different_models(models: Trained) -> None:
    apart = [regard.load(folder) for folder in (models.attention, models.fixed_vector)]
    together = regard.load_ensemble([models.attention, models.fixed_vector])
    source, target = SENTENCES[0], "the man ."
    means = [np.exp(translator.align(source, target).log_probabilities) for translator in apart]
    found = together.align(source, target)
    np.testing.assert_allclose(np.exp(found.log_probabilities), np.mean(means, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.attention, apart[0].align(source, target).attention, atol=1e-6)


def test_models_with_different_vocabularies_are_no_ensemble(
    models: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(models.attention, tmp_path / "other")
    file = tmp_path / "other" / "target.tokeniser.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = content["library"]["model"]["vocab"]
    (last,) = [word for word, i in vocabulary.items() if i == len(vocabulary) - 1]
    vocabulary["zebra"] = vocabulary.pop(last)
    file.write_text(json.dumps(content), encoding="utf-8")
    expected = f"target tokenisers differ: token {len(vocabulary) - 1} is '{last}' and 'zebra'"
    with pytest.raises(ModelError, match=re.escape(expected)):
        regard.load_ensemble([models.attention, tmp_path / "other"])
    with pytest.raises(ModelError, match="expected at least one model folder"):
        regard.load_ensemble([])


def test_unknown_words_are_counted_as_they_were_typed(translator: Translator) -> None:
    texts = ["die Xylophonistin lacht .", "", "die Xylophonistin , die Xylophonistin"]
    found = translator.unknown_words(texts)
    assert found["Xylophonistin"] == 3
    assert "die" not in found
    assert fresh(kind="bpe").unknown_words(texts) == {}
    assert set(fresh(kind="characters").unknown_words(["die Ωmega !"])) >= {"Ωmega"}


def test_unknown_output_words_are_replaced_by_attended_source_words(translator: Translator) -> None:
    found = fresh_unknown()
    source = "die Xylophonistin lacht ."
    plain = found.translate(source, beam=1)
    copied = found.translate(source, beam=1, replace_unknown=True)
    looked_up = found.translate(
        source, beam=1, replace_unknown=True, lexicon={"Xylophonistin": "xylophone player"}
    )
    assert "<unk>" in plain.text.split()
    assert copied.tokens == plain.tokens
    words = source.split()
    for place, (written, word) in enumerate(zip(plain.text.split(), copied.words.texts, strict=True)):
        most = int(plain.attention[place, :-1].argmax())  # type: ignore[index]
        assert word == (words[most] if written == "<unk>" else written)
        if written == "<unk>":
            expected = "xylophone player" if words[most] == "Xylophonistin" else words[most]
            assert looked_up.words.texts[place] == expected
    assert copied.text == " ".join(copied.words.texts)


def fresh_unknown() -> Translator:
    """A translator that prefers the unknown token."""
    translator = fresh()
    with torch.no_grad():
        translator.model.head.bias[UNKNOWN] += 20
    return translator


def test_unknown_characters_are_replaced_by_attended_ones() -> None:
    translator = fresh(kind="characters")
    with torch.no_grad():
        translator.model.head.bias[UNKNOWN] += 30
    found = translator.translate("die Ω", beam=1, replace_unknown=True)
    assert "<unk>" in found.tokens
    for place, token in enumerate(found.tokens):
        if token == "<unk>":
            assert found.text[place] == "die Ω"[int(found.attention[place, :-1].argmax())]  # type: ignore[index]


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("forms", [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
def test_unknown_characters_are_whole_whatever_the_unicode_form(typed: str, forms: tuple[str, str]) -> None:
    tokens = [Tokeniser.train(["dié frau"], TokeniserConfig(kind="characters", normalise=f)) for f in forms]
    like = fresh(kind="characters")
    model = build_model(small_config("luong", "additive"), *map(len, tokens))
    with torch.no_grad():
        model.head.bias[UNKNOWN] += 30
        model.embedding.weight.mul_(9)
    translator = Translator(model, Tokenisers(*tokens), like.search)
    text = unicodedata.normalize(typed, "dié Ωñ가")  # type: ignore[arg-type]
    found = translator.translate([text, "Ω", "가", "ñ"], beam=1, replace_unknown=True)
    for one in found:
        assert set(one.tokens) == {"<unk>"}
        assert "<unk>" not in one.text
        assert unicodedata.is_normalized("NFC", one.text)
    if forms[1] == "NFC":
        assert {*found[0].text} <= {*"dié Ωñ가"}
        assert [{*one.text} for one in found[1:]] == [{"Ω"}, {"가"}, {"ñ"}]


def test_an_unknown_keyword_is_refused(translator: Translator) -> None:
    with pytest.raises(TypeError, match="unknown bean; known: beam"):
        translator.translate("die frau lacht .", bean=3)  # type: ignore[call-overload]


def test_int8_translates_nearly_alike(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "MIN_INT8_WIDTH", 1)  # so that a small model takes part
    exact = translator.translate(SENTENCES[:20])
    close = translator.translate(SENTENCES[:20], precision="int8")
    assert sum(one.text == other.text for one, other in zip(exact, close, strict=True)) > 10
    assert {one.log_probability for one in exact}.isdisjoint(other.log_probability for other in close)
    again = translator.translate(SENTENCES[:20])
    assert [one.log_probability for one in again] == [one.log_probability for one in exact]


def test_bfloat16_translates_nearly_the_same(translator: Translator) -> None:
    exact = translator.translate(SENTENCES[:20])
    close = translator.translate(SENTENCES[:20], precision="bfloat16")
    assert sum(one.text == other.text for one, other in zip(exact, close, strict=True)) > 10
    assert any(one.log_probability != other.log_probability for one, other in zip(exact, close, strict=True))


def test_a_narrow_model_translates_in_float32_by_itself(translator: Translator) -> None:
    assert translator.search.precision == "auto"
    by_itself, exact = (translator.translate(SENTENCES[:5], precision=name) for name in ("auto", "float32"))
    assert [one.log_probability for one in by_itself] == [one.log_probability for one in exact]


def test_an_unknown_precision_is_refused(translator: Translator) -> None:
    with pytest.raises(
        SearchError,
        match=r"search.precision: unknown name 'int4'; known names: auto, float32, bfloat16, int8",
    ):
        translator.translate(SENTENCES[0], precision="int4")
