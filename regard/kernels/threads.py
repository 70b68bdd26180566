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

    def _thread_function(builder: Any, arguments: Any) -> Any:
        """Return a function for OpenMP that calls the kernel being compiled with arguments from a structure."""
        compiled, kind = builder.function, ir.FunctionType(ir.VoidType(), [_POINTER])
        name = f"{compiled.name}.thread"
        if name in builder.module.globals:  # of another loop, in another branch
            return builder.module.globals[name]
        function = ir.Function(builder.module, kind, name)
        function.linkage = "internal"
        inside = ir.IRBuilder(function.append_basic_block())
        data = inside.bitcast(function.args[0], arguments.as_pointer())
        fields = [
            inside.load(inside.gep(data, [_INT32(0), _INT32(i)])) for i in range(len(arguments.elements))
        ]
        # numba's return value and error
        results = [inside.alloca(arg.type.pointee) for arg in compiled.args[:2]]
        inside.call(compiled, [*results, *fields])
        inside.ret_void()
        return function

    def _start(builder: Any) -> None:
        """Run the kernel being compiled on all threads."""
        arguments = builder.function.args[2:]
        structure = ir.LiteralStructType([argument.type for argument in arguments])
        function = _thread_function(builder, structure)
        with builder.goto_entry_block():
            data = builder.alloca(structure)
        for i, argument in enumerate(arguments):
            builder.store(argument, builder.gep(data, [_INT32(0), _INT32(i)]))
        default = _INT32(0)  # as many threads as torch has set
        _call(
            builder,
            "GOMP_parallel",
            ir.VoidType(),
            function,
            builder.bitcast(data, _POINTER),
            default,
            _INT32(0),
        )

    @intrinsic  # type: ignore[untyped-decorator]
    def parallel_range(context: Any, size: Any) -> Any:
        """The share of `range(size)` of the calling thread; empty where all threads have been started for it."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (size,) = args
            begin, end = _INT64(0), size
            if SHARED:
                outside = builder.icmp_signed("==", _call(builder, "omp_in_parallel", _INT32), _INT32(0))
                several = builder.icmp_signed(">", _call(builder, "omp_get_max_threads", _INT32), _INT32(1))
                more = builder.icmp_signed(">", size, _INT64(1))
                started = builder.and_(builder.and_(outside, several), more)
                with builder.if_then(started):
                    _start(builder)
                thread = builder.sext(_call(builder, "omp_get_thread_num", _INT32), _INT64)
                threads = builder.sext(_call(builder, "omp_get_num_threads", _INT32), _INT64)
                begin = builder.sdiv(builder.mul(size, thread), threads)
                end = builder.sdiv(builder.mul(size, builder.add(thread, _INT64(1))), threads)
                end = builder.select(started, begin, end)
            state = context.make_helper(builder, types.range_state64_type)
            state.start, state.stop, state.step = begin, end, _INT64(1)
            return state._getvalue()

        return types.range_state64_type(types.int64), generate
