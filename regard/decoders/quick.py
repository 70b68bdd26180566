"""A decoder's step in a search, taken by kernels that know the whole of it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.records.tensors import AttentionStep, Candidates, DecoderState, Memory, Prediction
from regard.records.text import END, UNWRITABLE, DecodedTokens
from regard.recurrent import Cell

_LAYER, _COMBINED = "layer", "combined"  # of the names of a decoder's states


class QuickDecoder:
    """Takes the same steps as the decoder and the vocabulary that it was made of, where it can.

    `combine` and `after` as in `kernels.Parts`; `sentences` are those of the memory that are still written.
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        cells: Sequence[Cell],
        attention: Attention,
        memory: Memory,
        feed: nn.Linear | None,
        combine: Sequence[nn.Linear],
        head: nn.Linear,
        after: bool,
    ) -> None:
        looking = attention.looking(memory)
        self._temperature = attention.temperature
        self._kernel = None
        if looking is not None and cells[0].kernel and kernels.by_numba(looking.keys):
            layers = [kernels.Layer(cell.kernel, cell.project, cell.recur) for cell in cells]
            parts = kernels.Parts(embedding, layers, looking, feed, combine, head, after)
            self._kernel = kernels.Quick(parts)

    def __call__(self, tokens: Tensor, state: DecoderState, sentences: Tensor) -> Prediction | None:
        """One token further for every row; None where this must be left to the decoder itself."""
        given = self._given(tokens, state, sentences)
        if given is None:
            return None
        kernel, names, rows = given
        made = kernel(rows)
        return Prediction(made.log_probabilities, *self._after(names, rows, made))

    def best(self, tokens: Tensor, state: DecoderState, sentences: Tensor, number: int) -> Candidates | None:
        """The same of the best tokens that may be written."""
        given = self._given(tokens, state, sentences)
        if given is None:
            return None
        kernel, names, rows = given
        (gains, best_tokens), made = kernel.best(rows, number, UNWRITABLE)
        return Candidates(gains, best_tokens, *self._after(names, rows, made))

    def _after(
        self, names: Sequence[str], rows: kernels.Rows, made: kernels.Written
    ) -> tuple[DecoderState, AttentionStep]:
        """State and attention, after a step."""
        fed = {} if rows.fed is None else {_COMBINED: made.combined}
        scores = made.scores if self._temperature == 1 else made.scores * self._temperature
        look = AttentionStep(scores.unsqueeze(1), made.weights.unsqueeze(1), made.context.unsqueeze(1))
        return DecoderState(dict(zip(names, made.states, strict=True)) | fed), look

    def greedily(
        self, tokens: Tensor, state: DecoderState, sentences: Tensor, limits: Sequence[int]
    ) -> list[DecodedTokens] | None:
        """A whole greedy search, each row at most its limit long; None where it must be taken step by step."""
        given = self._given(tokens, state, sentences)
        if given is None:
            return None
        kernel, _, rows = given
        return [DecodedTokens(*run) for run in kernel.greedily(rows, limits, UNWRITABLE, END)]

    def _given(
        self, tokens: Tensor, state: DecoderState, sentences: Tensor
    ) -> tuple[kernels.Quick, list[str], kernels.Rows] | None:
        """The kernel, the names of the states of all layers, and what it takes; None where it cannot."""
        names = [name for name in state if name.startswith(_LAYER)]
        rest = [name for name in state if name not in names]
        if self._kernel is None or rest not in ([], [_COMBINED]):  # somebody meddles
            return None
        fed = state[_COMBINED] if rest else None
        rows = kernels.Rows(tokens, [state[name] for name in names], fed, sentences)
        return (self._kernel, names, rows) if self._kernel.fits(rows) else None
