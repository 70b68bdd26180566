"""float32 functions and casts that vectorise."""

from __future__ import annotations

from typing import Any

from regard.kernels.compile import AVAILABLE, f32

if AVAILABLE:
    import numba
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

exp: Any
tanh: Any
sigmoid: Any
dropout_scale: Any
maximum: Any
to_float32: Any
cast_like: Any
quantize: Any
dequantize: Any
_HELPER = {"contract", "nsz"}
MAX_UINT16 = 65535

if not AVAILABLE:
    exp = tanh = sigmoid = dropout_scale = maximum = to_float32 = cast_like = quantize = dequantize = None
else:
    _helper = numba.njit(forceinline=True, fastmath=_HELPER, error_model="numpy")

    def _full_vectors(builder: Any) -> None:
        """Let the loops of the function that is being built use the widest vectors of the CPU.

        On CPUs with vectors of 512 bits LLVM prefers 256, for the sake of code that uses vectors only now and then.
        """
        attributes = builder.function.attributes
        if isinstance(attributes, set):  # llvmlite knows no such attribute, and would refuse it
            set.add(attributes, '"prefer-vector-width"="512"')

    def _float(number: float) -> Any:
        return ir.Constant(ir.FloatType(), number)

    def _bits(builder: Any, value: Any) -> Any:
        return builder.bitcast(value, ir.IntType(32))

    @intrinsic
    def _power_of_two(context: Any, rounded: Any) -> Any:
        """Return 2^n, given n + 1.5 · 2^23 as a float32."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            number = ir.IntType(32)
            biased = builder.add(_bits(builder, args[0]), ir.Constant(number, 127))
            return builder.bitcast(builder.shl(biased, ir.Constant(number, 23)), ir.FloatType())

        return types.float32(types.float32), generate

    @intrinsic
    def _if_less(context: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        """Return `then` if a < b, else `otherwise`, without a branch."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

        return types.float32(types.float32, types.float32, types.float32, types.float32), generate

    @intrinsic
    def maximum(context: Any, one: Any, other: Any) -> Any:
        """Return the larger of two float32, in any order; with `max` a loop would not vectorise."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            first = builder.fcmp_ordered(">", *args, flags=("fast",))
            return builder.select(first, *args, flags=("fast",))

        return types.float32(types.float32, types.float32), generate

    @intrinsic
    def dropout_scale(
        context: Any, first: Any, j: Any, low: Any, high: Any, threshold: Any, scale: Any
    ) -> Any:
        """Return `scale` or 0, by a hash of index first + j: the mixing of Wellons, Hash Prospector, lowbias32."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            number = ir.IntType(32)
            first, j, low, high, threshold = (builder.trunc(arg, number) for arg in args[:5])

            def mixed(x: Any, shift: int, factor: int, *more: Any) -> Any:
                x = builder.xor(x, builder.lshr(x, ir.Constant(number, shift)))
                for other in more:
                    x = builder.xor(x, other)
                return builder.mul(x, ir.Constant(number, factor))

            x = builder.add(builder.mul(builder.add(first, j), ir.Constant(number, 0x9E3779B9)), low)
            x = mixed(mixed(x, 16, 0x7FEB352D), 15, 0x846CA68B, high)
            x = builder.xor(x, builder.lshr(x, ir.Constant(number, 16)))
            keep = builder.icmp_unsigned(">=", x, threshold)
            return builder.select(keep, args[5], ir.Constant(ir.FloatType(), 0.0))

        return types.float32(first, j, low, high, threshold, types.float32), generate

    @intrinsic
    def to_float32(context: Any, x: Any) -> Any:
        """Return a float32, a bfloat16 (as its bits, uint16) or an int8 as a float32."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            if x == types.int8:
                return builder.sitofp(args[0], ir.FloatType())
            if x != types.uint16:
                return args[0]
            number = ir.IntType(32)
            shifted = builder.shl(builder.zext(args[0], number), ir.Constant(number, 16))
            return builder.bitcast(shifted, ir.FloatType())

        return types.float32(x), generate

    @intrinsic
    def cast_like(context: Any, target: Any, x: Any) -> Any:
        """Round a float32 to the dtype of an array: float32, or bfloat16 (as its bits, ties to even)."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            if target.dtype != types.uint16:
                return args[1]
            number, half = ir.IntType(32), ir.Constant(ir.IntType(32), 16)
            bits = _bits(builder, args[1])
            odd = builder.and_(builder.lshr(bits, half), ir.Constant(number, 1))
            rounded = builder.add(bits, builder.add(odd, ir.Constant(number, 0x7FFF)))
            return builder.trunc(builder.lshr(rounded, half), ir.IntType(16))

        return target.dtype(target, types.float32), generate

    @intrinsic
    def quantize(context: Any, target: Any, x: Any, lower: Any) -> Any:
        """Quantize a float32 in [lower, 1] to the dtype of an array: float32 as it is, or 65,536 levels in uint16."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            if target.dtype != types.uint16:
                return args[1]
            above, number = builder.fsub(args[1], args[2]), ir.IntType(32)
            level = builder.fdiv(builder.fmul(above, _float(MAX_UINT16)), builder.fsub(_float(1), args[2]))
            return builder.trunc(builder.fptosi(builder.fadd(level, _float(0.5)), number), ir.IntType(16))

        return target.dtype(target, types.float32, types.float32), generate

    @intrinsic
    def dequantize(context: Any, x: Any, lower: Any) -> Any:
        """Return what `quantize` stored as a float32."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _full_vectors(builder)
            if x != types.uint16:
                return args[0]
            level = builder.sitofp(builder.zext(args[0], ir.IntType(32)), ir.FloatType())
            distance = builder.fdiv(builder.fsub(_float(1), args[1]), _float(MAX_UINT16))
            return builder.fadd(builder.fmul(level, distance), args[1])

        return types.float32(x, types.float32), generate

    _ROUND = f32(12582912.0)  # 1.5 · 2^23: adding it rounds to an integer

    @_helper
    def exp(x: Any) -> Any:
        """Return e^x, for x up to 88; below -87 e^-87.

        A polynomial on [-ln 2 / 2, ln 2 / 2] times a power of two; coefficients: Moshier, Cephes, expf.
        """
        x = _if_less(x, f32(-87.0), f32(-87.0), x)
        shifted = x * f32(1.44269504088896341) + _ROUND
        n = shifted - _ROUND
        r = (x - n * f32(0.693359375)) - n * f32(-2.12194440e-4)
        p = f32(1.9875691500e-4)
        p = p * r + f32(1.3981999507e-3)
        p = p * r + f32(8.3334519073e-3)
        p = p * r + f32(4.1665795894e-2)
        p = p * r + f32(1.6666665459e-1)
        p = p * r + f32(5.0000001201e-1)
        return (p * r * r + r + f32(1.0)) * _power_of_two(shifted)

    @_helper
    def tanh(x: Any) -> Any:
        """Return tanh x by a ratio of polynomials, ±1 beyond ±8; coefficients: Eigen, generic_fast_tanh_float."""
        x = _if_less(x, f32(-7.99881172180175781), f32(-7.99881172180175781), x)
        x = _if_less(f32(7.99881172180175781), x, f32(7.99881172180175781), x)
        z = x * x
        p = f32(-2.76076847742355e-16)
        p = p * z + f32(2.00018790482477e-13)
        p = p * z + f32(-8.60467152213735e-11)
        p = p * z + f32(5.12229709037114e-08)
        p = p * z + f32(1.48572235717979e-05)
        p = p * z + f32(6.37261928875436e-04)
        p = p * z + f32(4.89352455891786e-03)
        q = f32(1.19825839466702e-06)
        q = q * z + f32(1.18534705686654e-04)
        q = q * z + f32(2.26843463243900e-03)
        q = q * z + f32(4.89352518554385e-03)
        return x * p / q

    @_helper
    def sigmoid(x: Any) -> Any:
        """Return 1 / (1 + e^-x)."""
        x = _if_less(x, f32(-87.0), f32(-87.0), x)
        return f32(1.0) / (f32(1.0) + exp(-x))
