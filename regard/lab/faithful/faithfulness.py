"""Measure over a corpus whether attention explains a model."""

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
from regard.lab.evaluate import BOOTSTRAP
from regard.lab.faithful.attribution import gradient_times_input, leave_one_out, pair_batch
from regard.lab.faithful.measures import Probe, disagreement, effect_sizes, sentence_sums
from regard.lab.faithful.perturbation import perturb
from regard.lab.faithful.verdict import Verdict, judge
from regard.lab.systems import System, open_system
from regard.lab.test_sets import TestSet, sentence_pairs
from regard.metrics import Mean, mean_over
from regard.records.search_options import ProgressCallback
from regard.records.text import END, Links, Pair, Translation
from regard.translator import Translator

NUM_SENTENCES = 200
_BATCH_SIZE, _MAX_TOKENS = 16, 2048
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Faithfulness:
    """What was measured of one model's attention, and the verdict.

    `figures` holds a mean for each (figure, column); `lab.faithful.sections` explains each. `forced` says what the
    model was forced to output: references, or its own translations. `num_left_out` sentences of the sample were empty
    on one side. `probes` are the sentences themselves.
    """

    figures: dict[tuple[str, str], Mean]
    verdict: Verdict
    forced: str
    num_tokens: int
    num_left_out: int
    probes: tuple[Probe, ...] = field(repr=False)

    def worst(self, number: int) -> list[Probe]:
        """Return the sentences where the word attended to most and the one that matters most differ most often."""
        wrong = [probe for probe in self.probes if disagreement(probe) > 0]
        return sorted(wrong, key=lambda probe: (-disagreement(probe), probe.number))[:number]

    def as_json(self) -> dict[str, Any]:
        """Return all figures and the verdict, without the sentences."""
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
    watch: ProgressCallback | None = None,
) -> Faithfulness:
    """Measure on a sample of sentences whether attention weights show what changes the output.

    The model is forced through the target of each pair, or through its own translation if the target is empty. At
    each output token its weights are compared with leave-one-out and gradient × input, and replaced by permuted and
    by uniform ones; if all pairs have gold links, alignments are compared too. `seed` draws that many `sentences`
    from the test set; `bootstrap` is the number of samples behind each interval, 0 for none. `watch` is called with
    1 for every sentence. Source: Jain & Wallace 2019 (Attention is not explanation); Wiegreffe & Pinter 2019
    (Attention is not not explanation). Raises SearchError for a model without attention, ConfigError for numbers out
    of range, DataError if no sentence is left.
    """
    if sentences < 1:
        raise ConfigError(f"sentences: expected a number from 1 on, got {sentences}")
    if bootstrap < 0:
        raise ConfigError(f"bootstrap: expected a number of samples from 0 on, got {bootstrap}")
    translator = open_attentive(system)
    sample = _sample(sentence_pairs(test_set, [system]), sentences, seed)
    filled = [(number, pair) for number, pair in sample if pair.source.strip()]
    pairs = _with_targets(translator, [pair for _, pair in filled])
    measured = _sentences(translator, [number for number, _ in filled], pairs)
    if not measured:
        raise DataError("expected sentences with words on both sides, got none; check the files")
    if watch is not None and len(measured) < len(sample):
        watch(len(sample) - len(measured))
    probes = []
    for probe in _probes(translator, measured, seed):
        probes.append(probe)
        if watch is not None:
            watch(1)
    probes.sort(key=lambda probe: probe.number)
    figures = _means(probes, bootstrap)
    return Faithfulness(
        figures,
        judge(figures),
        _forced([pair for _, pair in filled]),
        sum(len(probe.weights) for probe in probes),
        len(sample) - len(probes),
        tuple(probes),
    )


def open_attentive(system: System) -> Translator:
    """Return the model of a system. Raises SearchError, saying why, if it is not a single model with attention."""
    translator = open_system(system)
    if not isinstance(translator, Translator):
        raise SearchError(
            f"{system}: expected a model, got a file of translations; only a model has attention to measure"
        )
    if len(translator.models) > 1:
        raise SearchError(
            f"faithfulness: expected a single model, got an ensemble of {len(translator.models)}"
        )
    attention = translator.model.decoder.attention
    if attention is None or isinstance(attention.score, NoScore):
        raise SearchError(
            "faithfulness: this model has no attention that could explain anything: its decoder sees the sentence as "
            "one fixed vector; choose a model with a score function"
        )
    return translator


def _sample(pairs: Sequence[Pair], num_sentences: int, seed: int) -> list[tuple[int, Pair]]:
    """Draw pairs with their numbers, counted from 1, in order."""
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:num_sentences]
    return [(index + 1, pairs[index]) for index in sorted(drawn.tolist())]


def _with_targets(translator: Translator, pairs: Sequence[Pair]) -> list[Pair]:
    """Complete the pairs without a target by the model's own translations."""
    missing = [row for row, pair in enumerate(pairs) if not pair.target.strip()]
    translations = translator.translate([pairs[row].source for row in missing])
    texts = dict(zip(missing, (translation.text for translation in translations), strict=True))
    return [replace(pair, target=texts.get(row, pair.target)) for row, pair in enumerate(pairs)]


def _forced(pairs: Sequence[Pair]) -> str:
    """Say what the model is forced to output."""
    has_reference = [bool(pair.target.strip()) for pair in pairs]
    if all(has_reference):
        return "references"
    return "references and its own translations" if any(has_reference) else "its own translations"


@dataclass(frozen=True)
class _Sentence:
    """A sentence to measure: its number in the test set, its gold links, both sides as tokens and as ids."""

    number: int
    links: Links | None
    forced: Translation
    source: Ids
    target: Ids


def _sentences(translator: Translator, numbers: Sequence[int], pairs: Sequence[Pair]) -> list[_Sentence]:
    """Force the pairs through their targets, and return those with words on both sides."""
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    forced = translator.align(sources, targets)
    linked = all(pair.links is not None for pair in pairs)
    return [
        _Sentence(number, pair.links if linked else None, translation, (*source, END), (*target, END))
        for number, pair, translation, source, target in zip(
            numbers,
            pairs,
            forced,
            translator.tokenisers.source.encode_batch(sources),
            translator.tokenisers.target.encode_batch(targets),
            strict=True,
        )
        if translation.words.texts and translation.source_words.texts
    ]


def _probes(translator: Translator, sentences: Sequence[_Sentence], seed: int) -> Iterator[Probe]:
    """Measure all sentences, in batches of similar length."""
    lengths = [len(sentence.source) + len(sentence.target) for sentence in sentences]
    for rows in sorted_batches(lengths, _BATCH_SIZE, _MAX_TOKENS):
        yield from _probe_batch(translator, [sentences[row] for row in rows], seed)


def _probe_batch(translator: Translator, sentences: Sequence[_Sentence], seed: int) -> Iterator[Probe]:
    model = translator.model
    sources, targets = [each.source for each in sentences], [each.target for each in sentences]
    batch = pair_batch(sources, targets, translator.device)
    gradients = gradient_times_input(model, batch).double().cpu().numpy()
    perturbed = {name: tensor.cpu().numpy() for name, tensor in vars(perturb(model, batch, seed)).items()}
    for row, sentence in enumerate(sentences):
        units = source_units(sentence.forced)
        last = len(sentence.target) - 1  # without the step that outputs </s>
        assert sentence.forced.attention is not None
        attention = sentence.forced.attention[:last].astype(np.float64)
        erased = leave_one_out(model, sentence.source, sentence.target, units.word_of_token)[:last]
        gradient = gradients[row, :last, : len(sentence.source)]
        yield Probe(
            number=sentence.number,
            forced=sentence.forced,
            units=units,
            attention=attention,
            weights=word_attention(attention, units.word_of_token, range(last)),
            erased=effect_sizes(erased),
            gradient=effect_sizes(word_attention(gradient, units.word_of_token, range(last))),
            perturbed={name: values[row, :last] for name, values in perturbed.items()},
            links=sentence.links,
        )


def _means(probes: Sequence[Probe], bootstrap: int) -> dict[tuple[str, str], Mean]:
    """Average every figure over the sentences that have it."""
    sums = [sentence_sums(probe) for probe in probes]
    return {
        key: mean
        for key in dict.fromkeys(key for each in sums for key in each)
        if (mean := mean_over([each.get(key, (0.0, 0.0)) for each in sums], bootstrap)) is not None
    }
