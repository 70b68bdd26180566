"""What is counted on one sentence: attention beside what moves the output, and both beside guesses.

Every figure is a sum over a sentence's output tokens with how many they were, so that sentences can be added up.
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

NOTHING = 1e-4  # nats: what float32 promises; smaller changes count as none
DECISIVE = 0.1  # nats: from here on a word is said to matter to an output token


@dataclass(frozen=True)
class Probe:
    """One sentence and what was measured on its T output tokens, `</s>` left out, and its n source units.

    `forced` is the translation the model was made to write. `units` says what was erased, word by word
    (`explain. source_units`). `attention` (T, S) is over tokens with the end, `weights` (T, n) over units
    without it; `erased` and `gradient` (T, n) are the sizes of the changes in nats. `disturbed` (T,) holds the
    fields of `Disturbed` by name.
    """

    number: int
    forced: Translation
    units: Words
    attention: Matrix
    weights: Matrix
    erased: Matrix
    gradient: Matrix
    disturbed: Mapping[str, Matrix]
    links: Links | None = None

    @property
    def matrix(self) -> Matrix:
        """The weights as people see them: a column for each unit, the end last, (T, n + 1)."""
        return np.concatenate([self.weights, self.attention[:, -1:]], axis=1)

    @property
    def decisive(self) -> NDArray[np.bool_]:
        """Which output tokens some source unit matters to: (T,)."""
        matters: NDArray[np.bool_] = self.erased.max(axis=1) >= DECISIVE
        return matters


def sized(changes: Matrix) -> Matrix:
    """The sizes of changes in nats; 0 for what rounding alone may make."""
    sizes = np.abs(changes)
    return np.where(sizes < NOTHING, 0.0, sizes)


def diagonal_weights(num_rows: int, num_columns: int) -> Matrix:
    """What knows only lengths: the nearer a column's height is to the row's, the larger, (T, n)."""
    rows = (np.arange(num_rows) + 0.5) / num_rows
    columns = (np.arange(num_columns) + 0.5) / num_columns
    return -np.abs(rows[:, None] - columns)


def count(probe: Probe) -> Sums:
    """Every figure of a sentence, by its name and the column it stands in."""
    return {**_effects(probe), **_agreement(probe), **_places(probe), **_links(probe)}


def disagreement(probe: Probe) -> float:
    """How many decisive output tokens have a word that matters most and was not looked at most."""
    return float(probe.decisive.sum() - same_top(probe.weights, probe.erased)[probe.decisive].sum())


def _effects(probe: Probe) -> Sums:
    found = probe.disturbed
    pairs = {
        ("distance", "permuted"): "permuted_distance",
        ("distance", "uniform"): "uniform_distance",
        ("change", "permuted"): "permuted_change",
        ("change", "uniform"): "uniform_change",
        ("log_probability", "own"): "log_probability",
        ("log_probability", "uniform"): "uniform_log_probability",
        ("right", "own"): "right",
        ("right", "uniform"): "uniform_right",
    }
    sums = {key: _sum(found[name]) for key, name in pairs.items()}
    lost = found["right"] - found["uniform_right"]
    return {**sums, ("lost", "uniform"): _sum(lost)}


def _agreement(probe: Probe) -> Sums:
    """Whether attention, the diagonal and the other measure agree with each measure of what moves the output.

    A random order has τ 0 and the right top once in n times, on average. Sentences of one unit have no order.
    """
    rows, number = probe.weights.shape
    decisive = probe.decisive
    sums: Sums = {("decisive", "attention"): _sum(decisive)}
    if number < 2:
        return sums
    straight = diagonal_weights(rows, number)
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
        sums[f"top_{measure}", "random"] = (rows / number, rows)
        sums[f"decisive_top_{measure}", "random"] = (decisive.sum() / number, int(decisive.sum()))
    return sums


def _places(probe: Probe) -> Sums:
    """Where the weight goes, beside where it would go were it spread evenly."""
    rows, tokens = probe.attention.shape
    number = probe.weights.shape[1]
    points = [place for place, text in enumerate(probe.units.texts) if is_punctuation(text)]
    tokens_of_points = sum(place in points for place in probe.units.word_of_token)
    entropy = -(probe.attention * np.log(np.where(probe.attention > 0, probe.attention, 1))).sum(axis=1)
    sums: Sums = {
        ("end", "attention"): _sum(probe.attention[:, -1]),
        ("end", "even"): (rows / tokens, rows),
        ("punctuation", "attention"): _sum(probe.weights[:, points].sum(axis=1)),
        ("punctuation", "even"): (rows * tokens_of_points / tokens, rows),
        ("entropy", "attention"): _sum(entropy),
        ("entropy", "even"): (rows * math.log(tokens), rows),
        ("spread", "attention"): _sum(np.exp(entropy)),
        ("spread", "even"): (rows * tokens, rows),
    }
    shown = probe.matrix
    tops = shown == shown.max(axis=1, keepdims=True)
    sums["at_word", "attention"] = _sum(1 - tops[:, -1] / tops.sum(axis=1))  # of ties each is as likely
    sums["at_word", "random"] = (rows * number / (number + 1), rows)
    onwards = _monotone(probe.weights)
    sums["monotone", "attention"] = _sum(onwards)
    sums["monotone", "random"] = (len(onwards) * (number + 1) / (2 * number), len(onwards))
    sums["monotone", "diagonal"] = _sum(_monotone(diagonal_weights(rows, number)))
    return sums


def _links(probe: Probe) -> Sums:
    """The alignment error rate of each measure's links, where gold links are known; see `alignment_error_rate`."""
    gold = probe.links
    if gold is None:
        return {}
    rows = len(probe.weights)
    target_places = probe.forced.words.word_of_token[:rows]
    unit_words = _words_of_units(probe)
    source, target = len(probe.forced.source_words.texts), len(probe.forced.words.texts)
    found = {
        "attention": word_links(probe.forced),
        "erased": links_from_attention(probe.erased, unit_words, target_places),
        "gradient": links_from_attention(probe.gradient, unit_words, target_places),
        "diagonal": diagonal(source, target),
    }
    sums = {("aer", column): _alignment_errors(links, gold) for column, links in found.items()}
    hits = (len(gold.sure) + len(gold.possible)) / max(
        source, 1
    )  # of a random source word for each target word
    number = target + len(gold.sure)
    return {**sums, ("aer", "random"): (number - hits, number)}


def is_punctuation(text: str) -> bool:
    """Whether a text is nothing but punctuation marks."""
    return bool(text) and all(unicodedata.category(character).startswith("P") for character in text)


def _words_of_units(probe: Probe) -> list[int]:
    words = dict(zip(probe.units.word_of_token, probe.forced.source_words.word_of_token, strict=True))
    return [words[unit] for unit in range(len(probe.units.texts))]


def _alignment_errors(found: Links, gold: Links) -> tuple[float, float]:
    number = len(found.sure) + len(gold.sure)
    return number - len(found.sure & gold.sure) - len(found.sure & gold.possible), number


def _monotone(rows: Matrix) -> NDArray[np.bool_]:
    """Whether each row's largest column is not before that of the row above: (T − 1,)."""
    onwards: NDArray[np.bool_] = np.diff(rows.argmax(axis=1)) >= 0
    return onwards


def _sum(values: Matrix | NDArray[np.bool_]) -> tuple[float, float]:
    return float(values.sum()), len(values)
