"""Figures of a model on a test set, against the libraries and the definitions they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sacrebleu

import regard
from regard.alignment import alignment_error_rate, diagonal
from regard.errors import ConfigError, DataError, SearchError
from regard.lab.evaluation import evaluate, length_table, read_test_set, show_evaluation, word_links
from regard.metrics import LengthBin
from regard.records import Links, Pair, Translation
from regard.translator import Translator
from tests.explain.screen import screen
from tests.trained import Trained, unseen_pairs


@pytest.fixture(scope="module")
def translator(models: Trained) -> Translator:
    return regard.load(models.attention)


def test_figures_are_those_of_sacrebleu(translator: Translator) -> None:
    pairs = unseen_pairs(30)
    found = evaluate(translator, pairs, beam=1)
    references = [[pair.target for pair in pairs]]
    assert found.translations == tuple(
        one.text for one in translator.translate([pair.source for pair in pairs], beam=1)
    )
    bleu = sacrebleu.metrics.BLEU(force=True).corpus_score(list(found.translations), references)
    chrf = sacrebleu.metrics.CHRF().corpus_score(list(found.translations), references)
    assert (found.bleu.value, found.chrf.value) == (bleu.score, chrf.score)
    assert "tok:13a" in found.bleu.signature


def test_options_reach_sacrebleu(translator: Translator) -> None:
    pairs = [Pair(pair.source, pair.target.upper()) for pair in unseen_pairs(30)]
    found = evaluate(translator, pairs, lowercase=True, tokenise="char", beam=1)
    assert "case:lc" in found.bleu.signature
    assert "tok:char" in found.bleu.signature
    assert found.bleu.value > evaluate(translator, pairs, tokenise="char", beam=1).bleu.value


def test_lengths_are_in_words_of_the_source(translator: Translator) -> None:
    pairs = unseen_pairs(30)
    short = sum(len(pair.source.split()) <= 10 for pair in pairs)
    found = evaluate(translator, pairs, beam=1)
    assert {row.label: row.num_sentences for row in found.by_length} == {"≤ 10": short, "11–20": 30 - short}


def test_aer_is_of_forced_targets(translator: Translator) -> None:
    pairs = unseen_pairs(25)
    found = evaluate(translator, pairs, beam=1)
    guessed = []
    for pair in pairs:  # the long way: each word looks where its row has its largest weight
        attention = translator.align([pair.source], [pair.target])[0].attention
        assert attention is not None
        best = attention[:-1].argmax(axis=1)
        last = attention.shape[1] - 1  # looking at the end of the sentence links to nothing
        guessed.append(Links(frozenset((int(s), t) for t, s in enumerate(best) if s != last)))
    gold = [pair.links for pair in pairs if pair.links]
    assert found.aer == alignment_error_rate(guessed, gold)
    lengths = [(len(pair.source.split()), len(pair.target.split())) for pair in pairs]
    assert found.diagonal_aer == alignment_error_rate([diagonal(*each) for each in lengths], gold)


def test_without_gold_links_there_is_no_aer(translator: Translator) -> None:
    pairs = unseen_pairs(5)
    found = evaluate(translator, [*pairs[:4], Pair(pairs[4].source, pairs[4].target)], beam=1)
    assert (found.aer, found.diagonal_aer) == (None, None)
    assert "word links" not in screen(show_evaluation(found))


def test_a_fixed_vector_model_has_only_the_diagonal_aer(models: Trained) -> None:
    found = evaluate(regard.load(models.fixed_vector), unseen_pairs(5), beam=1)
    assert found.aer is None
    assert found.diagonal_aer is not None
    shown = screen(show_evaluation(found))
    assert "the diagonal" in shown
    assert "attention" not in shown


def test_an_empty_source_counts_as_an_empty_translation(translator: Translator) -> None:
    pairs = [*unseen_pairs(3), Pair("", "nothing", Links())]
    assert evaluate(translator, pairs, beam=1).translations[3] == ""


def test_the_watch_hears_of_translating_and_of_aligning(translator: Translator) -> None:
    heard: list[int] = []
    evaluate(translator, unseen_pairs(6), watch=heard.append, beam=1)
    assert sum(heard) == 12


def test_mistakes_are_told_before_anything_is_translated(translator: Translator) -> None:
    heard: list[int] = []
    with pytest.raises(ConfigError, match="tokenise: expected one of"):
        evaluate(translator, unseen_pairs(3), tokenise="moses", watch=heard.append)
    with pytest.raises(DataError, match="at least one"):
        evaluate(translator, [], watch=heard.append)
    with pytest.raises(SearchError):
        evaluate(translator, unseen_pairs(3), beam=0, watch=heard.append)
    assert heard == []


def test_figures_are_ready_for_json(translator: Translator) -> None:
    found = evaluate(translator, unseen_pairs(6), beam=1)
    figures = json.loads(json.dumps(found.figures()))
    assert figures["bleu"]["value"] == found.bleu.value
    assert found.aer is not None
    assert figures["aer"]["aer"] == found.aer.aer
    assert figures["by_length"][0]["num_sentences"] == found.by_length[0].num_sentences
    assert "translations" not in figures


def test_figures_are_shown(translator: Translator) -> None:
    found = evaluate(translator, unseen_pairs(12), beam=1)
    shown = screen(show_evaluation(found), width=120)
    assert f"BLEU {found.bleu.value:6.2f}   {found.bleu.signature}" in shown
    assert found.aer is not None
    assert f"{100 * found.aer.aer:.1f}" in shown


def test_a_table_has_a_column_for_each_figure() -> None:
    bins = [LengthBin("≤ 10", 30, 12.5, 20.0), LengthBin("11–20", 7, 3.0, 4.0)]
    shown = screen(length_table({"one": [1.25, 2.5], "two": [30.0, 40.0]}, bins)).split("\n")
    rows = [line.split() for line in shown if line.strip()]
    assert rows[0] == ["source", "words", "sentences", "one", "two"]
    assert rows[2:] == [["≤", "10", "30", "1.2", "30.0"], ["11–20", "7", "2.5", "40.0"]]


def test_a_translation_without_attention_has_no_word_links() -> None:
    assert word_links(Translation("", 0.0, 0.0, (), None, "", ())) == Links()


def test_a_test_set_is_read_with_its_links(models: Trained, tmp_path: Path) -> None:
    source, target, links = models.test
    assert read_test_set([source, target], links) == unseen_pairs()
    assert all(pair.links is None for pair in read_test_set([source, target], None))
    (tmp_path / "one.tsv").write_text("ja .\tyes .\n")
    (tmp_path / "one.links").write_text("1-1 2p2\n")
    pair = read_test_set([tmp_path / "one.tsv"], tmp_path / "one.links", one_indexed=True)[0]
    assert pair.links == Links(frozenset({(0, 0)}), frozenset({(1, 1)}))


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ("0-0\n0-0\n", "2 lines of links for 1 sentence pairs"),
        ("0-0 2-0\n", r"line 1: link 2-0 .* outside its sentences of 2 and 2 words"),
        ("0-0 0p9\n", r"line 1: link 0-9 .* outside"),
        ("0-0 a-b\n", "line 1: expected links such as"),
    ],
)
def test_links_that_do_not_belong_are_refused(tmp_path: Path, links: str, words: str) -> None:
    (tmp_path / "one.tsv").write_text("ja .\tyes .\n")
    (tmp_path / "one.links").write_text(links)
    with pytest.raises(DataError, match=words) as caught:
        read_test_set([tmp_path / "one.tsv"], tmp_path / "one.links")
    assert "one.links" in str(caught.value)
