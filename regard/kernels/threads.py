"""Loops of compiled kernels shared among torch's own threads.

A kernel is one function that every thread runs, each over its own share of the last loop. `parallel_range` does both
parts: outside of a parallel region it starts one, in which every thread calls the kernel again with the same
arguments, and is itself empty; inside, it is the share of the calling thread. So a kernel is compiled once, as serial
code, and runs on the OpenMP threads of torch, as many as `torch.set_num_threads` says.

    @kernel
    def scale(input, factor, output):
        for r in parallel_range(len(input)):
            ...

The statements before the loop run in every thread and once more, so they may only allocate and name things; nothing
may follow the loop (`tests/kernels/test_room.py`). Where torch has no OpenMP runtime (Windows), `SHARED` is False and
loops run on one thread.
"""

from __future__ import annotations

from typing import Any

from regard.kernels.compile import AVAILABLE
from regard.kernels.torch_library import address

_FUNCTIONS = (
    "GOMP_parallel",
    "omp_get_thread_num",
    "omp_get_num_threads",
    "omp_get_max_threads",
    "omp_in_parallel",
)
_ADDRESSES = {name: address(name) for name in _FUNCTIONS}
ENTRY = ".entry"  # after a kernel's name, that of the function which takes its arguments from memory
SHARED = AVAILABLE and None not in _ADDRESSES.values()

parallel_range: Any = range
if AVAILABLE:
    from llvmlite import binding, ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    for _name, _address in _ADDRESSES.items():
        if SHARED:
            binding.add_symbol(f"regard_{_name}", _address)

    _INT32, _INT64, _POINTER = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()

    def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
        """Call a function of the OpenMP runtime."""
        kind = ir.FunctionType(result, [arg.type for arg in args])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"regard_{name}"), args)

    def _word(builder: Any, value: Any) -> Any:
        """An argument as a 64-bit word."""
        kind = value.type
        if isinstance(kind, ir.PointerType):
            return builder.ptrtoint(value, _INT64)
        if isinstance(kind, ir.DoubleType):
            return builder.bitcast(value, _INT64)
        return builder.zext(value, _INT64) if kind.width < 64 else value

    def _argument(builder: Any, word: Any, kind: Any) -> Any:
        """The inverse of `_word`."""
        if isinstance(kind, ir.PointerType):
            return builder.inttoptr(word, kind)
        if isinstance(kind, ir.DoubleType):
            return builder.bitcast(word, kind)
        return builder.trunc(word, kind) if kind.width < 64 else word

    def _entry(builder: Any) -> Any:
        """A function that calls the kernel being compiled with arguments from words in memory.

        OpenMP's threads call it, and `program`, which finds it by its name.
        """
        compiled, name = builder.function, f"{builder.function.name}{ENTRY}"
        if name in builder.module.globals:  # the kernel has another loop, in another branch
            return builder.module.globals[name]
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [_POINTER]), name)
        inside = ir.IRBuilder(function.append_basic_block())
        words = inside.bitcast(function.args[0], _INT64.as_pointer())
        arguments = [
            _argument(inside, inside.load(inside.gep(words, [_INT32(i)])), argument.type)
            for i, argument in enumerate(compiled.args[2:])
        ]
        results = [
            inside.alloca(arg.type.pointee) for arg in compiled.args[:2]
        ]  # numba's return value and error
        inside.call(compiled, [*results, *arguments])
        inside.ret_void()
        return function

    def _start(builder: Any, entry: Any) -> None:
        """Run the kernel being compiled on all threads."""
        arguments = builder.function.args[2:]
        with builder.goto_entry_block():
            words = builder.alloca(_INT64, size=max(len(arguments), 1))
        for i, argument in enumerate(arguments):
            builder.store(_word(builder, argument), builder.gep(words, [_INT32(i)]))
        default = _INT32(0)  # as many threads as torch has set
        _call(
            builder,
            "GOMP_parallel",
            ir.VoidType(),
            entry,
            builder.bitcast(words, _POINTER),
            default,
            _INT32(0),
        )

    @intrinsic  # type: ignore[untyped-decorator]
    def parallel_range(context: Any, size: Any) -> Any:
        """The share of `range(size)` of the calling thread; empty where all threads have been started for it."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (size,) = args
            begin, end, entry = _INT64(0), size, _entry(builder)
            if SHARED:
                outside = builder.icmp_signed("==", _call(builder, "omp_in_parallel", _INT32), _INT32(0))
                several = builder.icmp_signed(">", _call(builder, "omp_get_max_threads", _INT32), _INT32(1))
                more = builder.icmp_signed(">", size, _INT64(1))
                started = builder.and_(builder.and_(outside, several), more)
                with builder.if_then(started):
                    _start(builder, entry)
                thread = builder.sext(_call(builder, "omp_get_thread_num", _INT32), _INT64)
                threads = builder.sext(_call(builder, "omp_get_num_threads", _INT32), _INT64)
                begin = builder.sdiv(builder.mul(size, thread), threads)
                end = builder.sdiv(builder.mul(size, builder.add(thread, _INT64(1))), threads)
                end = builder.select(started, begin, end)
            state = context.make_helper(builder, types.range_state64_type)
            state.start, state.stop, state.step = begin, end, _INT64(1)
            return state._getvalue()

        return types.range_state64_type(types.int64), generate
