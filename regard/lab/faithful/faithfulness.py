"""Whether attention explains a model, measured over a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from regard.alignment import word_attention
from regard.attention import NoScore
from regard.data import sorted_batches
from regard.errors import ConfigError, DataError, SearchError
from regard.explain import source_units
from regard.lab.evaluation import BOOTSTRAP
from regard.lab.faithful.attribution import gradient_times_input, leave_one_out, pair_batch
from regard.lab.faithful.disturbance import disturb
from regard.lab.faithful.measures import Probe, count, disagreement, sized
from regard.lab.faithful.verdict import Verdict, judge
from regard.lab.systems import System, TestSet, open_system, pairs_of
from regard.metrics import Mean, mean_over
from regard.records.text import END, Links, Pair, Translation
from regard.search.request import Watch
from regard.translator import Translator

NUM_SENTENCES = 200
_BATCH_SIZE, _MOST_TOKENS = 16, 2048
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Faithfulness:
    """What was measured of one model's attention, and the verdict.

    `figures` holds a mean by (figure, column); `lab.faithful.sections` says what each is. `forced` says what
    the model was made to write: references, or its own translations. `num_left_out` sentences of the sample
    were empty on a side. `probes` are the sentences themselves.
    """

    figures: dict[tuple[str, str], Mean]
    verdict: Verdict
    forced: str
    num_tokens: int
    num_left_out: int
    probes: tuple[Probe, ...] = field(repr=False)

    def worst(self, number: int) -> list[Probe]:
        """Sentences where the words looked at most and those that matter most differ most often."""
        wrong = [probe for probe in self.probes if disagreement(probe) > 0]
        return sorted(wrong, key=lambda one: (-disagreement(one), one.number))[:number]

    def as_json(self) -> dict[str, Any]:
        """All figures and the verdict, without the sentences."""
        figures: dict[str, dict[str, Any]] = {}
        for (name, column), mean in self.figures.items():
            figures.setdefault(name, {})[column] = asdict(mean)
        return {
            "num_sentences": len(self.probes),
            "num_tokens": self.num_tokens,
            "num_left_out": self.num_left_out,
            "forced": self.forced,
            "figures": figures,
            "verdict": asdict(self.verdict),
        }


def faithfulness(
    system: System,
    test_set: TestSet,
    *,
    sentences: int = NUM_SENTENCES,
    seed: int = 1,
    bootstrap: int = BOOTSTRAP,
    watch: Watch | None = None,
) -> Faithfulness:
    """Measure on a sample of sentences whether the weights of attention show what moves the output.

    The model is forced through the target of each pair, or where that is empty through its own translation. At each
    output token its weights are compared with leave-one-out and gradient × input, and replaced by permuted and by
    uniform ones; where all pairs have gold links, links are compared too. `sentences` are drawn from the test set by
    `seed`; `bootstrap` is the number of samples behind each interval, 0 for none. `watch` hears of every sentence.
    Source: Jain & Wallace 2019 (Attention is not explanation); Wiegreffe & Pinter 2019 (Attention is not not
    explanation). Raises SearchError for a model that does not attend, ConfigError for numbers that cannot be,
    DataError where no sentence is left.
    """
    if sentences < 1:
        raise ConfigError(f"sentences: expected a number from 1 on, got {sentences}")
    if bootstrap < 0:
        raise ConfigError(f"bootstrap: expected a number of samples from 0 on, got {bootstrap}")
    translator = attentive(system)
    given = list(enumerate(pairs_of(test_set, [system]), start=1))
    chosen = np.random.default_rng(seed).permutation(len(given))[:sentences]
    sample = [given[place] for place in sorted(chosen.tolist())]
    filled = [(number, pair) for number, pair in sample if pair.source.strip()]
    pairs = _with_targets(translator, [pair for _, pair in filled])
    found = _sentences(translator, [number for number, _ in filled], pairs)
    if not found:
        raise DataError("no sentence has words on both sides; check that the files are those that were meant")
    if watch is not None and len(found) < len(sample):
        watch(len(sample) - len(found))
    probes = []
    for rows in sorted_batches(
        [len(one.source) + len(one.target) for one in found], _BATCH_SIZE, _MOST_TOKENS
    ):
        for probe in _probe(translator, [found[row] for row in rows], seed):
            probes.append(probe)
            if watch is not None:
                watch(1)
    probes.sort(key=lambda probe: probe.number)
    counted = [count(probe) for probe in probes]
    figures = {
        key: mean
        for key in dict.fromkeys(key for sums in counted for key in sums)
        if (mean := mean_over([sums.get(key, (0.0, 0.0)) for sums in counted], bootstrap)) is not None
    }
    return Faithfulness(
        figures,
        judge(figures),
        _forced([pair for _, pair in filled]),
        sum(len(probe.weights) for probe in probes),
        len(sample) - len(probes),
        tuple(probes),
    )


def attentive(system: System) -> Translator:
    """The one model of a system. Raises SearchError, saying why, where there is no attention to be believed."""
    translator = open_system(system)
    if not isinstance(translator, Translator):
        raise SearchError(
            f"{system}: a file of translations; only a model folder has attention to be measured"
        )
    if len(translator.models) > 1:
        raise SearchError(
            f"faithfulness: is measured of one model, and this is an ensemble of {len(translator.models)}"
        )
    attention = translator.model.decoder.attention
    if attention is None or isinstance(attention.score, NoScore):
        raise SearchError(
            "faithfulness: this model has no attention that could explain anything: it knows the sentence by one "
            "fixed vector; choose a model with a score function"
        )
    return translator


def _with_targets(translator: Translator, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, with the model's own translations where they have none."""
    missing = [row for row, pair in enumerate(pairs) if not pair.target.strip()]
    found = translator.translate([pairs[row].source for row in missing])
    written = dict(zip(missing, (one.text for one in found), strict=True))
    return [replace(pair, target=written.get(row, pair.target)) for row, pair in enumerate(pairs)]


def _forced(pairs: Sequence[Pair]) -> str:
    """What the model is made to write, in words."""
    given = [bool(pair.target.strip()) for pair in pairs]
    if all(given):
        return "references"
    return "references and its own translations" if any(given) else "its own translations"


@dataclass(frozen=True)
class _Sentence:
    """A sentence as it is measured: its number in the test set, its gold links, both sides as tokens and as ids."""

    number: int
    links: Links | None
    forced: Translation
    source: Ids
    target: Ids


def _sentences(translator: Translator, numbers: Sequence[int], pairs: Sequence[Pair]) -> list[_Sentence]:
    """Those with words on both sides, forced through their targets."""
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    forced = translator.align(sources, targets)
    linked = all(pair.links is not None for pair in pairs)
    return [
        _Sentence(number, pair.links if linked else None, one, (*source, END), (*target, END))
        for number, pair, one, source, target in zip(
            numbers,
            pairs,
            forced,
            translator.tokenisers.source.encode_batch(sources),
            translator.tokenisers.target.encode_batch(targets),
            strict=True,
        )
        if one.words.texts and one.source_words.texts
    ]


def _probe(translator: Translator, sentences: Sequence[_Sentence], seed: int) -> Iterator[Probe]:
    """Everything measured on a batch."""
    model = translator.model
    batch = pair_batch(
        [one.source for one in sentences], [one.target for one in sentences], translator.device
    )
    gradients = gradient_times_input(model, batch).double().cpu().numpy()
    disturbed = {name: tensor.cpu().numpy() for name, tensor in vars(disturb(model, batch, seed)).items()}
    for row, one in enumerate(sentences):
        units, last = source_units(one.forced), len(one.target) - 1  # the step that writes </s> is left out
        assert one.forced.attention is not None
        attention = one.forced.attention[:last].astype(np.float64)
        erased = leave_one_out(model, one.source, one.target, units.places)[:last]
        gradient = gradients[row, :last, : len(one.source)]
        yield Probe(
            number=one.number,
            forced=one.forced,
            units=units,
            attention=attention,
            weights=word_attention(attention, units.places, range(last)),
            erased=sized(erased),
            gradient=sized(word_attention(gradient, units.places, range(last))),
            disturbed={name: values[row, :last] for name, values in disturbed.items()},
            links=one.links,
        )
