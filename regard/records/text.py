"""The nouns that hold text, numbers and arrays: rooms that only read and write text need no torch for them."""

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
    """Which source word goes with which target word: (source, target) positions of words, from zero.

    `possible` holds the sure links too, as in Och & Ney 2003, section 4: S is a subset of P.
    """

    sure: frozenset[tuple[int, int]] = frozenset()
    possible: frozenset[tuple[int, int]] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sure", frozenset(self.sure))
        object.__setattr__(self, "possible", frozenset(self.possible) | self.sure)


@dataclass(frozen=True)
class Pair:
    """A sentence with its translation, as text; words are separated by single spaces where links are given."""

    source: str
    target: str
    links: Links | None = None


@dataclass(frozen=True)
class Run:
    """What a search wrote in one go: tokens, the log-probability of each in nats, and what each step attended to."""

    ids: list[int]
    log_probabilities: list[float]
    attention: Float[np.ndarray, "T S"] | None


@dataclass(frozen=True)
class Hypothesis:
    """One finished output of a search: ids with END where it was reached, and what each step attended to.

    `log_probabilities` are those of the tokens in nats, `log_probability` their sum, `score` what the search
    ranks by; attention (T, S) is None for a decoder without.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float
    attention: np.ndarray | None
    log_probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """Source and target column of a table, and the column of features, as in the recipe's `data` section."""

    columns: tuple[str | int, ...] = ()
    features: str | int = ""


@dataclass(frozen=True)
class Words:
    """The words of a sentence, and for each of its tokens the word it belongs to; -1 for none, as `</s>`."""

    texts: tuple[str, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class Display:
    """How a record shows itself: `html` for a notebook, None if it cannot; `terminal` as a rich renderable."""

    html: Callable[[Any], str | None]
    terminal: Callable[[Any], Any]


class Displayed:
    """A record that shows itself in a notebook (`_repr_html_`) and on a rich console (`__rich__`).

    Records know no renderer: the room `explain` teaches them with `show_as` when it is imported, and the
    package sees to that when a model is loaded. Untaught, a record is shown by its repr.
    """

    _display: ClassVar[Display | None] = None

    @classmethod
    def show_as(cls, display: Display) -> None:
        """From now on records of this class are shown so."""
        cls._display = display

    def _repr_html_(self) -> str | None:
        return None if self._display is None else self._display.html(self)

    def __rich__(self) -> Any:
        return repr(self) if self._display is None else self._display.terminal(self)


@dataclass(frozen=True)
class Translation(Displayed):
    """A translated sentence: text out, and everything needed to see how it came about.

    `tokens` and `source_tokens` end in `</s>`; attention (T, S) has a row per token, a column per source token.
    `log_probabilities` are those of the tokens in nats, `log_probability` their sum. `alternatives` are the rest of
    the n-best; `words` and `source_words` say which words the tokens make up; `missing_terms` are the glossary's
    terms that should be in the text and are not. `sentences` are the translations that one of several sentences was
    joined from, each token and weight of which it has too.
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
    """How probable a model finds a known translation: its tokens with `</s>`, the log-probability of each in nats."""

    source: str
    target: str
    tokens: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """Of the whole translation."""
        return math.fsum(self.log_probabilities)

    @property
    def per_token(self) -> float:
        """The mean log-probability of a token; nan where there is none."""
        return self.log_probability / len(self.tokens) if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """exp(-per_token): among how many equally likely tokens the model chose, on average."""
        return math.inf if self.per_token < -700 else math.exp(-self.per_token)


@dataclass(frozen=True)
class StreamedToken:
    """A token as soon as it is certain, with its log-probability in nats, its weights (S,), and the text up to it."""

    token: str
    log_probability: float
    weights: np.ndarray | None
    text: str


@dataclass(frozen=True)
class Candidate:
    """A word the decoder could have said next, with its probability."""

    token: str
    probability: float


@dataclass(frozen=True)
class Attend:
    """An intervention: while output token `step` (from 0) is written, look only at these source tokens, evenly."""

    step: int
    to: int | Sequence[int]

    def __post_init__(self) -> None:
        if not isinstance(self.to, int):
            object.__setattr__(self, "to", tuple(map(int, self.to)))


@dataclass(frozen=True)
class Weights:
    """An intervention: while output token `step` is written, look by this row; it is scaled to sum to 1.

    `row` has a number from 0 on for every source token, end-of-sentence counted: (S,).
    """

    step: int
    row: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", tuple(map(float, self.row)))


@dataclass(frozen=True)
class Force:
    """An intervention: write this as output token `step`, whatever the model would have written."""

    step: int
    token: str


Intervention = Attend | Weights | Force


@dataclass(frozen=True)
class TraceStep:
    """Steps 1 to 5 of one output word: query (Q,), scores (S,), weights (S,), context (M,), best candidates.

    `id` is the token's in the target vocabulary. `alignment` (S, M), every encoder state times its weight, is there
    only when asked for. Without attention `query`, `scores`, `weights` and `context` are None. `intervention` says
    what was changed from outside at this step: attend, weights, force, attend+force or weights+force.
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
    """One continuation that a search considered: its token, and the node it continues (-1: the start symbol).

    `log_probability` is that of the whole beginning in nats, `score` what the search ranks such a beginning by.
    `kept`: it got a slot; `finished`: nothing comes after it, as it is `</s>`; `best`: it is on the path returned.
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
    """All that a search with so many slots considered: for each slot its best continuations, kept or dropped.

    A node's `id` is its place in `nodes`, parents stand before children. Greedy search has one slot.
    """

    beam: int
    nodes: tuple[BeamNode, ...]


@dataclass(frozen=True)
class Trace(Displayed):
    """Everything shown for one sentence: the translation, the encoder states (S, M), and each output step.

    The translation's weights and log-probabilities are those of the steps; all arrays are float32. `description`
    says how the model is built, as `Translator.describe` does. `states` is None where they were left out, `beam`
    where nothing was searched for.
    """

    translation: Translation
    states: np.ndarray | None
    steps: tuple[TraceStep, ...]
    description: Mapping[str, str | int | bool | None]
    beam: BeamTree | None = None
