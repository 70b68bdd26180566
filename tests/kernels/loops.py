"""How a fused loop is held against the same steps taken one by one: values and first derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from regard import kernels
from regard.attention import SCORES, Attention, Softmax
from regard.build import construct
from regard.decoders import BahdanauDecoder, Decoder, GNMTDecoder, LuongDecoder, ZeroBridge
from regard.decoders.bridges import Bridge
from regard.records.tensors import Memory
from regard.recurrent import CELLS, CellState, Dropout
from tests.kernels.agreement import leaves, weighted

STEPS, ROWS, SIZE, POSITIONS, VOCABULARY = 4, 5, 12, 6, 9


def values_and_gradients(
    operation: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]
) -> list[Tensor]:
    """What the operation returns, and the gradients of its inputs; zeros where there is none."""
    torch.manual_seed(3)  # for dropout masks
    outputs = operation(*inputs)
    found = torch.autograd.grad(weighted(outputs), inputs, allow_unused=True)
    gradients = [torch.zeros_like(one) if g is None else g for g, one in zip(found, inputs, strict=True)]
    return [*(part.detach() for part in outputs), *gradients]


def check_loop(operation: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]) -> None:
    """The fused loop and the plain steps agree in values and in the gradients of all inputs."""
    fused = values_and_gradients(operation, inputs)
    with kernels.forced("plain"):
        plain = values_and_gradients(operation, inputs)
    for one, expected in zip(fused, plain, strict=True):
        scale = float(expected.abs().amax()) if expected.numel() else 0.0
        torch.testing.assert_close(one, expected, atol=2e-5 * (1 + scale), rtol=0)


class FixedBridge(Bridge):
    """Fixed first states, whose gradients a test can take."""

    def __init__(self, states: list[CellState]) -> None:
        super().__init__()
        self.states = states

    def forward(self, memory: Memory) -> list[CellState]:
        return self.states


def random_memory() -> Memory:
    """A memory with gradients; the first sentence has no valid position, the second all."""
    values, final = leaves((ROWS, POSITIONS, SIZE), (ROWS, SIZE))
    valid = torch.rand(ROWS, POSITIONS) > 0.3
    valid[0], valid[1] = False, True
    return Memory(values, valid, final)


def make_decoder(
    kind: str,
    cell: str,
    score: str = "additive",
    num_layers: int | None = None,
    dropout: float = 0.0,
    query_step: str = "previous",
    temperature: float = 1.0,
) -> Decoder:
    """A decoder whose first states are random and have gradients."""
    module, num_layers = CELLS[cell], num_layers or (2 if kind == "gnmt" else 1)
    offered = {"query_size": SIZE, "memory_size": SIZE, "size": 9, "max_positions": 20}
    attention = Attention(construct(SCORES[score], offered), Softmax(temperature))
    embedding = torch.nn.Embedding(VOCABULARY, 7)
    bridge: Bridge = ZeroBridge(module, SIZE, num_layers)
    parts = attention, bridge, Dropout(dropout)
    decoder: Decoder
    if kind == "bahdanau":
        decoder = BahdanauDecoder(embedding, module, SIZE, SIZE, *parts)
    elif kind == "luong":
        decoder = LuongDecoder(embedding, module, SIZE, num_layers, SIZE, *parts)
    else:
        decoder = GNMTDecoder(embedding, module, SIZE, num_layers, SIZE, *parts, query_step=query_step)
    states = [tuple(leaves(*[(ROWS, SIZE)] * len(module.parts))) for _ in range(num_layers)]
    decoder.bridge = FixedBridge([tuple(0.3 * part.detach() for part in layer) for layer in states])
    for layer in decoder.bridge.states:
        for part in layer:
            part.requires_grad_()
    return decoder


def unroll(decoder: Decoder, memory: Memory) -> Callable[..., tuple[Tensor, ...]]:
    """The loop of a decoder, as a function for `check_loop`; its inputs are read from decoder and memory."""
    tokens = torch.randint(VOCABULARY, (ROWS, STEPS))

    def operation(*inputs: Tensor) -> tuple[Tensor, ...]:
        unrolled = decoder.unroll(tokens, decoder.prepare(memory))
        assert unrolled.weights is not None
        return unrolled.combined, unrolled.weights

    return operation


def inputs_of(decoder: Decoder, memory: Memory) -> list[Tensor]:
    """All that a decoder's loop depends on: its weights, the memory, and the first states."""
    assert isinstance(decoder.bridge, FixedBridge)
    states = [part for layer in decoder.bridge.states for part in layer]
    return [*decoder.parameters(), memory.values, *states]
