"""Recurrent cells, and how they run over a sentence: the plain form, as in the papers.

What does not depend on the state, the product of the inputs with their weights, is one large product over all
steps (`Cell.project`, `Cell.project_steps`) outside of the loop; a step is an operation of `regard.kernels`, and so
is the whole loop of a cell that has a kernel. Inside a loop everything is time-major. At padding a state is frozen,
so the last state of every row is exact however the batch was padded, in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from regard import kernels
from regard.errors import ConfigError

CellState = tuple[Tensor, ...]  # (R, H) each; the first is the hidden state, the cell's output
Masks = Sequence[Tensor] | None  # dropout masks (R, H), one per gap between layers


class Cell(nn.Module):
    """One step of a recurrent network: new state from projected inputs and old state.

    `parts` names the tensors of its state; a projected input is `num_gates` times H wide. `kernel` is the name of the
    cell's fused loop, "lstm" or "gru": it belongs to the class that declares it, and a subclass that inherits it runs
    its own `forward` step by step. States are kept in float32 even where products run in bfloat16.
    """

    parts: ClassVar[tuple[str, ...]]
    num_gates: ClassVar[int]
    kernel: ClassVar[str] = ""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.project = kernels.Linear(input_size, self.num_gates * hidden_size)
        self.recur = kernels.Linear(hidden_size, self.num_gates * hidden_size)
        nn.init.xavier_uniform_(self.project.weight)
        for gate in self.recur.weight.chunk(self.num_gates):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.project.bias)
        nn.init.zeros_(self.recur.bias)

    def zero(self, rows: int) -> CellState:
        """Return the state before the first input, zeros, for `rows` rows."""
        return tuple(self.recur.bias.new_zeros(rows, self.hidden_size) for _ in self.parts)

    def project_steps(self, inputs: Float[Tensor, "B T I"]) -> Sequence[Float[Tensor, "B G"]]:
        """Project the inputs of all steps at once; return one tensor for each step."""
        return self.project(inputs.transpose(0, 1)).unbind(0)  # type: ignore[no-any-return]

    def forward(
        self, projected: Float[Tensor, "R G"], state: CellState, live: Bool[Tensor, "R 1"] | None = None
    ) -> CellState:
        """Return the state after a step; rows where `live` is False keep theirs."""
        raise TypeError(f"{type(self).__name__} promises a step but does not take one")

    @property
    def recurrence(self) -> kernels.Recurrence:
        """The recurrence as kernels take it, for a cell that has a kernel."""
        return kernels.Recurrence(self.kernel, self.recur.weight, self.recur.bias)

    def why_no_kernel(self) -> str | None:
        """Say why the loop over this cell cannot be fused, in words; None if it can."""
        if not self.kernel or not kernels.declares(self, "kernel"):
            return f"the cell {_name_of(self)} has no kernel"
        if not kernels.are_linear(self.project, self.recur):
            return f"a product of the cell {_name_of(self)} is more than a linear layer"
        return None


class RNNCell(Cell):
    """The plain recurrent cell, `h' = tanh(W x + U h + b)`: kept to show why it forgets.

    Source: Elman 1990. Every step multiplies what was known by U again, so it fades or blows up.
    """

    parts = ("hidden",)
    num_gates = 1

    def forward(self, projected: Tensor, state: CellState, live: Tensor | None = None) -> CellState:
        """Return `h'` (R, H)."""
        new = torch.tanh(kernels.at_least_float32(projected) + kernels.at_least_float32(self.recur(state[0])))
        return (new if live is None else torch.where(live, new, state[0]),)


class GRUCell(Cell):
    """Gated recurrent unit: `r, z = σ(W x + U h)`, `n = tanh(W x + r ⊙ U h)`, `h' = (1 − z) ⊙ n + z ⊙ h`.

    Source: Cho et al. 2014, section 2.3. They reset before the product, U (r ⊙ h); here, as in cuDNN, after it,
    so that one product serves all gates. z keeps the old state here, as in their equation 7.
    """

    parts = ("hidden",)
    num_gates = 3
    kernel = "gru"

    def forward(self, projected: Tensor, state: CellState, live: Tensor | None = None) -> CellState:
        """Return `h'` (R, H)."""
        return (kernels.gru(projected, self.recur(state[0]), state[0], live),)


class LSTMCell(Cell):
    """Long short-term memory: `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh(c')`, with gates from W x + U h.

    Source: Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000. The forget gate's bias starts at 1
    (Jozefowicz et al. 2015, section 4). Gate order: input, forget, candidate, output.
    """

    parts = ("hidden", "cell")
    num_gates = 4
    kernel = "lstm"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        with torch.no_grad():
            self.project.bias[hidden_size : 2 * hidden_size] = 1.0

    def forward(self, projected: Tensor, state: CellState, live: Tensor | None = None) -> CellState:
        """Return `h', c'` (R, H) each."""
        hidden, cell = state
        return kernels.lstm(projected, self.recur(hidden), hidden, cell, live)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}


def _name_of(cell: Cell) -> str:
    names = [name for name, known in CELLS.items() if known is type(cell)]
    return names[0] if names else type(cell).__name__


def why_no_kernel(cells: Iterable[Cell]) -> str | None:
    """Say for the first of these cells that has no kernel why, in words; None if all have one."""
    return next(filter(None, (cell.why_no_kernel() for cell in cells)), None)


def loop_choice(reason: str | None, like: Tensor) -> kernels.Choice:
    """Return the form a loop over tensors like this one takes in training; `reason` is why it cannot be fused."""
    if plain := kernels.why_plain(like):
        return kernels.Choice("plain", plain)
    if reason:
        return kernels.Choice("plain", f"step by step: {reason}")
    return kernels.Choice("fused", "the whole loop is one operation")


class Dropout(nn.Module):
    """Drop units of (B, T, W) while training: anew at every step, or, `variational`, one mask a sentence.

    Source: Srivastava et al. 2014; one mask for all steps: Gal & Ghahramani 2016, section 4.
    Raises ConfigError unless the share is at least 0 and below 1.
    """

    def __init__(self, share: float, variational: bool = False) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ConfigError(f"model.dropout: expected a share from 0 to below 1, got {share}")
        self.share = share
        self.variational = variational

    @property
    def active(self) -> bool:
        """Whether anything is dropped at present."""
        return self.training and self.share > 0

    def forward(self, states: Float[Tensor, "B T W"]) -> Float[Tensor, "B T W"]:
        """Return the states with some units 0 and the others scaled up; unchanged outside training."""
        if not self.active:
            return states
        if self.variational:
            return states * kernels.dropout(torch.ones_like(states[:, :1]), self.share)
        return kernels.dropout(states, self.share)


def run(
    cell: Cell,
    inputs: Float[Tensor, "B T I"],
    state: CellState,
    valid: Bool[Tensor, "B T"] | None = None,
    reverse: bool = False,
    packing: kernels.Packing | None = None,
) -> tuple[Float[Tensor, "B T H"], CellState]:
    """Run a cell over all steps, last to first if `reverse`; return hidden states (B, T, H) and the last state.

    Where `valid` is False the state stays as it was, and the hidden state returned is 0. With the `packing` of
    `valid`, padding costs nothing.
    """
    fused = kernels.fused(inputs, *state, cell.recur.weight) and cell.why_no_kernel() is None
    if packing is not None and fused:
        dtype = kernels.autocast_dtype(inputs)
        projected = cell.project(packing.pack(inputs, reverse, dtype))
        hidden, state = kernels.recur_packed(cell.recurrence, projected, state, packing)
        return packing.unpack(hidden, reverse), state
    is_full = valid is None or (valid.is_cpu and bool(valid.all()))  # would have to wait for a GPU
    live = None if is_full or valid is None else valid.t()
    projected = cell.project(inputs.transpose(0, 1))
    if fused:
        hidden, state = kernels.recur(cell.recurrence, projected, state, live, reverse)
    else:
        hidden, state = _step_by_step(cell, projected, state, live, reverse)
    states = hidden.transpose(0, 1)
    return (states if live is None else states * live.t().unsqueeze(-1)), state


def _step_by_step(
    cell: Cell,
    projected: Float[Tensor, "T R G"],
    state: CellState,
    live: Bool[Tensor, "T R"] | None,
    reverse: bool,
) -> tuple[Float[Tensor, "T R H"], CellState]:
    steps = projected.unbind(0)
    hidden: list[Tensor] = [projected] * len(steps)
    with kernels.deferred_weight_grads():
        for t in range(len(steps))[:: -1 if reverse else 1]:
            state = cell(steps[t], state, None if live is None else live[t].unsqueeze(-1))
            hidden[t] = state[0]
    return torch.stack(hidden), state


class Stack(nn.Module):
    """Recurrent cells one above the other: each layer's inputs are the hidden states of the one below.

    Dropout falls between the layers, not within the recurrence (Zaremba et al. 2014, section 3.1).
    """

    def __init__(
        self, cell: type[Cell], input_size: int, hidden_size: int, num_layers: int, dropout: Dropout
    ) -> None:
        super().__init__()
        sizes = [input_size, *[hidden_size] * (num_layers - 1)]
        self.cells = CellList(cell(size, hidden_size) for size in sizes)
        self.dropout = dropout

    def forward(
        self, projected: Float[Tensor, "R G"], states: Sequence[CellState], masks: Masks = None
    ) -> list[CellState]:
        """Take a step of every layer; `projected` is the lowest cell's projected input, with anything added to it."""
        new: list[CellState] = []
        for layer, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            if layer > 0:
                below = new[-1][0]
                projected = cell.project(below if masks is None else below * masks[layer - 1])
            new.append(cell(projected, state))
        return new

    def unroll(self, inputs: Float[Tensor, "B T I"], states: Sequence[CellState]) -> Float[Tensor, "B T H"]:
        """Take all steps of a layer, then all of the next; return the hidden states of the top layer (B, T, H)."""
        for layer, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            if layer > 0:
                inputs = self.dropout(inputs)
            inputs, _ = run(cell, inputs, state)
        return inputs

    def masks(self, rows: int, steps: int, like: Tensor) -> Sequence[Masks]:
        """Draw dropout masks for `forward` at each of `steps` steps, one for each gap between layers."""
        blocks = self.mask_blocks(rows, steps, like)
        return [None] * steps if blocks is None else [[mask[t] for mask in blocks] for t in range(steps)]

    def mask_blocks(self, rows: int, steps: int, like: Tensor) -> list[Float[Tensor, "T R H"]] | None:
        """Draw the masks of `masks` as one block for each gap; None where nothing is dropped."""
        gaps = len(self.cells) - 1
        if gaps == 0 or not self.dropout.active:
            return None
        size = self.cells[0].hidden_size
        return [self.dropout(like.new_ones(rows, steps, size)).transpose(0, 1) for _ in range(gaps)]


class CellList(nn.ModuleList):
    """A module list whose items are cells, also for a type checker."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        super().__init__(cells)

    def __iter__(self) -> Iterator[Cell]:
        return super().__iter__()  # type: ignore[return-value]

    def __getitem__(self, layer: int) -> Cell:  # type: ignore[override]
        return super().__getitem__(layer)  # type: ignore[return-value]
