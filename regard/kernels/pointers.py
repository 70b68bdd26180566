"""Compiled kernels as arguments of other compiled functions, called by address.

numba copies the functions that a function calls into it and optimises everything again at every level, which would
be most of the time of compiling a whole decoding step. A `KernelPointer` is a kernel compiled once for some argument
types; compiled functions that take one as an argument call its machine code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regard.kernels.compile import AVAILABLE

call: Any = None
if AVAILABLE:
    from llvmlite import ir
    from numba import typeof, types
    from numba.core import errors
    from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

    class _PointerType(types.Type):
        """The type of pointers to kernels with these argument types."""

        def __init__(self, arguments: tuple[Any, ...]) -> None:
            self.arguments = arguments
            super().__init__(name=f"KernelPointer{arguments}")

    @register_model(_PointerType)
    class _PointerModel(models.PrimitiveModel):
        def __init__(self, manager: Any, kind: Any) -> None:
            super().__init__(manager, kind, ir.IntType(64))

    @unbox(_PointerType)  # type: ignore[untyped-decorator]
    def _unbox_pointer(kind: Any, pointer: Any, context: Any) -> Any:
        number = context.pyapi.object_getattr_string(pointer, "address")
        address = context.pyapi.long_as_longlong(number)
        context.pyapi.decref(number)
        return NativeValue(address)

    @intrinsic  # type: ignore[untyped-decorator]
    def call(context: Any, pointer: Any, *arguments: Any) -> Any:
        """Call a kernel by its pointer, with arguments of exactly the types that it was compiled for."""
        if not isinstance(pointer, _PointerType) or pointer.arguments != tuple(
            map(types.unliteral, arguments)
        ):
            raise errors.TypingError(f"expected arguments for {pointer}, got {arguments}")

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            convention = context.call_conv
            kind = convention.get_function_type(types.none, pointer.arguments)
            function = builder.inttoptr(args[0], kind.as_pointer())
            values = [
                context.cast(builder, builder.extract_value(args[1], i), got, expected)
                for i, (got, expected) in enumerate(zip(arguments, pointer.arguments, strict=True))
            ]
            convention.call_function(builder, function, types.none, pointer.arguments, values)
            return context.get_dummy_value()

        return types.none(pointer, types.BaseTuple.from_types(arguments)), generate


class KernelPointer:
    """A kernel compiled for the types of some arguments; `address` is that of its machine code."""

    def __init__(self, kernel: Any, arguments: Sequence[Any]) -> None:
        self.types = tuple(map(typeof, arguments))
        kernel.compile(self.types)
        compiled = kernel.overloads[self.types]
        self.address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        self._kernel = kernel  # keeps the machine code


if AVAILABLE:

    @typeof_impl.register(KernelPointer)  # type: ignore[untyped-decorator]
    def _type_of_pointer(pointer: KernelPointer, _: object) -> Any:
        return _PointerType(pointer.types)
