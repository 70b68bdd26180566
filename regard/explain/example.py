"""A worked example small enough for paper: a decoder state of three numbers attends to four encoder states.

Everything is computed in float64 with NumPy from the formulas of the papers, without any code of the models: a
second, obvious implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DECODER_HIDDEN = (10.0, 5.0, 10.0)
ENCODER_HIDDEN = ((0.0, 1.0, 1.0), (5.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.0, 5.0, 1.0))

GENERAL_W = ((1.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 1.0))
LOCATION_W = ((0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.0, 0.4, 0.0), (0.0, 0.0, 0.1))
SHARPNESS = 1.0
_ADDITIVE = "W = U = the identity, v = [1, 1, 1]"
_LOCATION = "W = [[0, 0, 0], [0.1, 0, 0], [0, 0.4, 0], [0, 0, 0.1]], a row for each position"
_GENERAL = "W = [[1, 0, 0], [0, 3, 0], [0, 0, 1]], so the middle component counts three times"

NEXT_STEP: Mapping[str, str] = {
    "bahdanau": (
        "the query was the decoder's previous state. The context is concatenated with the embedding of the "
        "previous word; both enter the decoder cell, and the new state predicts the next word (Bahdanau et al. 2015)."
    ),
    "luong": (
        "the query was the decoder's new state. Context and state together go through tanh(W [context; state]), "
        "and the result predicts the next word; with input feeding it also enters the next step "
        "(Luong et al. 2015)."
    ),
    "gnmt": (
        "the query was the state of the decoder's bottom layer. The context is fed to every layer of the "
        "decoder, and the top layer predicts the next word (Wu et al. 2016)."
    ),
}


@dataclass(frozen=True)
class WorkedExample:
    """One query and S encoder states of width M, with the results of steps 1 to 4.

    query (M,), values (S, M); scores (S,) = values · query; weights (S,) = softmax of the scores;
    alignment (S, M) = weight × value; context (M,) = the sum of the alignment vectors. Tables round to `decimals`.
    """

    title: str
    decimals: int
    query: np.ndarray
    values: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    alignment: np.ndarray
    context: np.ndarray


@dataclass(frozen=True)
class ExampleScore:
    """The example under one score function: formula, source, parameters chosen by hand, scores (S,), weights (S,)."""

    name: str
    formula: str
    source: str
    parameters: str
    scores: np.ndarray
    weights: np.ndarray


def worked_example() -> WorkedExample:
    """Return the example with dot scores 15, 60, 15, 35: the softmax puts nearly all weight on the second state."""
    return _attend("large states, one winner", 0, DECODER_HIDDEN)


def softer_example() -> WorkedExample:
    """Return the example with a decoder state 25 times smaller, so that every encoder state gets some weight.

    The scores become 0.6, 2.4, 0.6, 1.4. A softmax with temperature 25 would give the same weights.
    """
    return _attend("the decoder state 25 times smaller, soft weights", 4, (0.4, 0.2, 0.4))


def example_scores(query: np.ndarray, values: np.ndarray) -> tuple[ExampleScore, ...]:
    """Score the states of the example, values (4, 3), against the query (3,) with every score function.

    In the formulas q is the query and k a state. W, U, v and the sharpness β would be learnt; here they are chosen by
    hand: for `additive` W = U = the identity and v = ones, for `general` W = the identity with 3 in its middle, for
    `location` a row of W for each of the four positions.
    """
    dot = values @ query
    cosine = dot / (np.linalg.norm(values, axis=1) * np.linalg.norm(query))
    additive = np.tanh(query + values).sum(axis=1)
    location = np.array(LOCATION_W) @ query
    general = values @ np.array(GENERAL_W).T @ query
    luong = "Luong 2015, sec. 3.1"
    return (
        _score(
            "cosine",
            "β cos(q, k)",
            "Graves 2014, eq. 5–6",
            f"sharpness β = {SHARPNESS:g}",
            SHARPNESS * cosine,
        ),
        _score("additive", "v · tanh(W q + U k)", "Bahdanau 2015, A.1.2", _ADDITIVE, additive),
        _score("location", "(W q)_s", "Luong 2015, eq. 8", _LOCATION, location),
        _score("general", "q · W k", luong, _GENERAL, general),
        _score("dot", "q · k", luong, "", dot),
        _score("scaled_dot", "q · k / √K", "Vaswani 2017, eq. 1", "", dot / np.sqrt(len(query))),
        _score("uniform", "0", "a control", "", np.zeros(len(values))),
    )


def _score(name: str, formula: str, source: str, parameters: str, scores: np.ndarray) -> ExampleScore:
    return ExampleScore(name, formula, source, parameters, scores, _softmax(scores))


def _attend(title: str, decimals: int, hidden: tuple[float, ...]) -> WorkedExample:
    query, values = np.array(hidden), np.array(ENCODER_HIDDEN)
    scores = values @ query
    weights = _softmax(scores)
    alignment = weights[:, None] * values
    return WorkedExample(title, decimals, query, values, scores, weights, alignment, alignment.sum(axis=0))


def _softmax(scores: np.ndarray) -> np.ndarray:
    """e^score over the sum of these; subtracting the largest score first only prevents overflow."""
    exponentials = np.exp(scores - scores.max())
    weights: np.ndarray = exponentials / exponentials.sum()
    return weights
