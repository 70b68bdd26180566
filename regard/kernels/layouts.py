"""Weights laid out for the machine's matrix kernels, once for as long as they do not change.

A product of few rows would lay its weight out anew at every call. oneDNN lays out a weight in bfloat16 several times
more slowly than it could be copied; where its layout is one of those that are known here (`_room` compares, number by
number), our own kernels write a changed weight into it, straight from float32.
"""

from __future__ import annotations

import ctypes
import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.weak import WeakIdKeyDictionary, WeakIdRef

from regard.kernels.compiled import array, kernel, like, prange, turn

# oneDNN compiles a program for every shape and forgets all but the last 1,024 of them; an epoch may have more shapes.
# It reads this before its first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")

MOST_PACKED_ROWS = 512  # with more rows the ordinary product is as fast
LEAST_PACKED_ROWS = 8  # in float32: with fewer rows the ordinary product is as fast
BLOCKS = (32, 64)  # outputs that stand side by side: with AMX-BF16, with AVX512-BF16
WIDE = 512  # inputs of a block that are rounded before they are turned
_LOW = np.zeros(1, np.uint16)  # bfloat16, for `like`

Key = tuple[bool, torch.dtype, str]  # transposed or not, in which numbers, laid out by whom or how


class Layouts:
    """A weight, and perhaps a bias, as a loop multiplies by them: laid out once, forwards and back.

    Several weights of equally many outputs stand side by side, for inputs that stand so. Source of the operations by
    name: oneDNN's, as PyTorch's compiler calls them.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype, rows: int) -> None:
        self.width = len(weights[0])
        self._weights, self._dtype, self._rows = weights, dtype, rows
        self._packs = packing_pays(rows, dtype)
        self._bias = None if bias is None else bias.detach().to(dtype)
        self._forth = self._laid(transposed=False)
        self._back: Tensor | None = None

    def forwards(self, rows: Tensor, plus: Tensor | None = None, then: str = "none") -> Tensor:
        """`W x + b`, plus something; or a function of it: none, tanh."""
        made: Tensor
        if plus is not None:
            if self._packs and self._bias is None:
                return _BINARY(rows, plus, self._forth, None, "add")  # type: ignore[no-any-return]
            return self.forwards(rows).add_(plus)
        if self._packs:
            return _POINTWISE(rows, self._forth, self._bias, then, [], "")  # type: ignore[no-any-return]
        made = rows @ self._forth.t()
        made = made if self._bias is None else made.add_(self._bias)
        return made.tanh_() if then == "tanh" else made

    def backwards(self, grads: Tensor) -> Tensor:
        """`Wᵀ g`."""
        if self._back is None:
            self._back = self._laid(transposed=True)
        if self._packs:
            return _POINTWISE(grads, self._back, None, "none", [], "")  # type: ignore[no-any-return]
        return grads @ self._back

    def _laid(self, transposed: bool) -> Tensor:
        if self._packs:
            return _layout(self._weights, transposed, self._dtype, self._rows)
        return side_by_side(self._weights, self._dtype)


def side_by_side(weights: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Weights as one, in this type; a single one stays where it lies if it has that type."""
    cast = [weight.detach().to(dtype) for weight in weights]
    return cast[0] if len(cast) == 1 else torch.cat(cast, dim=1)


_POINTWISE = torch.ops.mkldnn._linear_pointwise.default
_BINARY = torch.ops.mkldnn._linear_pointwise.binary


def product(rows: Tensor, weight: Tensor, bias: Tensor | None, transposed: bool = False) -> Tensor:
    """`rows · Wᵀ + b`, or `rows · W` if `transposed`, in the rows' type, by a packed weight where that helps."""
    dtype = rows.dtype
    bias = None if bias is None else bias.detach().to(dtype)
    if not packing_pays(len(rows), dtype):
        matrix = weight.detach().to(dtype)
        made = rows @ (matrix if transposed else matrix.t())
        return made if bias is None else made + bias
    laid = _layout([weight], transposed, dtype, len(rows))
    return _POINTWISE(rows.contiguous(), laid, bias, "none", [], "")  # type: ignore[no-any-return]


def in_8_bits(weight: Tensor) -> Any:
    """The weight in 8 bits, every row by a scale of its own, as the matrix kernels want it."""
    kept, key = _kept(weight), (False, torch.qint8, "fbgemm")
    if key not in kept.layouts:
        rounded, scales = _rounded(weight)
        places = torch.zeros(len(rounded), dtype=torch.long)
        with (
            warnings.catch_warnings()
        ):  # such tensors will go; the bound on torch in pyproject.toml keeps them
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch._make_per_channel_quantized_tensor(rounded, scales.double(), places, 0)
        kept.layouts[key] = torch.ops.quantized.linear_prepack(quantised, None)
    return kept.layouts[key]


def packing_pays(rows: int, dtype: torch.dtype) -> bool:
    """Whether a product of so many rows gains by a packed weight."""
    if rows > MOST_PACKED_ROWS or rows == 0 or not torch.backends.mkldnn.is_available():
        return False
    return (
        torch.ops.mkldnn._is_mkldnn_bf16_supported() if dtype == torch.bfloat16 else rows >= LEAST_PACKED_ROWS
    )


def by_rows(weight: Tensor, low: bool) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The numbers of a weight and what each row of them must be multiplied by: as they are, or `low`, in 8 bits."""
    kept, key = _kept(weight), (False, torch.int8 if low else torch.float32, "rows")
    if key not in kept.layouts:
        if low:
            rounded, scales = _rounded(weight)
            kept.layouts[key] = array(rounded), array(scales)
        else:
            kept.layouts[key] = array(weight.contiguous()), np.ones(len(weight), np.float32)
    numbers: tuple[NDArray[Any], NDArray[np.float32]] = kept.layouts[key]
    return numbers


def _rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight in 8 bits, and the scale of each row."""
    matrix = weight.detach().float()
    scales = matrix.abs().amax(dim=1).clamp(min=1e-8) / 127
    return (matrix / scales.unsqueeze(1)).round().to(torch.int8), scales


@dataclass
class _Room:
    """A packed weight whose numbers may be written anew, blocks of outputs with their inputs two by two.

    `memory` (blocks, inputs / 2, outputs of a block) lasts as long as the packed weight does.
    """

    packed: Tensor
    memory: NDArray[np.uint32]


@dataclass
class _Packed:
    """What was laid out of a weight in one version, and room for what will be of later ones."""

    version: int
    place: int
    layouts: dict[Key, Any] = field(default_factory=dict)
    rooms: dict[Key, _Room | None] = field(default_factory=dict)  # None where the layout is not known


_packed: WeakIdKeyDictionary = WeakIdKeyDictionary()  # parameter -> _Packed


def _forget(*_: object) -> None:
    """Optimisers may write weights without a trace in their version (fused ones do)."""
    for kept in _packed.values():
        kept.layouts.clear()


register_optimizer_step_post_hook(_forget)


def _layout(weights: Sequence[Tensor], transposed: bool, dtype: torch.dtype, rows: int) -> Tensor:
    """Weights side by side as the matrix kernels want them, made anew when one of them has changed."""
    owner, *others = (
        weight if weight._base is None else weight._base for weight in weights
    )  # a gate passes on views
    kept, key = _kept(owner), (transposed, dtype, f"onednn {[(id(other), *other.shape) for other in others]}")
    state = [(WeakIdRef(other), _version(other), other.data_ptr()) for other in others]
    if key not in kept.layouts or kept.layouts[key][0] != state:
        room = kept.rooms.get(key)
        if room is None:
            packed = torch.ops.mkldnn._reorder_linear_weight(
                _matrix([owner, *others], transposed, dtype), rows
            )
            if key not in kept.rooms:
                kept.rooms[key] = _room([owner, *others], packed, transposed, dtype, rows)
        else:
            packed = room.packed
            _write([owner, *others], transposed, room.memory)
        kept.layouts[key] = state, packed
    layout: Tensor = kept.layouts[key][1]
    return layout


def _matrix(weights: Sequence[Tensor], transposed: bool, dtype: torch.dtype) -> Tensor:
    if not transposed:
        return side_by_side(weights, dtype).contiguous()
    matrix = torch.empty(sum(weight.shape[1] for weight in weights), len(weights[0]), dtype=dtype)
    for weight, part in zip(weights, matrix.split([weight.shape[1] for weight in weights]), strict=True):
        turn(array(weight), 1.0, array(part))
    return matrix


def _version(weight: Tensor) -> int:
    """Of its numbers; nothing is known of tensors made for inference only."""
    return -1 if weight.is_inference() else weight._version


def _kept(weight: Tensor) -> _Packed:
    """What was laid out of a weight as it is now."""
    kept: _Packed | None = _packed.get(weight)
    version = _version(weight)
    if kept is None or kept.place != weight.data_ptr():
        kept = _packed[weight] = _Packed(version, weight.data_ptr())
    elif kept.version != version:
        kept.version = version
        kept.layouts.clear()
    return kept


def _room(
    weights: Sequence[Tensor], packed: Tensor, transposed: bool, dtype: torch.dtype, rows: int
) -> _Room | None:
    """A packed weight to write into, if weights of their shapes are laid out as `_write` does it."""
    widths = [weight.shape[1] for weight in weights]
    outputs, inputs = sum(widths), len(weights[0])
    pairs = [inputs]
    if not transposed:
        outputs, inputs, pairs = inputs, outputs, widths
    known = dtype == torch.bfloat16 and all(
        weight.dtype == torch.float32 and weight.is_contiguous() for weight in weights
    )
    if not known or any(number % 2 for number in pairs) or not hasattr(torch.ops.mkldnn, "data_ptr"):
        return None
    if torch.ops.mkldnn._nbytes(packed) != 2 * outputs * inputs:
        return None
    # the weights themselves may be all zeros, which look alike in every layout
    numbers = torch.arange(outputs * inputs).remainder(251).float()
    probes = [
        part.view(weight.shape)
        for part, weight in zip(numbers.split([weight.numel() for weight in weights]), weights, strict=True)
    ]
    theirs = torch.ops.mkldnn._reorder_linear_weight(_matrix(probes, transposed, dtype), rows)
    for block in BLOCKS:
        if all(number % block == 0 for number in (widths if transposed else [outputs])):
            shape = outputs // block, inputs // 2, block
            ours = np.empty(shape, np.uint32)
            _write(probes, transposed, ours)
            if np.array_equal(ours, _memory(theirs, shape)):
                return _Room(packed, _memory(packed, shape))
    return None


def _memory(packed: Tensor, shape: tuple[int, int, int]) -> NDArray[np.uint32]:
    """Of a packed weight, which must outlive it."""
    numbers = (ctypes.c_uint32 * math.prod(shape)).from_address(torch.ops.mkldnn.data_ptr(packed))
    return np.ctypeslib.as_array(numbers).reshape(shape)


def _write(weights: Sequence[Tensor], transposed: bool, memory: NDArray[np.uint32]) -> None:
    first = 0
    for weight in weights:
        if transposed:
            blocks = weight.shape[1] // memory.shape[2]
            _pack_turned(array(weight), memory[first : first + blocks])
            first += blocks
        else:
            _pack(array(weight), memory, first)
            first += weight.shape[1] // 2


@kernel
def _pack(weight, packed, first):  # type: ignore[no-untyped-def]
    """Into the pairs from `first` on."""
    blocks, size, inputs = len(packed), packed.shape[2], weight.shape[1]
    for a in prange(blocks):
        # were its rows whole lines of the cache, a column would fall into one set of it
        low = np.empty((size, WIDE + 2), np.uint16)
        two_by_two = low.view(np.uint32)
        for start in range(0, inputs, WIDE):
            stop = min(start + WIDE, inputs)
            for i in range(size):
                row, rounded = weight[a * size + i, start:stop], low[i]
                for j in range(len(row)):
                    rounded[j] = like(low, row[j])
            for j in range((stop - start) // 2):
                out, column = packed[a, first + start // 2 + j], two_by_two[:, j]
                for i in range(len(out)):
                    out[i] = column[i]


@kernel
def _pack_turned(weight, packed):  # type: ignore[no-untyped-def]
    blocks, pairs, size = packed.shape
    for j in prange(pairs):
        for a in range(blocks):
            one, other = (
                weight[2 * j, a * size : (a + 1) * size],
                weight[2 * j + 1, a * size : (a + 1) * size],
            )
            out = packed[a, j]
            for i in range(len(out)):
                low, high = np.uint32(like(_LOW, one[i])), np.uint32(like(_LOW, other[i]))
                out[i] = low | (high << np.uint32(16))
