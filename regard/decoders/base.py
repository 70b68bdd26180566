"""The interface of every decoder, and how its states are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from regard import kernels
from regard.attention import Attention
from regard.decoders.bridges import Bridge
from regard.records.tensors import DecoderState, DecoderStep, Memory, Unrolled
from regard.recurrent import Cell, CellState, Dropout, Stack, loop_choice, why_no_kernel


class Decoder(nn.Module):
    """Writes the target one token at a time, in two forms that agree.

    `step` takes one token and one state and reads like the paper; search and traces use it. `unroll` runs over
    a whole known target, keeps out of the loop what the recurrence does not need there, and is what training
    uses. With dropout off both give the same results and gradients; `step` never drops.

    `combined_size` is H, the width of the output layer's input; `query_size` is Q. `query_source` and `context_use`
    say in words where the query comes from and where the context goes; `input_feeding`, `query_step` (previous or
    current) and `sentence_vector` (start or every_step) are for the decoders where this can be chosen.

    A fused path (`unroll_fused`, `unroll_parallel`, `fused_step`) belongs to the class that declares it: a subclass
    that inherits one runs step by step, by its own methods, unless it declares the path anew.
    """

    query_source: ClassVar[str]
    context_use: ClassVar[str]
    combined_size: int
    query_size: int
    input_feeding: bool = False
    query_step: str | None = None
    sentence_vector: str | None = None
    bridge: Bridge
    attention: Attention | None
    embedding: nn.Embedding
    dropout: Dropout

    def prepare(self, memory: Memory) -> Memory:
        """Return the memory with the keys of the attention, computed once a sentence."""
        return memory if self.attention is None else self.attention.prepare(memory)

    def start(self, memory: Memory) -> DecoderState:
        """Return the state before the first token, one row a sentence, computed by the bridge (step 0)."""
        raise TypeError(f"{type(self).__name__} promises a start but has none")

    def step(self, token: Int[Tensor, " R"], state: DecoderState, memory: Memory) -> DecoderStep:
        """Take one step: from the last token (R,) and the state to what the next token is chosen by."""
        raise TypeError(f"{type(self).__name__} promises a step but does not take one")

    def unroll(self, previous: Int[Tensor, "B T"], memory: Memory) -> Unrolled:
        """Take all steps, given the token before each: `previous` (B, T) begins with the start symbol."""
        raise TypeError(f"{type(self).__name__} promises to unroll but does not")

    def fused_step(self, memory: Memory, head: nn.Linear) -> kernels.FusedStep | None:
        """Return steps together with the output layer `head` as one operation; None if `why_no_fused_step`."""
        return None

    def why_step_by_step(self) -> str | None:
        """Say why `unroll` cannot be fused, in words; None if it can."""
        return f"the decoder {type(self).__name__} has no fused loop"

    def why_no_fused_step(self) -> str | None:
        """Say why a search cannot take fused steps, in words; None if it can."""
        return f"the decoder {type(self).__name__} has no fused step"

    def loop_backend(self) -> kernels.Choice:
        """Return the form that `unroll` takes in training on the decoder's device, and why."""
        return loop_choice(self.why_step_by_step(), self.embedding.weight)

    def search_backend(self) -> kernels.Choice:
        """Return the form that the steps of a search take on the decoder's device, and why."""
        weight = self.embedding.weight
        if plain := kernels.why_plain(weight):
            return kernels.Choice("plain", plain)
        reason = self.why_no_fused_step()
        if reason is None and not kernels.by_numba(weight):
            reason = "fused steps are for CPUs"
        return (
            kernels.Choice("plain", reason) if reason else kernels.Choice("fused", "a step is one operation")
        )

    def query_of(self, state: DecoderState, step: DecoderStep) -> Float[Tensor, "R Q"]:
        """Return the query of a step, given the states before and after it, for traces."""
        raise TypeError(f"{type(self).__name__} has no query")


def why_not_fused(
    decoder: Decoder,
    path: str,
    cells: Sequence[Cell],
    products: Sequence[nn.Module | None],
    stack: Stack | None,
) -> str | None:
    """Say why a fused path of a decoder cannot replace its parts, in words; None if it can.

    The path reads the weights of the cells and of the products, and takes the steps of the stack.
    """
    if not kernels.declares(decoder, path):
        return f"the decoder {type(decoder).__name__} does not declare {path} itself"
    if stack is not None and type(stack) is not Stack:
        return f"{type(stack).__name__} may change what Stack does"
    if not kernels.are_linear(*products):
        return "a product of the decoder is more than a linear layer"
    return why_no_kernel(cells)


def loop_attention(
    decoder: Decoder, attention: Attention, embedded: Float[Tensor, "B T E"], memory: Memory
) -> kernels.LoopAttention | None:
    """Return a decoder's attention as a fused loop takes it; None if the decoder takes its steps one by one."""
    if not kernels.fused(embedded) or decoder.why_step_by_step() is not None:
        return None
    return attention.loop_inputs(memory, decoder.query_size)


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
    """Return a decoder's fused step over a memory, see `kernels.DecoderWeights`; None if the head is not linear."""
    inputs = attention.kernel_inputs(memory, cells[-1].hidden_size)
    if inputs is None or not kernels.are_linear(head):
        return None
    layers = [kernels.LayerWeights(cell.kernel, cell.project, cell.recur) for cell in cells]
    weights = kernels.DecoderWeights(embedding, layers, inputs, feed, combine, head, attend_first)
    return kernels.FusedStep(weights, attention.temperature)


def name_layers(states: Sequence[CellState], parts: Sequence[str]) -> dict[str, Tensor]:
    """Return the states of all layers under flat names: `layer0.hidden`, `layer0.cell`, …"""
    return {
        f"layer{layer}.{part}": tensor
        for layer, state in enumerate(states)
        for part, tensor in zip(parts, state, strict=True)
    }


def read_layers(state: DecoderState, num_layers: int, parts: Sequence[str]) -> list[CellState]:
    """Return the states of all layers from their flat names."""
    return [tuple(state[f"layer{layer}.{part}"] for part in parts) for layer in range(num_layers)]


def name_attention(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the attention state under flat names: `attention.previous`, …"""
    return {f"attention.{name}": tensor for name, tensor in state.items()}
