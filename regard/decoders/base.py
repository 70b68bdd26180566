"""What every decoder promises, and how its states are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.bridges import Bridge
from regard.records.tensors import DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, CellState, Dropout


class Decoder(nn.Module):
    """Writes the target one token at a time: two forms of one truth.

    `step` takes one token and one state and reads like the paper; search and traces use it. `unroll` runs over
    a whole known target, keeps out of the loop what the recurrence does not need there, and is what training
    uses. With dropout off they give the same, and so do their gradients; `step` never drops.

    `combined_size` is H, the width of what goes to the vocabulary. `query_source` and `context_use` say in
    words where the query comes from and where the context goes; `input_feeding`, `query_step` (previous or
    current) and `sentence_vector` (start or every_step) are for the decoders where this can be chosen.
    """

    query_source: ClassVar[str]
    context_use: ClassVar[str]
    combined_size: int
    input_feeding: bool = False
    query_step: str | None = None
    sentence_vector: str | None = None
    bridge: Bridge
    attention: Attention | None
    embedding: nn.Embedding
    dropout: Dropout

    def prepare(self, memory: Memory) -> Memory:
        """The memory with the keys of the attention: once a sentence."""
        return memory if self.attention is None else self.attention.prepare(memory)

    def start(self, memory: Memory) -> DecoderState:
        """Step 0: the state before the first token, one row a sentence, made by the bridge."""
        raise TypeError(f"{type(self).__name__} promises a start but makes none")

    def step(self, token: Int[Tensor, " R"], state: DecoderState, memory: Memory) -> DecoderStep:
        """From the last token (R,) and the state to what the next token is chosen by."""
        raise TypeError(f"{type(self).__name__} promises a step but does not take one")

    def unroll(self, previous: Int[Tensor, "B T"], memory: Memory) -> Unrolled:
        """All steps with the tokens before each known: `previous` (B, T) begins with the start symbol."""
        raise TypeError(f"{type(self).__name__} promises to unroll but does not")

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Steps together with the output layer `head`, by kernels; None where there are none for this decoder."""
        return None

    def query_of(self, state: DecoderState, step: DecoderStep) -> Float[Tensor, "R Q"]:
        """The query of a step, given the states before and after it: for traces."""
        raise TypeError(f"{type(self).__name__} has no query")


def fused_step(
    embedding: nn.Embedding,
    cells: Sequence[Cell],
    attention: Attention,
    memory: Memory,
    feed: nn.Linear | None,
    combine: Sequence[nn.Linear],
    head: nn.Linear,
    attend_first: bool,
) -> kernels.FusedStep | None:
    """A decoder's fused step over a memory, as `kernels.DecoderWeights` says; None where a part has no kernels."""
    inputs = attention.kernel_inputs(memory)
    if inputs is None or not cells[0].kernel:
        return None
    layers = [kernels.LayerWeights(cell.kernel, cell.project, cell.recur) for cell in cells]
    weights = kernels.DecoderWeights(embedding, layers, inputs, feed, combine, head, attend_first)
    return kernels.FusedStep(weights, attention.temperature)


def name_layers(states: Sequence[CellState], parts: Sequence[str]) -> dict[str, Tensor]:
    """The states of all layers under flat names: `layer0.hidden`, `layer0.cell`, …"""
    return {
        f"layer{layer}.{part}": tensor
        for layer, state in enumerate(states)
        for part, tensor in zip(parts, state, strict=True)
    }


def read_layers(state: DecoderState, num_layers: int, parts: Sequence[str]) -> list[CellState]:
    """The states of all layers, back from their flat names."""
    return [tuple(state[f"layer{layer}.{part}"] for part in parts) for layer in range(num_layers)]


def name_attention(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The attention state under flat names: `attention.previous`, …"""
    return {f"attention.{name}": tensor for name, tensor in state.items()}
