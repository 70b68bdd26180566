"""A model on a test set: how good its translations are, where they fail, and how well attention finds the words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

from regard.alignment import AlignmentScore, alignment_error_rate, diagonal, links_from_attention
from regard.data.features import split_features
from regard.errors import ConfigError
from regard.explain import Grid
from regard.lab.systems import (
    System,
    TestSet,
    open_system,
    own_training_text,
    pairs_of,
    read_column,
    training_counts,
)
from regard.metrics import (
    ErrorRate,
    ExactMatch,
    FrequencyBin,
    LengthBin,
    MetricScore,
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
_BLEU_WORDS = 4
FIGURES = ("bleu", "chrf", "ter", "exact_match", "wer", "cer")


@dataclass(frozen=True)
class Judged:
    """One sentence of a test set: its translation, how good that is, and what was looked at.

    `number` counts from 1. `written` holds the attention under which the translation was written, None where only
    its text is known; `forced` that of the reference, where its gold `links` are known, and `aer` compares the two.
    `coverage_deviation` is of `written`, between words. Each is None without attention.
    """

    number: int
    source: str
    references: tuple[str, ...]
    translation: str
    chrf: float
    exact: bool
    written: Translation | None = None
    forced: Translation | None = None
    links: Links | None = None
    aer: float | None = None
    coverage_deviation: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """Figures of one system on one test set.

    `by_length` is in `length_unit`s of the source: words, or characters where every source is one word. `num_long` is
    how many sources had more tokens than the model was trained on, and were translated as one sentence all the same.
    `by_frequency` is empty where the training text is not known; `aer` and `diagonal_aer` are None without gold links
    or attention. `tallies` are what the figures were computed of, by name.
    """

    bleu: MetricScore
    chrf: MetricScore
    ter: MetricScore
    exact_match: MetricScore
    wer: MetricScore
    cer: MetricScore
    by_length: list[LengthBin]
    length_unit: str
    num_long: int
    by_frequency: list[FrequencyBin]
    aer: AlignmentScore | None
    diagonal_aer: AlignmentScore | None
    sentences: tuple[Judged, ...] = field(repr=False)
    tallies: Mapping[str, Statistics] = field(repr=False)

    @property
    def translations(self) -> tuple[str, ...]:
        """What the system wrote, in order."""
        return tuple(one.translation for one in self.sentences)

    @property
    def scores(self) -> dict[str, MetricScore]:
        """The figures over the whole test set, by name; no BLEU where no output has the four words it counts."""
        short = all(len(text.split()) < _BLEU_WORDS for text in self.translations)
        return {name: getattr(self, name) for name in FIGURES if not (short and name == "bleu")}

    @property
    def task_rates(self) -> dict[str, float]:
        """WER and PER as grapheme-to-phoneme tasks report them, in per cent; empty unless sources are single words.

        Their WER is the share of outputs with any mistake; their PER is the WER here, over phonemes as words.
        """
        if self.length_unit != "characters":
            return {}
        return {"WER": 100 - self.exact_match.value, "PER": self.wer.value}

    def figures(self) -> dict[str, Any]:
        """All figures, without the sentences, ready for JSON."""
        bins = {name: [asdict(row) for row in getattr(self, name)] for name in ("by_length", "by_frequency")}
        links = {name: getattr(self, name) for name in ("aer", "diagonal_aer")}
        return {
            **{name: asdict(score) for name, score in self.scores.items()},
            "task_rates": self.task_rates,
            **bins,
            "length_unit": self.length_unit,
            "num_long": self.num_long,
            **{name: None if score is None else asdict(score) for name, score in links.items()},
        }


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
    **how: Unpack[SearchOptions],
) -> Evaluation:
    """Translate the sources of a test set and compare with its targets.

    `system` is a Translator, a model folder, or a file of translations; `test_set` pairs, or the files that hold
    them, tables being read by the columns of the model's recipe. With `translations` (lines or a file) a model does
    not translate but is forced through those; else each source is translated as one sentence, as it stands.
    `references` are further ones, lines or files; an empty line is none. `training_text` is the target side of the
    training text, or a model folder whose training data is counted; without it the system's own folder is, if it is
    given by name. `bootstrap` is the number of samples behind each interval, 0 for none. Where all pairs have gold
    links, each target is also forced, and its words are linked to what their steps attended to most. `watch` in `how`
    hears of every sentence done. Raises DataError for text that cannot be read or does not belong together,
    ModelError for a folder without a whole model, ConfigError for an unknown tokeniser, before anything is
    translated.
    """
    check_tokeniser(tokenise)
    if bootstrap < 0:
        raise ConfigError(f"bootstrap: expected a number of samples from 0 on, got {bootstrap}")
    pairs = pairs_of(test_set, [system])
    model, given = _opened(system, translations, len(pairs))
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    further = [read_column(text, len(pairs), "references") for text in references]
    streams: References = [targets, *([line or None for line in lines] for lines in further)]
    trained_on = training_text or own_training_text(system)
    counts = None if trained_on is None else training_counts(trained_on, tokenise)
    looked = _look(model, sources, given, how)
    written = [one.text for one in looked] if given is None else given
    tallies = _tally(written, streams, lowercase, tokenise)
    gold = [pair.links for pair in pairs if pair.links is not None]
    linked = bool(gold) and len(gold) == len(pairs)
    forced = _look(model, sources, targets, how) if linked else []
    unit, lengths = _lengths(sources)
    bins = by_length(tallies["bleu"], tallies["chrf"], tallies["exact_match"], lengths)
    rare = by_frequency(written, targets, counts or {}, lowercase=lowercase, tokenise=tokenise)
    return Evaluation(
        **{name: tally.score(bootstrap) for name, tally in tallies.items()},
        by_length=bins,
        length_unit=unit,
        num_long=0 if model is None or given is not None else _num_long(looked, model.max_tokens),
        by_frequency=[] if counts is None else rare,
        aer=alignment_error_rate([word_links(one) for one in forced], gold) if forced else None,
        diagonal_aer=_diagonal_aer(pairs, gold) if linked else None,
        sentences=tuple(_judge(pairs, streams, written, tallies, looked, forced)),
        tallies=tallies,
    )


def word_links(translation: Translation) -> Links:
    """Each word of a translation linked to the source word it was most attended from."""
    if translation.attention is None:
        return Links()
    return links_from_attention(
        translation.attention, translation.source_words.places, translation.words.places
    )


def _opened(
    system: System, translations: Sequence[str] | str | Path | None, number: int
) -> tuple[Translator | None, list[str] | None]:
    """The model, if there is one, and the translations, if they are known."""
    opened = open_system(system)
    if isinstance(opened, Translator):
        return opened, None if translations is None else read_column(translations, number, "translations")
    if translations is not None:
        raise ConfigError(f"{system}: is a file of translations already; leave the other translations out")
    return None, read_column(opened, number, "translations")


def _look(
    model: Translator | None, sources: Sequence[str], targets: Sequence[str] | None, how: SearchOptions
) -> list[Translation]:
    """Translate, or force known targets to see what is attended to; nothing where there is nothing to see."""
    if model is None:
        return []
    if targets is None:
        return model.translate(sources, **how)
    if not model.attends:
        return []
    forced = model.align(sources, targets, batch_size=how.get("batch_size"), watch=how.get("watch"))
    return [_as_given(one, target) for one, target in zip(forced, targets, strict=True)]


def _as_given(forced: Translation, target: str) -> Translation:
    """With the target's own words, where its tokens know some of them only as <unk>."""
    words = tuple(target.split())
    if len(words) != len(forced.words.texts):
        return forced
    return replace(forced, text=target, words=Words(words, forced.words.places))


def _tally(
    written: Sequence[str], streams: References, lowercase: bool, tokenise: str
) -> dict[str, Statistics]:
    """What every figure is computed of, by name."""
    metrics = {
        "bleu": bleu_metric(lowercase, tokenise),
        "chrf": chrf_metric(lowercase),
        "ter": ter_metric(),
        "exact_match": ExactMatch(lowercase),
        "wer": ErrorRate("words", lowercase),
        "cer": ErrorRate("characters", lowercase),
    }
    return {name: Statistics.compute(metric, written, streams) for name, metric in metrics.items()}


def _num_long(looked: Sequence[Translation], max_tokens: int) -> int:
    """How many sources have more tokens than that, not counting the end."""
    return sum(len(one.source_tokens) - 1 > max_tokens for one in looked)


def _lengths(sources: Sequence[str]) -> tuple[str, list[int]]:
    """The unit of the lengths, and the lengths, of what stands before the features of a source that has them."""
    plain = [split_features(source)[0] for source in sources]
    if any(len(text.split()) > 1 for text in plain):
        return "words", [len(text.split()) for text in plain]
    return "characters", [len(text.strip()) for text in plain]


def _judge(
    pairs: Sequence[Pair],
    streams: References,
    written: Sequence[str],
    tallies: Mapping[str, Statistics],
    looked: Sequence[Translation],
    forced: Sequence[Translation],
) -> Iterator[Judged]:
    chrf, exact = tallies["chrf"].sentence_values(), tallies["exact_match"].sentence_values()
    for row, pair in enumerate(pairs):
        own = looked[row] if looked and looked[row].attention is not None else None
        grid = None if own is None else Grid.of(own)
        known = forced[row] if forced and forced[row].attention is not None else None
        yield Judged(
            number=row + 1,
            source=pair.source,
            references=tuple(stream[row] or "" for stream in streams if stream[row] is not None),
            translation=written[row],
            chrf=chrf[row],
            exact=exact[row] == 100,
            written=own,
            forced=known,
            links=pair.links,
            aer=None
            if known is None or pair.links is None
            else alignment_error_rate([word_links(known)], [pair.links]).aer,
            coverage_deviation=None if grid is None else coverage_deviation(grid.coverage),
        )


def _diagonal_aer(test_set: Sequence[Pair], gold: Sequence[Links]) -> AlignmentScore:
    guessed = [diagonal(len(pair.source.split()), len(pair.target.split())) for pair in test_set]
    return alignment_error_rate(guessed, gold)
