"""Weights laid out for products, once for as long as they do not change.

A product of few rows would lay its weight out anew at every call."""

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

from regard.kernels.compile import array, tensor
from regard.kernels.gemm import brgemm

# oneDNN compiles a program for every shape and forgets all but the last 1,024 of them; an epoch may have more shapes.
# It reads this before its first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

# Hardly two batches by tokens have the same number of rows, and a program for a large vocabulary may take 35 ms to
# make (with AMX): large products are taken of multiples of this.
EVEN_ROWS = 32

Key = tuple[bool, torch.dtype, str]  # transposed or not, in which numbers, laid out by whom or how


def round_up(rows: int) -> int:
    """The next number of rows that large products are taken of."""
    return -(-rows // EVEN_ROWS) * EVEN_ROWS


class PackedWeight:
    """A weight, and perhaps a bias, as a loop multiplies by them: laid out once, forwards and back.

    Several weights of equally many outputs stand side by side, for inputs that stand so.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype) -> None:
        self.width, self._widths = len(weights[0]), [weight.shape[1] for weight in weights]
        self._weights, self._dtype = weights, dtype
        self._bias = torch.zeros(self.width) if bias is None else bias.detach().float()
        self._biases = array(self._bias), np.zeros(sum(self._widths), np.float32)  # forwards and back
        self._in_blocks = brgemm.available(dtype) and brgemm.fits(self._widths, self.width, dtype)

    def forward(self, rows: Tensor, activation: str = "none") -> Tensor:
        """`W x + b`, and then nothing or its tanh."""
        made = rows.new_empty(len(rows), self.width)
        self.forward_into(array(rows.contiguous()), array(made), activation=activation)
        return made

    def backward(self, grads: Tensor) -> Tensor:
        """`Wᵀ g`."""
        made = grads.new_empty(len(grads), sum(self._widths))
        self.backward_into(array(grads.contiguous()), array(made))
        return made

    def forward_into(self, given: Any, made: Any, plus: Any = None, activation: str = "none") -> None:
        """`W x + b`, plus something, and then nothing or its tanh, into the first columns of an array."""
        if self._in_blocks:
            more = made[:0] if plus is None else plus
            brgemm.multiply(given, self._forth, self._biases[0], more, activation == "tanh", made)
            return
        rows = tensor(given, self._dtype)[:, : sum(self._widths)] @ self._forth.t()
        rows += self._bias.to(self._dtype)
        rows = rows if plus is None else rows.add_(tensor(plus, self._dtype))
        tensor(made, self._dtype)[:, : self.width] = rows.tanh_() if activation == "tanh" else rows

    def backward_into(self, grads: Any, made: Any) -> None:
        """`Wᵀ g`, into the first columns of an array."""
        if self._in_blocks:
            brgemm.multiply(grads, self._back, self._biases[1], made[:0], False, made)
        else:
            tensor(made, self._dtype)[:, : sum(self._widths)] = tensor(grads, self._dtype) @ self._back

    @cached_property
    def _forth(self) -> Any:
        return self._laid(transposed=False)

    @cached_property
    def _back(self) -> Any:
        return self._laid(transposed=True)

    def _laid(self, transposed: bool) -> Any:
        if self._in_blocks:
            return _in_blocks(self._weights, transposed, self._dtype)
        return side_by_side(self._weights, self._dtype)


def side_by_side(weights: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Weights as one, in this type; a single one stays where it lies if it has that type."""
    cast = [weight.detach().to(dtype) for weight in weights]
    return cast[0] if len(cast) == 1 else torch.cat(cast, dim=1)


@dataclass
class _Kept:
    """What was laid out of a weight in one version, and blocks that will be written anew for later ones."""

    version: int
    place: int
    layouts: dict[Key, Any] = field(default_factory=dict)
    rooms: dict[Key, NDArray[Any]] = field(default_factory=dict)


_of_weights: WeakIdKeyDictionary = WeakIdKeyDictionary()  # parameter -> _Kept


def _forget(*_: object) -> None:
    """Optimisers may write weights without a trace in their version (fused ones do)."""
    for kept in _of_weights.values():
        kept.layouts.clear()


register_optimizer_step_post_hook(_forget)


def _in_blocks(weights: Sequence[Tensor], transposed: bool, dtype: torch.dtype) -> NDArray[Any]:
    """Weights side by side in blocks, written anew when one of them has changed."""
    owner, *others = (
        weight if weight._base is None else weight._base for weight in weights
    )  # a gate passes on views
    kept, key = _kept(owner), (transposed, dtype, f"blocks {[(id(other), *other.shape) for other in others]}")
    state = [(WeakIdRef(other), _version(other), other.data_ptr()) for other in others]
    if key not in kept.layouts or kept.layouts[key][0] != state:
        outputs, inputs = len(owner), sum(weight.shape[1] for weight in (owner, *others))
        if key not in kept.rooms:
            kept.rooms[key] = brgemm.room(*((outputs, inputs) if transposed else (inputs, outputs)), dtype)
        first = 0
        for weight in (owner, *others):
            brgemm.write(array(weight.float().contiguous()), kept.rooms[key], first, transposed)
            first += weight.shape[1]
        kept.layouts[key] = state, kept.rooms[key]
    laid: NDArray[Any] = kept.layouts[key][1]
    return laid


def _version(weight: Tensor) -> int:
    """Of its numbers; nothing is known of tensors made for inference only."""
    return -1 if weight.is_inference() else weight._version


def _kept(weight: Tensor) -> _Kept:
    """What was laid out of a weight as it is now."""
    kept: _Kept | None = _of_weights.get(weight)
    version = _version(weight)
    if kept is None or kept.place != weight.data_ptr():
        kept = _of_weights[weight] = _Kept(version, weight.data_ptr())
    elif kept.version != version:
        kept.version = version
        kept.layouts.clear()
    return kept
