"""Kernels called one after the other with arguments prepared beforehand.

A decoding step for one sentence is a dozen small kernels. To call each from Python would take as long as they run;
one compiled function around them would be compiled anew for every kind of model, and numba would optimise each
kernel again inside it. A `Program` is a table of entry points and arguments instead, which one small loop goes
through.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.kernels.compile import AVAILABLE, array, kernel
from regard.kernels.threads import ENTRY

_call_entry: Any = None
if AVAILABLE:
    from llvmlite import ir
    from numba import typeof, types
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def _call_entry(context: Any, entry: Any, words: Any) -> Any:
        """Call a kernel's entry point with the address of its arguments."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [pointer]).as_pointer()
            builder.call(builder.inttoptr(args[0], kind), [builder.inttoptr(args[1], pointer)])
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate


class Each(NamedTuple):
    """An argument that is another part of a block at every step: `block[first + step]`."""

    block: Tensor
    first: int = 0


class Program:
    """Calls of kernels, all of them for the first step, then for the next, and so on."""

    def __init__(self, num_steps: int = 1) -> None:
        self._num_steps = num_steps
        self._entries: list[int] = []
        self._words: list[int] = []  # the arguments of all calls of the first step
        self._offsets: list[int] = []  # of the first argument of each call
        self._moving: list[tuple[int, int]] = []  # indices of words, and the bytes that each grows by a step
        self._arrays: dict[
            int, tuple[tuple[int, ...], object, object]
        ] = {}  # words, kind, and the array itself

    def add(self, kernel: Any, *arguments: Any) -> None:
        """Append a call. Tensors must be contiguous, and stay where they are until the last run."""
        kinds, words, arrays = [kernel], self._words, self._arrays
        self._offsets.append(len(words))
        for argument in arguments:
            if isinstance(argument, Each):
                block, first = argument
                argument = block[first]
                self._moving.append((len(words) + ADDRESS, argument.numel() * argument.itemsize))
            known = arrays.get(id(argument))
            if known is None:
                known = *_words(argument), argument
                arrays[id(argument)] = known
            words += known[0]
            kinds.append(known[1])
        signature = tuple(kinds)
        self._entries.append(_ENTRIES.get(signature) or _compile(signature, arguments))

    def run(self) -> None:
        """Run all calls of all steps."""
        _run(*self._prepared(), self._num_steps)

    def run_while(self, alive: NDArray[np.bool_]) -> None:
        """Run all calls again and again, as long as one of `alive` is True."""
        table, words, _ = self._prepared()
        _run_while(table, words, alive)

    def _prepared(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Entry points with the index of their first word (N, 2), words, and which grow by how many bytes (K, 2)."""
        table = np.array(list(zip(self._entries, self._offsets, strict=True)), np.int64)
        return table, np.array(self._words, np.int64), np.array(self._moving, np.int64).reshape(-1, 2)


WORD_SIZE = 8  # bytes
ADDRESS = 4  # the index of an array's address among its words
_ENTRIES: dict[tuple[object, ...], int] = {}  # of kernels, by themselves and the kinds of their arguments


def _words(argument: Any) -> tuple[tuple[int, ...], object]:
    """An argument as numba lays it out in words, and what kind of argument it is."""
    kind = type(argument)
    if kind is float:
        return _FLOAT.unpack(_DOUBLE.pack(argument)), kind
    if kind is np.ndarray:
        argument = torch.from_numpy(argument)
    elif not isinstance(argument, Tensor):
        return (int(argument or 0),), kind
    shape, dtype = argument.shape, argument.dtype
    stride = item_size = dtype.itemsize
    strides: tuple[int, ...] = ()
    for size in reversed(shape):
        strides = (stride, *strides)
        stride *= size
    # no owner and no parent, size, item size, address, shape, strides
    return (0, 0, stride // item_size, item_size, argument.data_ptr(), *shape, *strides), (dtype, len(shape))


def _compile(kinds: tuple[object, ...], arguments: Sequence[Any]) -> int:
    """The address of a kernel's entry point, compiled for arguments of these kinds."""
    kernel: Any = kinds[0]
    firsts = [
        argument.block[argument.first] if isinstance(argument, Each) else argument for argument in arguments
    ]
    for tensor in firsts:
        assert not isinstance(tensor, Tensor) or tensor.is_contiguous(), "kernels take contiguous tensors"
    types = tuple(typeof(array(first) if isinstance(first, Tensor) else first) for first in firsts)
    kernel.compile(types)
    compiled = kernel.overloads[types]
    address: int = compiled.library.get_pointer_to_function(f"{compiled.fndesc.llvm_func_name}{ENTRY}")
    _ENTRIES[kinds] = address
    return address


_FLOAT, _DOUBLE = struct.Struct("<q"), struct.Struct("<d")


@kernel
def _run(table, words, moving, num_steps):  # type: ignore[no-untyped-def]
    """Call each entry point with the address of its words; after every step move to the next part of each block."""
    for _ in range(num_steps):
        for i in range(len(table)):
            _call_entry(table[i, 0], words.ctypes.data + WORD_SIZE * table[i, 1])
        for k in range(len(moving)):
            words[moving[k, 0]] += moving[k, 1]


@kernel
def _run_while(table, words, alive):  # type: ignore[no-untyped-def]
    """Call each entry point as long as one of alive (R,), which they write, is True."""
    goes_on = True
    while goes_on:
        for i in range(len(table)):
            _call_entry(table[i, 0], words.ctypes.data + WORD_SIZE * table[i, 1])
        goes_on = False
        for r in range(len(alive)):
            goes_on = goes_on or alive[r]
