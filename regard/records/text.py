"""Records of text, numbers and arrays, which need no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")
PAD, UNKNOWN, START, END = range(4)  # every vocabulary begins with these four, in this order
UNWRITABLE = (PAD, START)


@dataclass(frozen=True)
class Links:
    """A word alignment: (source, target) positions of words that correspond, from zero.

    `possible` includes the sure links, as in Och & Ney 2003, section 4: S is a subset of P.
    """

    sure: frozenset[tuple[int, int]] = frozenset()
    possible: frozenset[tuple[int, int]] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sure", frozenset(self.sure))
        object.__setattr__(self, "possible", frozenset(self.possible) | self.sure)


@dataclass(frozen=True)
class Pair:
    """A sentence with its translation, as text; with links, words are separated by single spaces."""

    source: str
    target: str
    links: Links | None = None


@dataclass(frozen=True)
class DecodedTokens:
    """Tokens that a search decoded in one call: ids, log-probabilities in nats, and attention (T, S)."""

    ids: list[int]
    log_probabilities: list[float]
    attention: Float[np.ndarray, "T S"] | None


@dataclass(frozen=True)
class Hypothesis:
    """One result of a search: token ids, the last of them END unless the output was cut off, and attention (T, S).

    `log_probabilities` are those of the tokens in nats, `log_probability` their sum, `score` the value that the
    search ranks by; `attention` is None for a decoder without attention.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float
    attention: np.ndarray | None
    log_probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """The source and target columns of a table, and its column of features, as in the recipe's `data` section."""

    columns: tuple[str | int, ...] = ()
    features: str | int = ""


@dataclass(frozen=True)
class Words:
    """The words of a sentence, and for each of its tokens the index of its word; -1 for none, as of `</s>`."""

    texts: tuple[str, ...] = ()
    word_of_token: tuple[int, ...] = ()


@dataclass(frozen=True)
class Display:
    """How a record is displayed: `html` in a notebook, or None; `terminal` as a rich renderable."""

    html: Callable[[Any], str | None]
    terminal: Callable[[Any], Any]


class Displayed:
    """A record that is displayed in a notebook (`_repr_html_`) and on a rich console (`__rich__`).

    Records know no renderer: the package `explain` registers one with `show_as` when it is imported, which importing
    `regard.load` does. Without a renderer a record is displayed as its repr.
    """

    _display: ClassVar[Display | None] = None

    @classmethod
    def show_as(cls, display: Display) -> None:
        """Display all records of this class in this way."""
        cls._display = display

    def _repr_html_(self) -> str | None:
        return None if self._display is None else self._display.html(self)

    def __rich__(self) -> Any:
        return repr(self) if self._display is None else self._display.terminal(self)


@dataclass(frozen=True)
class Translation(Displayed):
    """A translated sentence: its text, and everything needed to see how it came about.

    `tokens` and `source_tokens` end in `</s>`; attention (T, S) has a row per token, a column per source token.
    `log_probabilities` are those of the tokens in nats, `log_probability` their sum. `alternatives` are the rest of
    the n-best; `words` and `source_words` say which words the tokens make up; `missing_terms` are the glossary terms
    that should be in the text and are not. A translation of several sentences is joined from those in `sentences`; it
    has all their tokens and weights.
    """

    text: str
    log_probability: float
    score: float
    tokens: tuple[str, ...]
    attention: np.ndarray | None
    source: str
    source_tokens: tuple[str, ...]
    alternatives: tuple[Translation, ...] = ()
    words: Words = Words()
    source_words: Words = Words()
    log_probabilities: tuple[float, ...] = ()
    missing_terms: tuple[str, ...] = ()
    sentences: tuple[Translation, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A known translation scored by a model: its tokens with `</s>`, and the log-probability of each in nats."""

    source: str
    target: str
    tokens: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """The log-probability of the whole translation, in nats."""
        return math.fsum(self.log_probabilities)

    @property
    def per_token(self) -> float:
        """The mean log-probability of its tokens; nan if there are none."""
        return self.log_probability / len(self.tokens) if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """exp(-per_token): the number of equally likely tokens that would be as hard to predict, on average."""
        return math.inf if self.per_token < -700 else math.exp(-self.per_token)


@dataclass(frozen=True)
class StreamedToken:
    """A token reported during a search: log-probability in nats, attention weights (S,), and the text up to it."""

    token: str
    log_probability: float
    weights: np.ndarray | None
    text: str


@dataclass(frozen=True)
class Candidate:
    """A token that the decoder might have written next, with its probability."""

    token: str
    probability: float


@dataclass(frozen=True)
class Attend:
    """An intervention: for output token `step` (from 0), attend to these source tokens only, with equal weights."""

    step: int
    to: int | Sequence[int]

    def __post_init__(self) -> None:
        if not isinstance(self.to, int):
            object.__setattr__(self, "to", tuple(map(int, self.to)))


@dataclass(frozen=True)
class Weights:
    """An intervention: for output token `step`, attend with the weights `row` (S,), scaled to sum to 1.

    `row` has a weight of at least 0 for every source token, end-of-sentence included.
    """

    step: int
    row: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", tuple(map(float, self.row)))


@dataclass(frozen=True)
class Force:
    """An intervention: write `token` as output token `step`, whatever the model predicts."""

    step: int
    token: str


Intervention = Attend | Weights | Force


@dataclass(frozen=True)
class TraceStep:
    """Steps 1 to 5 of one output token: query (Q,), scores (S,), weights (S,), context (M,), best candidates.

    `id` is the token's index in the target vocabulary. `alignment` (S, M), every encoder state times its weight, is
    None unless requested. Without attention `query`, `scores`, `weights` and `context` are None. `intervention` names
    what was overridden at this step: attend, weights, force, attend+force or weights+force.
    """

    token: str
    id: int
    log_probability: float
    candidates: tuple[Candidate, ...]
    query: np.ndarray | None
    scores: np.ndarray | None
    weights: np.ndarray | None
    context: np.ndarray | None
    alignment: np.ndarray | None = None
    intervention: str | None = None


@dataclass(frozen=True)
class BeamNode:
    """One continuation that a search considered: its token, and the node that it continues (-1: the start symbol).

    `log_probability` is that of the hypothesis up to here in nats, `score` the value that the search ranks it by.
    `kept`: it got a slot of the beam; `finished`: it is `</s>`; `best`: it is part of the hypothesis returned.
    """

    id: int
    parent: int
    step: int
    token: str
    log_probability: float
    score: float
    kept: bool
    finished: bool
    best: bool


@dataclass(frozen=True)
class BeamTree:
    """What a search with a beam of size `beam` considered: the best continuations of each slot, kept or dropped.

    A node's `id` is its index in `nodes`; parents come before children. Greedy search has a beam of 1.
    """

    beam: int
    nodes: tuple[BeamNode, ...]


@dataclass(frozen=True)
class Trace(Displayed):
    """Everything that is shown for one sentence: the translation, the encoder states (S, M), and each output step.

    The translation's attention and log-probabilities are those of the steps; all arrays are float32. `description` is
    that of `Translator.describe`. `states` is None if they were left out, `beam` if there was no search.
    """

    translation: Translation
    states: np.ndarray | None
    steps: tuple[TraceStep, ...]
    description: Mapping[str, str | int | bool | None]
    beam: BeamTree | None = None
