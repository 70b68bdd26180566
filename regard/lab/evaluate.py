"""Evaluate a system on a test set: translation quality, where it is poor, and how well attention aligns words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from regard.alignment import AlignmentScore, alignment_error_rate, diagonal
from regard.data.features import split_features
from regard.errors import ConfigError
from regard.explain import Grid
from regard.lab.evaluation import Evaluation, SentenceEvaluation, word_links
from regard.lab.systems import System, open_system, own_training_text, training_counts
from regard.lab.test_sets import TestSet, read_column, sentence_pairs
from regard.metrics import (
    ErrorRate,
    ExactMatch,
    References,
    Statistics,
    bleu_metric,
    by_frequency,
    by_length,
    check_tokeniser,
    chrf_metric,
    coverage_deviation,
    ter_metric,
)
from regard.records.text import Links, Pair, Translation, Words
from regard.search import SearchOptions
from regard.translator import Translator

BOOTSTRAP = 1000


def evaluate(
    system: System,
    test_set: TestSet,
    *,
    translations: Sequence[str] | str | Path | None = None,
    references: Sequence[Sequence[str] | str | Path] = (),
    training_text: str | Path | None = None,
    lowercase: bool = False,
    tokenise: str = "13a",
    bootstrap: int = BOOTSTRAP,
    **options: Unpack[SearchOptions],
) -> Evaluation:
    """Translate the sources of a test set and compare the translations with its targets.

    `system` is a Translator, a model folder or a file of translations; `test_set` is a list of pairs, or the files
    that hold them, tables being read by the columns of the model's recipe. Each source is translated as one sentence.
    With `translations` (lines or a file) a model does not translate but is forced to output those, for its attention.
    `references` are further ones, lines or files; an empty line means none. `training_text` is the target side of the
    training text, or a model folder whose training data is counted; by default that of `system`, if it is a folder.
    `bootstrap` is the number of samples behind each interval, 0 for none. If all pairs have gold links, each target
    is forced too, and its words are linked to the source words they attend to most. `watch` in `options` is called
    with the number of sentences just done. Raises DataError for text that cannot be read or does not match,
    ModelError for an incomplete model folder, ConfigError for an unknown tokeniser, all before translating anything.
    """
    check_tokeniser(tokenise)
    if bootstrap < 0:
        raise ConfigError(f"bootstrap: expected a number of samples from 0 on, got {bootstrap}")
    pairs = sentence_pairs(test_set, [system])
    model, known = _open(system, translations, len(pairs))
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    further = [read_column(text, len(pairs), "references") for text in references]
    streams: References = [targets, *([line or None for line in lines] for lines in further)]
    training_text = training_text or own_training_text(system)
    counts = None if training_text is None else training_counts(training_text, tokenise)
    if known is None and model is not None:
        written = model.translate(sources, **options)
    else:
        written = _force(model, sources, known or [], options)
    texts = [translation.text for translation in written] if known is None else known
    statistics = _statistics(texts, streams, lowercase, tokenise)
    gold = [pair.links for pair in pairs if pair.links is not None]
    linked = bool(gold) and len(gold) == len(pairs)
    forced = _force(model, sources, targets, options) if linked else []
    unit, lengths = _lengths(sources)
    bins = by_length(statistics["bleu"], statistics["chrf"], statistics["exact_match"], lengths)
    rare = by_frequency(texts, targets, counts or {}, lowercase=lowercase, tokenise=tokenise)
    return Evaluation(
        **{name: each.score(bootstrap) for name, each in statistics.items()},
        by_length=bins,
        length_unit=unit,
        num_long=0 if model is None or known is not None else _num_long(written, model.max_tokens),
        by_frequency=[] if counts is None else rare,
        aer=alignment_error_rate([word_links(one) for one in forced], gold) if forced else None,
        diagonal_aer=_diagonal_aer(pairs, gold) if linked else None,
        sentences=tuple(_sentences(pairs, streams, texts, statistics, written, forced)),
        statistics=statistics,
    )


def _open(
    system: System, translations: Sequence[str] | str | Path | None, num_pairs: int
) -> tuple[Translator | None, list[str] | None]:
    """Return the model, if the system is one, and the translations, if they are known."""
    opened = open_system(system)
    if isinstance(opened, Translator):
        return opened, None if translations is None else read_column(translations, num_pairs, "translations")
    if translations is not None:
        raise ConfigError(
            f"{system}: expected a model to force through translations, got a file of translations; leave the other "
            "translations out"
        )
    return None, read_column(opened, num_pairs, "translations")


def _force(
    model: Translator | None, sources: Sequence[str], targets: Sequence[str], options: SearchOptions
) -> list[Translation]:
    """Force a model to output known targets, for its attention; empty without a model that attends."""
    if model is None or not model.attends:
        return []
    forced = model.align(sources, targets, batch_size=options.get("batch_size"), watch=options.get("watch"))
    return [_with_words_of(target, one) for one, target in zip(forced, targets, strict=True)]


def _with_words_of(target: str, forced: Translation) -> Translation:
    """Restore the words of the target that the tokeniser knows only as <unk>."""
    words = tuple(target.split())
    if len(words) != len(forced.words.texts):
        return forced
    return replace(forced, text=target, words=Words(words, forced.words.word_of_token))


def _statistics(
    texts: Sequence[str], streams: References, lowercase: bool, tokenise: str
) -> dict[str, Statistics]:
    """Collect what every figure is computed from, by name."""
    metrics = {
        "bleu": bleu_metric(lowercase, tokenise),
        "chrf": chrf_metric(lowercase),
        "ter": ter_metric(),
        "exact_match": ExactMatch(lowercase),
        "wer": ErrorRate("words", lowercase),
        "cer": ErrorRate("characters", lowercase),
    }
    return {name: Statistics.compute(metric, texts, streams) for name, metric in metrics.items()}


def _num_long(translations: Sequence[Translation], max_tokens: int) -> int:
    """Count the sources of more than `max_tokens` tokens, without end-of-sentence."""
    return sum(len(one.source_tokens) - 1 > max_tokens for one in translations)


def _lengths(sources: Sequence[str]) -> tuple[str, list[int]]:
    """Return the unit and the lengths of the sources, without their features."""
    plain = [split_features(source)[0] for source in sources]
    if any(len(text.split()) > 1 for text in plain):
        return "words", [len(text.split()) for text in plain]
    return "characters", [len(text.strip()) for text in plain]


def _sentences(
    pairs: Sequence[Pair],
    streams: References,
    texts: Sequence[str],
    statistics: Mapping[str, Statistics],
    written: Sequence[Translation],
    forced: Sequence[Translation],
) -> Iterator[SentenceEvaluation]:
    chrf, exact = statistics["chrf"].sentence_values(), statistics["exact_match"].sentence_values()
    for row, pair in enumerate(pairs):
        translation = written[row] if written and written[row].attention is not None else None
        grid = None if translation is None else Grid.of(translation)
        reference = forced[row] if forced and forced[row].attention is not None else None
        yield SentenceEvaluation(
            number=row + 1,
            source=pair.source,
            references=tuple(stream[row] or "" for stream in streams if stream[row] is not None),
            translation=texts[row],
            chrf=chrf[row],
            exact=exact[row] == 100,
            written=translation,
            forced=reference,
            links=pair.links,
            aer=_aer(reference, pair.links),
            coverage_deviation=None if grid is None else coverage_deviation(grid.coverage),
        )


def _aer(forced: Translation | None, gold: Links | None) -> float | None:
    if forced is None or gold is None:
        return None
    return alignment_error_rate([word_links(forced)], [gold]).aer


def _diagonal_aer(pairs: Sequence[Pair], gold: Sequence[Links]) -> AlignmentScore:
    found = [diagonal(len(pair.source.split()), len(pair.target.split())) for pair in pairs]
    return alignment_error_rate(found, gold)
