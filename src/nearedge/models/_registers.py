"""Vector registers for Numba: a type of eight numbers, and the operations that training needs.

LLVM turns loops into vector code where it can prove that it may. On products of matrices as small
as these it keeps sums in memory, which costs several times the arithmetic. With registers as values
a compiled function says what stays in them. LLVM maps eight numbers to whatever the processor has:
one AVX register of float32, two of float64 or of NEON.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from nearedge.models._state import LANES

_INT32 = ir.IntType(32)
_X86 = llvm.get_default_triple().startswith("x86_64")


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_OPTIONS_OF_A_PART = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled(function: Callable) -> Any:
    """Compile a function that Python calls, once per machine and version of its file.

    What the tests' type checker wraps around a function is taken off: Numba compiles the source.
    """
    return numba.njit(**_OPTIONS, cache=True)(inspect.unwrap(function))


def part(function: Callable) -> Any:
    """Compile a function that only compiled ones call, as a part of them."""
    return numba.njit(**_OPTIONS_OF_A_PART)(inspect.unwrap(function))


def _operation(generator: Callable) -> Any:
    """Make an operation of compiled code; its arguments are not those of its generator."""
    return intrinsic(generator)


class Register(types.Type):
    """Numba's type of a register of float32 or float64."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Register({dtype})")


@register_model(Register)
class _RegisterModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        element = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, LANES))


def _address(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


def _spread(builder, number):
    kind = ir.VectorType(number.type, LANES)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(_INT32, 0))
    return _shuffled(builder, first, first, [0] * LANES)


def _shuffled(builder, one, other, lanes):
    chosen = ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes)
    return builder.shuffle_vector(one, other, chosen)


def _llvm_function(builder, name, kind, arity):
    bits = 32 if isinstance(kind.element, ir.FloatType) else 64
    return cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * arity), f"llvm.{name}.v{LANES}f{bits}"
    )


@_operation
def load(typing, array, index):
    """Read eight neighbours of a flat array."""
    register = Register(array.dtype)

    def generate(context, builder, signature, arguments):
        address = _address(context, builder, signature, arguments)
        kind = context.get_value_type(register)
        return builder.load(
            builder.bitcast(address, kind.as_pointer()), align=array.dtype.bitwidth // 8
        )

    return register(array, types.intp), generate


@_operation
def store(typing, array, index, register):
    """Write eight neighbours of a flat array."""

    def generate(context, builder, signature, arguments):
        address = _address(context, builder, signature, arguments)
        kind = arguments[2].type
        builder.store(
            arguments[2],
            builder.bitcast(address, kind.as_pointer()),
            align=array.dtype.bitwidth // 8,
        )
        return context.get_dummy_value()

    return types.void(array, types.intp, register), generate


@_operation
def spread(typing, array, index):
    """Read one number into all lanes."""

    def generate(context, builder, signature, arguments):
        return _spread(builder, builder.load(_address(context, builder, signature, arguments)))

    return Register(array.dtype)(array, types.intp), generate


@_operation
def filled(typing, like, number):
    """Fill all lanes with a number, in the precision of an array or register."""

    def generate(context, builder, signature, arguments):
        return _spread(builder, context.cast(builder, arguments[1], number, like.dtype))

    return Register(like.dtype)(like, number), generate


@_operation
def prefetch(typing, array, index):
    """Ask for a place of an array that will soon be read."""

    def generate(context, builder, signature, arguments):
        byte = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32]),
            "llvm.prefetch.p0",
        )
        address = builder.bitcast(_address(context, builder, signature, arguments), byte)
        # For reading, to be kept in all caches, data.
        builder.call(function, [address, *(ir.Constant(_INT32, flag) for flag in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


def _elementwise(name, arity):
    """Build a function of LLVM on equal registers."""

    def typed(register, generate):
        return register(*[register] * arity), generate

    def generate(context, builder, signature, arguments):
        function = _llvm_function(builder, name, arguments[0].type, arity)
        return builder.call(function, arguments)

    return {
        1: _operation(lambda typing, a: typed(a, generate)),
        2: _operation(lambda typing, a, b: typed(a, generate)),
        3: _operation(lambda typing, a, b, c: typed(a, generate)),
    }[arity]


sqrt = _elementwise("sqrt", 1)
floor = _elementwise("floor", 1)
greater = _elementwise("maxnum", 2)
#: The product of the first two plus the third, rounded once where the processor can.
multiply_add = _elementwise("fmuladd", 3)


def _instruction(name):
    """Build an instruction of LLVM on equal registers.

    A named function, because Numba compiles each use of an operator by trying all it knows.
    """

    def instruction(typing, a, b):
        def generate(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments)

        return a(a, b), generate

    return _operation(instruction)


plus, minus = _instruction("fadd"), _instruction("fsub")
times, over = _instruction("fmul"), _instruction("fdiv")


@_operation
def where_positive(typing, condition, register):
    """Keep lanes where the condition is above zero; zero elsewhere."""

    def generate(context, builder, signature, arguments):
        zero = ir.Constant(arguments[0].type, None)
        return builder.select(builder.fcmp_unordered(">", arguments[0], zero), arguments[1], zero)

    return register(condition, register), generate


@_operation
def wait(typing):
    """Keep LLVM from reading memory here that the source reads later.

    It reads far ahead otherwise, and then has too few registers for what it holds already. No
    instruction comes of this.
    """

    def generate(context, builder, signature, arguments):
        builder.fence("acq_rel", "singlethread")
        return context.get_dummy_value()

    return types.void(), generate


@_operation
def power_of_two(typing, register):
    """Raise two to whole numbers, by writing them as exponents."""
    bits = register.dtype.bitwidth
    bias, shift = {32: (127, 23), 64: (1023, 52)}[bits]

    def generate(context, builder, signature, arguments):
        whole = ir.VectorType(ir.IntType(bits), LANES)
        exponent = builder.add(
            builder.fptosi(arguments[0], whole), ir.Constant(whole, [bias] * LANES)
        )
        shifted = builder.shl(exponent, ir.Constant(whole, [shift] * LANES))
        return builder.bitcast(shifted, arguments[0].type)

    return register(register), generate


def _reduction(combine):
    """Build a reduction of all lanes to one number: halves onto each other, always alike."""

    def reduction(typing, register):
        def generate(context, builder, signature, arguments):
            (value,) = arguments
            width = LANES
            while width > 1:
                half = width // 2
                low = _shuffled(builder, value, value, list(range(half)))
                high = _shuffled(builder, value, value, list(range(half, width)))
                value, width = combine(builder, low, high), half
            return builder.extract_element(value, ir.Constant(_INT32, 0))

        return register.dtype(register), generate

    return _operation(reduction)


total = _reduction(lambda builder, one, other: builder.fadd(one, other))
greatest = _reduction(
    lambda builder, one, other: builder.select(builder.fcmp_ordered(">", one, other), one, other)
)


@_operation
def transpose(typing, source, at, stride, target, to, step):
    """Copy a square of eight rows of eight to its transpose, between flat arrays."""

    def generate(context, builder, signature, arguments):
        source, at, stride, target, to, step = arguments
        kind = ir.VectorType(context.get_value_type(signature.args[0].dtype), LANES)
        align = signature.args[0].dtype.bitwidth // 8

        def row(number, array, kind_of_array, first, width):
            offset = builder.add(first, builder.mul(width, ir.Constant(width.type, number)))
            data = context.make_array(kind_of_array)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [offset]), kind.as_pointer())

        rows = [
            builder.load(row(number, source, signature.args[0], at, stride), align=align)
            for number in range(LANES)
        ]
        half = LANES // 2
        # Three rounds of shuffling two halves of the rows into each other, as cards.
        for _ in range(3):
            rows = [
                _shuffled(builder, rows[place], rows[place + half], lanes)
                for place in range(half)
                for lanes in (
                    [0, LANES, 1, LANES + 1, 2, LANES + 2, 3, LANES + 3],
                    [4, LANES + 4, 5, LANES + 5, 6, LANES + 6, 7, LANES + 7],
                )
            ]
        for number, value in enumerate(rows):
            builder.store(value, row(number, target, signature.args[3], to, step), align=align)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), generate


@_operation
def flush_denormals(typing):
    """Take numbers below the least normal one as zero from here on; returns what to restore.

    Adam's running means of a node that has died fade into that range, where processors of the x86
    family are many times slower. Others are not, and are left as they are.
    """

    def generate(context, builder, signature, arguments):
        if not _X86:
            return ir.Constant(_INT32, 0)
        place = cgutils.alloca_once(builder, _INT32)
        _control_register(builder, "stmxcsr", place)
        before = builder.load(place)
        # Bit 15 flushes results, bit 6 takes operands as zero.
        builder.store(builder.or_(before, ir.Constant(_INT32, 0x8040)), place)
        _control_register(builder, "ldmxcsr", place)
        return before

    return types.int32(), generate


@_operation
def restore_denormals(typing, before):
    """Undo `flush_denormals`."""

    def generate(context, builder, signature, arguments):
        if _X86:
            place = cgutils.alloca_once(builder, _INT32)
            builder.store(arguments[0], place)
            _control_register(builder, "ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(types.int32), generate


def _control_register(builder, instruction, place):
    byte = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte]), f"llvm.x86.sse.{instruction}"
    )
    builder.call(function, [builder.bitcast(place, byte)])
