"""Figures of a model on a test set, against the libraries and the definitions they come from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sacrebleu

import regard
from regard.alignment import alignment_error_rate, diagonal
from regard.errors import ConfigError, DataError, ModelError, RegardError, SearchError
from regard.lab.evaluate import evaluate
from regard.lab.evaluation import word_links
from regard.lab.systems import training_counts
from regard.lab.tables import length_table, show_evaluation
from regard.lab.test_sets import read_test_set
from regard.metrics import LengthBin, by_frequency, cer, count_words, exact_match, ter, wer
from regard.records.text import Links, Pair, Translation
from regard.training.prepared import load_prepared
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


def test_every_figure_is_that_of_its_metric(translator: Translator) -> None:
    pairs = unseen_pairs(30)
    found = evaluate(translator, pairs, bootstrap=0, beam=1)
    references = [pair.target for pair in pairs]
    expected = {"ter": ter, "exact_match": exact_match, "wer": wer, "cer": cer}
    for name, metric in expected.items():
        assert found.scores[name] == metric(found.translations, references)
    assert [one.exact for one in found.sentences] == [
        ours == theirs for ours, theirs in zip(found.translations, references, strict=True)
    ]


def test_intervals_are_sacrebleus(translator: Translator) -> None:
    pairs = unseen_pairs(30)
    found = evaluate(translator, pairs, bootstrap=100, beam=1)
    references = [[pair.target for pair in pairs]]
    metric = sacrebleu.metrics.TER()
    assert found.ter.margin == pytest.approx(
        metric.corpus_score(list(found.translations), references, n_bootstrap=100)._ci, rel=1e-4
    )
    assert found.ter.signature == str(metric.get_signature())
    with pytest.raises(ConfigError, match="bootstrap: expected a number of samples from 0 on, got -1"):
        evaluate(translator, pairs, bootstrap=-1)


def test_further_references_help(translator: Translator, tmp_path: Path) -> None:
    pairs = unseen_pairs(10)
    alone = evaluate(translator, pairs, bootstrap=0, beam=1)
    own = [*alone.translations[:9], ""]
    other = tmp_path / "other.en"
    other.write_text("".join(f"{line}\n" for line in own), encoding="utf-8")
    found = evaluate(translator, pairs, references=[own], bootstrap=0, beam=1)
    assert found.exact_match.value >= 90 > alone.exact_match.value
    assert "nrefs:var" in found.bleu.signature
    assert found.scores == evaluate(translator, pairs, references=[other], bootstrap=0, beam=1).scores
    assert found.sentences[0].references == (pairs[0].target, own[0])
    assert found.sentences[9].references == (pairs[9].target,)
    with pytest.raises(
        DataError,
        match="references: expected a line of references for each of the 10 sentences",
    ):
        evaluate(translator, pairs, references=[["one"]])


def test_known_translations_are_not_translated_again(translator: Translator, tmp_path: Path) -> None:
    pairs = [Pair(pair.source, pair.target) for pair in unseen_pairs(8)]
    found = evaluate(translator, pairs, bootstrap=0, beam=1)
    saved = tmp_path / "out.en"
    saved.write_text("".join(f"{line}\n" for line in found.translations), encoding="utf-8")
    heard: list[int] = []
    forced = evaluate(translator, pairs, translations=saved, bootstrap=0, watch=heard.append)
    without = evaluate(saved, pairs, bootstrap=0)
    assert found.scores == forced.scores == without.scores
    assert sum(heard) == 8
    for one, again, alone in zip(found.sentences, forced.sentences, without.sentences, strict=True):
        assert one.coverage_deviation == pytest.approx(again.coverage_deviation, abs=1e-4)
        assert alone.written is alone.coverage_deviation is None
    with pytest.raises(ConfigError, match="got a file of translations"):
        evaluate(saved, pairs, translations=saved)
    with pytest.raises(DataError, match="for each of the 7 sentences of the test set, got 8 lines"):
        evaluate(saved, pairs[:7])


def test_rare_words_are_counted_in_what_the_model_was_trained_on(models: Trained, tmp_path: Path) -> None:
    pairs = unseen_pairs(30)
    found = evaluate(models.attention, pairs, bootstrap=0, beam=1)
    trained_on = [line for line in models.train[1].read_text(encoding="utf-8").splitlines() if line]
    kept = len(load_prepared(models.attention / "data").corpus)
    assert kept < len(trained_on)  # some were held out to validate
    references = [pair.target for pair in pairs]
    by_file = evaluate(models.attention, pairs, training_text=models.train[1], bootstrap=0, beam=1)
    assert by_file.by_frequency == by_frequency(found.translations, references, count_words(trained_on))
    number = sum(row.num_words for row in by_file.by_frequency)
    assert sum(row.num_words for row in found.by_frequency) == number > 0
    assert found.by_frequency != by_file.by_frequency
    assert evaluate(regard.load(models.attention), pairs, bootstrap=0, beam=1).by_frequency == []


def test_counts_are_of_the_training_pairs(models: Trained) -> None:
    prepared = load_prepared(models.attention / "data")
    rows = range(len(prepared.corpus))
    texts = [prepared.tokenisers.target.decode(prepared.corpus.batch([r]).target[0].tolist()) for r in rows]
    assert training_counts(models.attention, "13a") == count_words(texts)


def test_a_model_without_its_training_data_can_be_evaluated(models: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models.attention, folder, ignore=shutil.ignore_patterns("data"))
    assert evaluate(folder, unseen_pairs(3), bootstrap=0, beam=1).by_frequency == []
    with pytest.raises(ModelError, match=r"prepared data cannot be read.*name the training text"):
        evaluate(folder, unseen_pairs(3), training_text=folder, bootstrap=0)


def test_words_spelled_out_are_measured_in_characters(translator: Translator) -> None:
    found = evaluate(translator, [Pair("hund", "dog"), Pair("zusammenkunft", "meeting")], bootstrap=0, beam=1)
    assert found.length_unit == "characters"
    assert [(row.label, row.num_sentences) for row in found.by_length] == [("≤ 10", 1), ("11–20", 1)]
    assert "source characters" in screen(show_evaluation(found))


def test_features_are_not_part_of_the_length(tmp_path: Path) -> None:
    forms = tmp_path / "forms.txt"
    forms.write_text("walked\nunderstood it\n", encoding="utf-8")
    spelled = [Pair("walk\tV;PST", "walked"), Pair("misunderstand\tV;PST", "misunderstood")]
    found = evaluate(forms, spelled, bootstrap=0)
    assert found.length_unit == "characters"
    assert [(row.label, row.num_sentences) for row in found.by_length] == [("≤ 10", 1), ("11–20", 1)]
    assert evaluate(forms, [*spelled[:1], Pair("give up\tV;PST", "gave up")]).length_unit == "words"


def test_sources_longer_than_those_of_training_are_counted(models: Trained) -> None:
    short = regard.load(models.attention)
    short.max_tokens = 3
    pairs = [Pair("der mann lacht", "a"), Pair("der alte mann lacht", "b"), Pair("", "c")]
    assert evaluate(short, pairs, bootstrap=0, beam=1).num_long == 1
    assert evaluate(short, pairs, translations=["a", "b", "c"], bootstrap=0).figures()["num_long"] == 0
    assert evaluate(regard.load(models.attention), pairs, bootstrap=0, beam=1).num_long == 0


def test_an_ensemble_is_forced_if_any_model_attends(models: Trained) -> None:
    pairs = unseen_pairs(4)
    both = regard.load_ensemble([models.fixed_vector, models.attention])
    found = evaluate(both, pairs, bootstrap=0, beam=1, batch_size=2)
    assert found.aer is not None
    assert all(one.forced is not None for one in found.sentences)


def test_forcing_keeps_to_the_batch_size(translator: Translator) -> None:
    heard: list[int] = []
    evaluate(translator, unseen_pairs(4), bootstrap=0, beam=1, batch_size=2, watch=heard.append)
    assert heard == [2] * 4


def test_files_are_as_good_as_pairs(models: Trained, translator: Translator) -> None:
    source, target, _ = models.test
    found = evaluate(translator, [source, str(target)], bootstrap=0, beam=1)
    pairs = [Pair(pair.source, pair.target) for pair in unseen_pairs()]
    assert found.scores == evaluate(translator, pairs, bootstrap=0, beam=1).scores


@pytest.mark.parametrize(
    ("system", "test_set", "words"),
    [
        (None, "test.de", r"test\.de: no such file"),
        (
            None,
            [("hund", "dog")],
            r"expected regard\.Pair\(source, target\).*got \('hund', 'dog'\) as number 1",
        ),
        (None, [Pair("a", "b"), "c"], "got 'c' as number 2"),
        (None, [], "at least one sentence pair"),
        (3, [Pair("a", "b")], "expected a Translator, a model folder or a file of translations, got int"),
        ("nowhere", [Pair("a", "b")], "nowhere: no such model folder"),
    ],
)
def test_slips_are_named(translator: Translator, system, test_set, words: str) -> None:
    with pytest.raises(RegardError, match=words):
        evaluate(system or translator, test_set)


def test_sentences_carry_their_attention(translator: Translator) -> None:
    pairs = unseen_pairs(6)
    found = evaluate(translator, pairs, bootstrap=0, beam=1)
    for one, pair in zip(found.sentences, pairs, strict=True):
        assert one.forced is not None
        assert pair.links is not None
        assert one.forced.text == pair.target
        assert one.aer == alignment_error_rate([word_links(one.forced)], [pair.links]).aer
        assert one.chrf == pytest.approx(
            sacrebleu.metrics.CHRF().sentence_score(one.translation, [pair.target]).score
        )


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


def test_progress_counts_translations_and_alignments(translator: Translator) -> None:
    heard: list[int] = []
    evaluate(translator, unseen_pairs(6), watch=heard.append, beam=1)
    assert sum(heard) == 12


def test_mistakes_are_reported_before_anything_is_translated(translator: Translator) -> None:
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
    assert figures["ter"]["margin"] == found.ter.margin
    assert "translations" not in figures


def test_figures_are_shown(translator: Translator) -> None:
    found = evaluate(translator, unseen_pairs(12), beam=1)
    shown = screen(show_evaluation(found), width=120)
    for label, score in (("BLEU", found.bleu), ("WER ↓", found.wer)):
        row = next(line.split() for line in shown.split("\n") if line.strip().startswith(label))
        assert " ".join(row).startswith(f"{label} {score.value:.2f} ± {score.margin:.2f}")
        assert score.signature in shown
    assert found.aer is not None
    assert f"{100 * found.aer.aer:.1f}" in shown


def test_a_table_has_a_column_for_each_figure() -> None:
    bins = [LengthBin("≤ 10", 30, 12.5, 20.0, 0.0), LengthBin("11–20", 7, 3.0, 4.0, 0.0)]
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
        ("0-0\n0-0\n", "expected a line of links for each of 1 sentence pairs, got 2 lines"),
        ("0-0 2-0\n", "line 1: expected links within 2 source and 2 target words, got 2-0"),
        ("0-0 0p9\n", "line 1: expected links within .*, got 0-9"),
        ("0-0 a-b\n", "line 1: expected links such as"),
    ],
)
def test_links_that_do_not_belong_are_refused(tmp_path: Path, links: str, words: str) -> None:
    (tmp_path / "one.tsv").write_text("ja .\tyes .\n")
    (tmp_path / "one.links").write_text(links)
    with pytest.raises(DataError, match=words) as caught:
        read_test_set([tmp_path / "one.tsv"], tmp_path / "one.links")
    assert "one.links" in str(caught.value)
