"""Weights packed for products, once for as long as they do not change.

A product of few rows would otherwise pack its weight anew at every call.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.weak import WeakIdKeyDictionary, WeakIdRef

from regard.errors import ShapeError
from regard.kernels.compile import array, tensor
from regard.kernels.gemm import brgemm

# oneDNN compiles a program for every shape and keeps only the last 1,024 of them; an epoch may have more shapes.
# It reads this before its first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

# Batches by tokens hardly ever have the same number of rows twice, and a program for a large vocabulary may take
# 35 ms to compile (with AMX): the rows of large products are padded to a multiple of this.
ROW_MULTIPLE = 32

PackKey = tuple[bool, torch.dtype, str]  # whether transposed, dtype, and the kind of packing


def round_up(num_rows: int) -> int:
    """Return the next number of rows that large products are padded to."""
    return -(-num_rows // ROW_MULTIPLE) * ROW_MULTIPLE


class PackedWeight:
    """A weight and an optional bias, packed once for all products of a loop, forward and backward.

    Several weights (O, I_1), (O, I_2), … are multiplied as one weight (O, I), for inputs that are concatenated.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype) -> None:
        self.width, self._input_sizes = len(weights[0]), [weight.shape[1] for weight in weights]
        self._input_size = sum(self._input_sizes)
        self._weights, self._dtype = weights, dtype
        self._bias = torch.zeros(self.width) if bias is None else bias.detach().float()
        if any(len(weight) != self.width for weight in weights) or len(self._bias) != self.width:
            shapes = ", ".join(str(tuple(part.shape)) for part in (*weights, self._bias))
            raise ShapeError(
                f"PackedWeight: expected weights and bias with equally many outputs, got {shapes}"
            )
        self._forward_bias, self._backward_bias = array(self._bias), np.zeros(self._input_size, np.float32)
        self._in_blocks = brgemm.available(dtype) and brgemm.supports(self._input_sizes, self.width, dtype)

    def forward(self, rows: Tensor, activation: str = "none") -> Tensor:
        """Return `W x + b`, or its tanh if that is the activation. Raises ShapeError."""
        if rows.shape[1:] != (self._input_size,):
            raise ShapeError(
                f"PackedWeight: expected inputs of shape (R, {self._input_size}), got {tuple(rows.shape)}"
            )
        output = rows.new_empty(len(rows), self.width)
        self.forward_into(array(rows.contiguous()), array(output), activation=activation)
        return output

    def backward(self, grads: Tensor) -> Tensor:
        """Return `Wᵀ g`, the gradient of the input. Raises ShapeError."""
        if grads.shape[1:] != (self.width,):
            raise ShapeError(
                f"PackedWeight: expected gradients of shape (R, {self.width}), got {tuple(grads.shape)}"
            )
        d_input = grads.new_empty(len(grads), self._input_size)
        self.backward_into(array(grads.contiguous()), array(d_input))
        return d_input

    def forward_into(self, input: Any, output: Any, addend: Any = None, activation: str = "none") -> None:
        """Write `W x + b`, plus an addend (R, O), or the tanh of it all, to the first O columns of an array.

        `input` (R, I) may have more columns.
        """
        if self._in_blocks:
            more = output[:0] if addend is None else addend
            apply_tanh = activation == "tanh"
            brgemm.multiply(input, self._forward_weight, self._forward_bias, more, apply_tanh, output)
            return
        rows = tensor(input, self._dtype)[:, : self._input_size] @ self._forward_weight.t()
        rows += self._bias.to(self._dtype)
        rows = rows if addend is None else rows.add_(tensor(addend, self._dtype))
        tensor(output, self._dtype)[:, : self.width] = rows.tanh_() if activation == "tanh" else rows

    def backward_into(self, grads: Any, d_input: Any) -> None:
        """Write `Wᵀ g`, for gradients g (R, O), to the first I columns of an array.

        Forward: `y = W x + b`.
        """
        if self._in_blocks:
            no_rows = d_input[:0]
            brgemm.multiply(grads, self._backward_weight, self._backward_bias, no_rows, False, d_input)
        else:
            product = tensor(grads, self._dtype) @ self._backward_weight
            tensor(d_input, self._dtype)[:, : self._input_size] = product

    @cached_property
    def _forward_weight(self) -> Any:
        return self._pack(transposed=False)

    @cached_property
    def _backward_weight(self) -> Any:
        return self._pack(transposed=True)

    def _pack(self, transposed: bool) -> Any:
        if self._in_blocks:
            return _packed_blocks(self._weights, transposed, self._dtype)
        return concat_weights(self._weights, self._dtype)


def concat_weights(weights: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Concatenate weights (O, I_1), (O, I_2), … to (O, I) in a dtype; a single one of that dtype is not copied."""
    cast = [weight.detach().to(dtype) for weight in weights]
    return cast[0] if len(cast) == 1 else torch.cat(cast, dim=1)


@dataclass
class WeightCache:
    """What was derived from a weight as it is now (`packed`), and buffers to pack later versions of it into."""

    version: int
    address: int
    packed: dict[PackKey, Any] = field(default_factory=dict)
    buffers: dict[PackKey, NDArray[Any]] = field(default_factory=dict)


_caches: WeakIdKeyDictionary = WeakIdKeyDictionary()  # weight -> WeightCache


def weight_cache(weight: Tensor) -> WeightCache:
    """Return the cache of a weight, empty if the weight has changed."""
    cache: WeightCache | None = _caches.get(weight)
    version = _version(weight)
    if cache is None or cache.address != weight.data_ptr():
        cache = _caches[weight] = WeightCache(version, weight.data_ptr())
    elif cache.version != version:
        cache.version = version
        cache.packed.clear()
    return cache


def _version(weight: Tensor) -> int:
    """Autograd version counter; -1 for inference tensors."""
    return -1 if weight.is_inference() else weight._version


def _clear_caches(*_: object) -> None:
    """Clear the caches of all weights: fused optimisers write weights without counting a version."""
    for cache in _caches.values():
        cache.packed.clear()


register_optimizer_step_post_hook(_clear_caches)


def _packed_blocks(weights: Sequence[Tensor], transposed: bool, dtype: torch.dtype) -> NDArray[Any]:
    """Return concatenated weights in blocks, packed anew when one of them has changed."""
    # a loop's shared weights are views (`deferred`)
    owner, *others = (weight if weight._base is None else weight._base for weight in weights)
    cache = weight_cache(owner)
    key = (transposed, dtype, f"blocks {[(id(other), *other.shape) for other in others]}")
    state = [(WeakIdRef(other), _version(other), other.data_ptr()) for other in others]
    if key not in cache.packed or cache.packed[key][0] != state:
        output_size, input_size = len(owner), sum(weight.shape[1] for weight in (owner, *others))
        if key not in cache.buffers:
            sizes = (output_size, input_size) if transposed else (input_size, output_size)
            cache.buffers[key] = brgemm.empty_blocks(*sizes, dtype)
        first = 0
        for weight in (owner, *others):
            brgemm.pack(array(weight.float().contiguous()), cache.buffers[key], first, transposed)
            first += weight.shape[1]
        cache.packed[key] = state, cache.buffers[key]
    blocks: NDArray[Any] = cache.packed[key][1]
    return blocks
