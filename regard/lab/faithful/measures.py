"""The figures of one sentence: attention compared with attributions, and both with baselines.

Every figure is a sum over the output tokens of a sentence with their number, so that sentences can be added up.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.alignment import diagonal, links_from_attention
from regard.lab.evaluation import word_links
from regard.metrics import kendall_tau, same_top
from regard.records.text import Links, Translation, Words

Matrix = NDArray[np.float64]
Sums = dict[tuple[str, str], tuple[float, float]]  # (figure, column) -> (sum, count)

NEGLIGIBLE = 1e-4  # nats: the precision of float32; smaller changes count as 0
DECISIVE = 0.1  # nats: a change from which a word is said to matter to an output token


@dataclass(frozen=True)
class Probe:
    """One sentence and what was measured on its T output tokens, without `</s>`, and its n source units.

    `forced` is the translation the model was forced to output. `units` are the units that were erased
    (`explain.source_units`). `attention` (T, S) is over tokens including the end, `weights` (T, n) over units without
    it; `erased` and `gradient` (T, n) are the sizes of the changes in nats. `perturbed` (T,) holds the fields of
    `Perturbation` by name.
    """

    number: int
    forced: Translation
    units: Words
    attention: Matrix
    weights: Matrix
    erased: Matrix
    gradient: Matrix
    perturbed: Mapping[str, Matrix]
    links: Links | None = None

    @property
    def matrix(self) -> Matrix:
        """The weights as reports show them: a column for each unit, the end last, (T, n + 1)."""
        return np.concatenate([self.weights, self.attention[:, -1:]], axis=1)

    @property
    def decisive(self) -> NDArray[np.bool_]:
        """Whether some source unit matters to each output token: (T,)."""
        matters: NDArray[np.bool_] = self.erased.max(axis=1) >= DECISIVE
        return matters


def effect_sizes(changes: Matrix) -> Matrix:
    """Return the sizes of changes in nats, 0 for those that may be rounding errors."""
    sizes = np.abs(changes)
    return np.where(sizes < NEGLIGIBLE, 0.0, sizes)


def diagonal_weights(num_rows: int, num_columns: int) -> Matrix:
    """Return a baseline that knows only lengths: the nearer to the diagonal, the larger, (T, n)."""
    rows = (np.arange(num_rows) + 0.5) / num_rows
    columns = (np.arange(num_columns) + 0.5) / num_columns
    return -np.abs(rows[:, None] - columns)


def sentence_sums(probe: Probe) -> Sums:
    """Return every figure of a sentence, by its name and column."""
    return {**_perturbation(probe), **_agreement(probe), **_focus(probe), **_links(probe)}


def disagreement(probe: Probe) -> float:
    """Count the output tokens where some word matters, and the one that matters most is not attended to most."""
    return float(probe.decisive.sum() - same_top(probe.weights, probe.erased)[probe.decisive].sum())


def _perturbation(probe: Probe) -> Sums:
    perturbed = probe.perturbed
    fields = {
        ("distance", "permuted"): "permuted_distance",
        ("distance", "uniform"): "uniform_distance",
        ("change", "permuted"): "permuted_change",
        ("change", "uniform"): "uniform_change",
        ("log_probability", "own"): "log_probability",
        ("log_probability", "uniform"): "uniform_log_probability",
        ("right", "own"): "right",
        ("right", "uniform"): "uniform_right",
    }
    sums = {key: _sum(perturbed[name]) for key, name in fields.items()}
    lost = perturbed["right"] - perturbed["uniform_right"]
    return {**sums, ("lost", "uniform"): _sum(lost)}


def _agreement(probe: Probe) -> Sums:
    """Measure how attention, the diagonal and the other attribution agree with each attribution.

    A random order has τ 0 and the right top in one of n cases, on average. Sentences of one unit have no order.
    """
    rows, num_units = probe.weights.shape
    decisive = probe.decisive
    sums: Sums = {("decisive", "attention"): _sum(decisive)}
    if num_units < 2:
        return sums
    straight = diagonal_weights(rows, num_units)
    for measure, truth, other in (
        ("erased", probe.erased, probe.gradient),
        ("gradient", probe.gradient, probe.erased),
    ):
        for column, guess in (("attention", probe.weights), ("diagonal", straight), ("other", other)):
            top = same_top(guess, truth)
            sums[f"tau_{measure}", column] = _sum(kendall_tau(guess, truth))
            sums[f"top_{measure}", column] = _sum(top)
            sums[f"decisive_top_{measure}", column] = _sum(top[decisive])
        sums[f"tau_{measure}", "random"] = (0.0, rows)
        sums[f"top_{measure}", "random"] = (rows / num_units, rows)
        sums[f"decisive_top_{measure}", "random"] = (decisive.sum() / num_units, int(decisive.sum()))
    return sums


def _focus(probe: Probe) -> Sums:
    """Measure what the weights focus on, and how sharply, with a baseline of evenly spread weights."""
    rows, tokens = probe.attention.shape
    num_units = probe.weights.shape[1]
    punctuation = [unit for unit, text in enumerate(probe.units.texts) if is_punctuation(text)]
    num_punctuation = sum(unit in punctuation for unit in probe.units.word_of_token)
    entropy = -(probe.attention * np.log(np.where(probe.attention > 0, probe.attention, 1))).sum(axis=1)
    sums: Sums = {
        ("end", "attention"): _sum(probe.attention[:, -1]),
        ("end", "even"): (rows / tokens, rows),
        ("punctuation", "attention"): _sum(probe.weights[:, punctuation].sum(axis=1)),
        ("punctuation", "even"): (rows * num_punctuation / tokens, rows),
        ("entropy", "attention"): _sum(entropy),
        ("entropy", "even"): (rows * math.log(tokens), rows),
        ("spread", "attention"): _sum(np.exp(entropy)),
        ("spread", "even"): (rows * tokens, rows),
    }
    matrix = probe.matrix
    tops = matrix == matrix.max(axis=1, keepdims=True)
    sums["at_word", "attention"] = _sum(1 - tops[:, -1] / tops.sum(axis=1))  # ties count by their share
    sums["at_word", "random"] = (rows * num_units / (num_units + 1), rows)
    monotone = _monotone(probe.weights)
    sums["monotone", "attention"] = _sum(monotone)
    sums["monotone", "random"] = (len(monotone) * (num_units + 1) / (2 * num_units), len(monotone))
    sums["monotone", "diagonal"] = _sum(_monotone(diagonal_weights(rows, num_units)))
    return sums


def _links(probe: Probe) -> Sums:
    """Measure the alignment error rate of each measure's links, if gold links are known."""
    gold = probe.links
    if gold is None:
        return {}
    rows = len(probe.weights)
    target_words = probe.forced.words.word_of_token[:rows]
    unit_words = _words_of_units(probe)
    source, target = len(probe.forced.source_words.texts), len(probe.forced.words.texts)
    found = {
        "attention": word_links(probe.forced),
        "erased": links_from_attention(probe.erased, unit_words, target_words),
        "gradient": links_from_attention(probe.gradient, unit_words, target_words),
        "diagonal": diagonal(source, target),
    }
    sums = {("aer", column): _alignment_errors(links, gold) for column, links in found.items()}
    # expected, if each target word is linked to a random source word
    hits = (len(gold.sure) + len(gold.possible)) / max(source, 1)
    total = target + len(gold.sure)
    return {**sums, ("aer", "random"): (total - hits, total)}


def is_punctuation(text: str) -> bool:
    """Return whether a text consists of punctuation marks only."""
    return bool(text) and all(unicodedata.category(character).startswith("P") for character in text)


def _words_of_units(probe: Probe) -> list[int]:
    words = dict(zip(probe.units.word_of_token, probe.forced.source_words.word_of_token, strict=True))
    return [words[unit] for unit in range(len(probe.units.texts))]


def _alignment_errors(found: Links, gold: Links) -> tuple[float, float]:
    total = len(found.sure) + len(gold.sure)
    return total - len(found.sure & gold.sure) - len(found.sure & gold.possible), total


def _monotone(rows: Matrix) -> NDArray[np.bool_]:
    """Return whether the largest column of each row is not before that of the row above: (T − 1,)."""
    monotone: NDArray[np.bool_] = np.diff(rows.argmax(axis=1)) >= 0
    return monotone


def _sum(values: Matrix | NDArray[np.bool_]) -> tuple[float, float]:
    return float(values.sum()), len(values)
