"""The nouns that travel between the rooms.

The letters of every shape in this package:

    B  batch (sentences)          N  heads
    S  source positions           V  vocabulary
    T  target positions           M  memory width (encoder states)
    R  rows (B sentences times    K  key width
       the beam, while searching) Q  query width
    H  decoder width              A  attention width
    E  embedding width            L  layers

Everything is batch-major; T is kept as 1 when stepping. In a matrix of attention a row is a target word.
`valid` is True at a real token. End-of-sentence is a real token: it keeps its place and its label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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
class Batch:
    """Sentence pairs as ids, padded to the longest of each side.

    `source` (B, S) and `target` (B, T) both end in END before their padding; `target` is what must be
    predicted, `previous` what the decoder has seen when it predicts. `rows` (B,) are places in the corpus.
    The shape of a `fixed` batch stands for those of others, so that what is computed of it may not depend on what
    is padding, which may fill whole rows.
    """

    source: Int[Tensor, "B S"]
    source_valid: Bool[Tensor, "B S"]
    target: Int[Tensor, "B T"]
    target_valid: Bool[Tensor, "B T"]
    rows: Int[Tensor, " B"]
    fixed: bool = False

    @property
    def previous(self) -> Int[Tensor, "B T"]:
        """The target moved right by one, the start symbol before it: (B, T)."""
        start = torch.full_like(self.target[:, :1], START)
        return torch.cat([start, self.target[:, :-1]], dim=1)

    @property
    def num_tokens(self) -> int:
        """Target tokens with end-of-sentence and without padding."""
        return int(self.target_valid.sum())

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(
            self.source.to(device),
            self.source_valid.to(device),
            self.target.to(device),
            self.target_valid.to(device),
            self.rows.to(device),
            self.fixed,
        )

    def halves(self) -> tuple[Batch, Batch]:
        """The first and the second half of the pairs, each without the padding that only the other needed."""
        middle = len(self.rows) // 2
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def _part(self, rows: slice) -> Batch:
        source_size = int(self.source_valid[rows].sum(1).max())
        target_size = int(self.target_valid[rows].sum(1).max())
        return Batch(
            self.source[rows, :source_size],
            self.source_valid[rows, :source_size],
            self.target[rows, :target_size],
            self.target_valid[rows, :target_size],
            self.rows[rows],
        )


def _select(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows by index, which torch copies several times as fast by this name, or by a Boolean each."""
    return tensor[rows] if rows.dtype == torch.bool else tensor.index_select(0, rows)


@dataclass(frozen=True)
class Memory:
    """What the encoder left of each sentence for the decoder to look at; made once, never changed.

    values (B, S, M) are the encoder states, zero at padding. `keys` (B, S, K) are what scores are taken
    against; `Attention.prepare` makes them once a sentence. `final` (B, M) is the encoder's last state, the
    fixed sentence vector; `final_layers` holds each layer's last state (B, M) with, for an LSTM, its cell.
    """

    values: Float[Tensor, "B S M"]
    valid: Bool[Tensor, "B S"]
    final: Float[Tensor, "B M"]
    keys: Float[Tensor, "B S K"] | None = None
    final_layers: tuple[tuple[Tensor, ...], ...] = ()

    def select(self, rows: Tensor) -> Memory:
        """Only these sentences, in this order; `rows` are indices or a Boolean per sentence."""
        return replace(
            self,
            values=_select(self.values, rows),
            valid=_select(self.valid, rows),
            final=_select(self.final, rows),
            keys=None if self.keys is None else _select(self.keys, rows),
            final_layers=tuple(tuple(_select(part, rows) for part in layer) for layer in self.final_layers),
        )


@dataclass(frozen=True)
class DecoderState:
    """All a decoder carries from one word to the next: named tensors, rows first.

    Search, ensembles and exported programs handle every decoder alike through `select`. The rows of one
    sentence stand together and are equally many for each sentence, so row r belongs to sentence r // (R / B)
    of the memory and beams never copy it.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def select(self, rows: Tensor) -> DecoderState:
        """Only these rows, in this order."""
        return DecoderState({name: _select(tensor, rows) for name, tensor in self.tensors.items()})

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors named `prefix.something`, without the prefix."""
        start = prefix + "."
        return {name[len(start) :]: t for name, t in self.tensors.items() if name.startswith(start)}


@dataclass(frozen=True)
class AttentionStep:
    """What attention did for each query: steps 1 to 4, kept and never thrown away.

    scores (B, T, S), minus infinity where no score was taken; weights (B, T, S), exactly 0 there;
    context (B, T, M); `state` is what the next step of a sequential mechanism needs.
    """

    scores: Float[Tensor, "B T S"]
    weights: Float[Tensor, "B T S"]
    context: Float[Tensor, "B T M"]
    state: Mapping[str, Tensor] = field(default_factory=dict)

    def alignment(self, memory: Memory) -> Float[Tensor, "B T S M"]:
        """Step 3, made only when somebody looks: every encoder state multiplied by its weight."""
        return self.weights.unsqueeze(-1) * memory.values.unsqueeze(1)


@dataclass(frozen=True)
class DecoderStep:
    """One word further: `combined` (R, 1, H) goes to the vocabulary, `state` to the next step.

    `attention` is None for a decoder that has none.
    """

    combined: Float[Tensor, "R 1 H"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Prediction:
    """What a search sees of one step: log-probabilities (R, V) of the next piece, new state, attention."""

    log_probabilities: Float[Tensor, "R V"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Candidates:
    """The N best next pieces of every row, best first, with their log-probabilities; new state, attention."""

    gains: Float[Tensor, "R N"]
    pieces: Int[Tensor, "R N"]
    state: DecoderState
    attention: AttentionStep | None


@dataclass(frozen=True)
class Unrolled:
    """A decoder run over a whole known target: combined (B, T, H); weights (B, T, S), None without attention."""

    combined: Float[Tensor, "B T H"]
    weights: Float[Tensor, "B T S"] | None


@dataclass(frozen=True)
class Loss:
    """Summed over the real target tokens of a batch, so that parts of a larger batch add up.

    `total` carries the gradient (label smoothing in it), `nll` is the plain negative log-likelihood in nats.
    `num_tokens` of a fixed batch counts padding, which costs nothing.
    """

    total: Float[Tensor, ""]
    nll: Float[Tensor, ""]
    num_tokens: int


@dataclass(frozen=True)
class Run:
    """What a search wrote in one go: pieces, the log-probability of each in nats, and what each step attended to."""

    ids: list[int]
    log_probabilities: list[float]
    attention: Float[np.ndarray, "T S"] | None


@dataclass(frozen=True)
class Hypothesis:
    """One finished output of a search: ids with END where it was reached, and what each step attended to.

    `log_probabilities` are those of the pieces in nats, `log_probability` their sum, `score` what the search
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
    """The words of a sentence, and for each of its pieces the word it belongs to; -1 for none, as `</s>`."""

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

    `pieces` and `source_pieces` end in `</s>`; attention (T, S) has a row per piece, a column per source
    piece. `log_probabilities` are those of the pieces in nats, `log_probability` their sum. `alternatives` are
    the rest of the n-best; `words` and `source_words` say which words the pieces make up; `unmet` are the glossary's
    terms that should be in the text and are not. `sentences` are the translations that one of several sentences was
    joined from, each piece and weight of which it has too.
    """

    text: str
    log_probability: float
    score: float
    pieces: tuple[str, ...]
    attention: np.ndarray | None
    source: str
    source_pieces: tuple[str, ...]
    alternatives: tuple[Translation, ...] = ()
    words: Words = Words()
    source_words: Words = Words()
    log_probabilities: tuple[float, ...] = ()
    unmet: tuple[str, ...] = ()
    sentences: tuple[Translation, ...] = ()


@dataclass(frozen=True)
class Scored:
    """How probable a model finds a known translation: its pieces with `</s>`, the log-probability of each in nats."""

    source: str
    target: str
    pieces: tuple[str, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """Of the whole translation."""
        return math.fsum(self.log_probabilities)

    @property
    def per_piece(self) -> float:
        """The mean log-probability of a piece; nan where there is none."""
        return self.log_probability / len(self.pieces) if self.pieces else math.nan

    @property
    def perplexity(self) -> float:
        """exp(-per_piece): among how many equally likely pieces the model chose, on average."""
        return math.inf if self.per_piece < -700 else math.exp(-self.per_piece)


@dataclass(frozen=True)
class Written:
    """A piece as soon as it is certain, with its log-probability in nats, its weights (S,), and the text up to it."""

    piece: str
    log_probability: float
    weights: np.ndarray | None
    text: str


@dataclass(frozen=True)
class Candidate:
    """A word the decoder could have said next, with its probability."""

    piece: str
    probability: float


@dataclass(frozen=True)
class Attend:
    """An intervention: while output piece `step` (from 0) is written, look only at these source pieces, evenly."""

    step: int
    to: int | Sequence[int]

    def __post_init__(self) -> None:
        if not isinstance(self.to, int):
            object.__setattr__(self, "to", tuple(map(int, self.to)))


@dataclass(frozen=True)
class Weights:
    """An intervention: while output piece `step` is written, look by this row; it is scaled to sum to 1.

    `row` has a number from 0 on for every source piece, end-of-sentence counted: (S,).
    """

    step: int
    row: Sequence[float] | np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", tuple(map(float, self.row)))


@dataclass(frozen=True)
class Force:
    """An intervention: write this as output piece `step`, whatever the model would have written."""

    step: int
    piece: str


Intervention = Attend | Weights | Force


@dataclass(frozen=True)
class TraceStep:
    """Steps 1 to 5 of one output word: query (Q,), scores (S,), weights (S,), context (M,), best candidates.

    `id` is the piece's in the target vocabulary. `alignment` (S, M), every encoder state times its weight, is there
    only when asked for. Without attention `query`, `scores`, `weights` and `context` are None. `intervention` says
    what was changed from outside at this step: attend, weights, force, attend+force or weights+force.
    """

    piece: str
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
    """One continuation that a search considered: its piece, and the node it continues (-1: the start symbol).

    `log_probability` is that of the whole beginning in nats, `score` what the search ranks such a beginning by.
    `kept`: it got a slot; `finished`: nothing comes after it, as it is `</s>`; `best`: it is on the path returned.
    """

    id: int
    parent: int
    step: int
    piece: str
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
