"""Read one numeric array of a MATLAB file of version 5 to 7.

SciPy's reader of these files ends the whole process for some damaged files, since it uses numbers from the file
without a check. Only arrays of real numbers are read here; the format is in MathWorks' "MAT-File Format".
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15  # kinds of elements
# How samples are stored, by the number of the type. A class may use a smaller type than its own.
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NUMERIC_CLASSES = range(6, 16)  # double, single, and signed and unsigned integers of 8 to 64 bits
COMPLEX = 0x800
MAX_BYTES = 1 << 32  # of one variable after inflating


@dataclass(frozen=True)
class _Variable:
    """The head of a variable, and its bytes."""

    name: str
    shape: tuple[int, ...]
    is_numeric: bool
    order: str  # of bytes: < or >
    samples: memoryview  # the element with the samples, and what follows


def read_array(data: bytes, wanted: str | None) -> NDArray[Any]:
    """The named array, with the axes in MATLAB's order and the type in which it is stored.

    Raises BadScan if the file does not have it, or is damaged, or if it is not an array of real numbers.
    """
    names = list[str]()
    for variable in _variables(data):
        if variable.name == wanted:
            return _samples(variable)
        names.append(variable.name)
    raise BadScan(f"has no array {wanted!r}; its arrays: {', '.join(sorted(names)[:20])}", remedy="correct 'array'")


def _variables(data: bytes) -> Iterator[_Variable]:
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise BadScan("is not a MATLAB file of version 5 to 7.3")
    rest = memoryview(data)[HEADER_BYTES:]
    while len(rest) >= 8:
        kind, content, rest = _element(rest, order, padded=False)
        if kind == COMPRESSED:
            kind, content, _ = _element(memoryview(_inflated(content)), order)
        if kind == MATRIX and len(content) > 0:
            yield _variable(content, order)


def _variable(content: memoryview, order: str) -> _Variable:
    _, flags, content = _element(content, order)
    _, sizes, content = _element(content, order)
    _, name, content = _element(content, order)
    flag = int(np.frombuffer(flags[:4], f"{order}u4")[0])
    shape = tuple(int(n) for n in np.frombuffer(sizes, f"{order}i4"))
    is_numeric = flag & 0xFF in NUMERIC_CLASSES and not flag & COMPLEX
    return _Variable(bytes(name).decode("latin-1"), shape, is_numeric, order, content)


def _samples(variable: _Variable) -> NDArray[Any]:
    shape = variable.shape
    if not variable.is_numeric:
        raise BadScan(f"{variable.name!r} is not an array of real numbers", remedy="correct 'array'")
    kind, content, _ = _element(variable.samples, variable.order)
    if kind not in STORED or min(shape, default=-1) < 0:
        raise BadScan(f"{variable.name!r} has the invalid shape {shape} or type {kind}")
    stored = np.dtype(variable.order + STORED[kind])
    if len(content) != math.prod(shape) * stored.itemsize:
        raise BadScan(f"{variable.name!r} has {len(content)} bytes for {shape} samples of {stored.itemsize} bytes each")
    return np.frombuffer(content, stored).reshape(shape, order="F").astype(stored.newbyteorder("="))


def _element(data: memoryview, order: str, padded: bool = True) -> tuple[int, memoryview, memoryview]:
    """Kind and content of the first element, and what follows it."""
    if len(data) < 8:
        raise BadScan("ends in the middle of an element")
    kind, size = (int(n) for n in np.frombuffer(data[:8], f"{order}u4"))
    if kind >> 16:  # a small element: size and content are in the same eight bytes
        size, kind = kind >> 16, kind & 0xFFFF
        start, end, after = 4, 4 + size, 8
        if size > 4:
            raise BadScan(f"has a small element of {size} bytes")
    else:
        start, end = 8, 8 + size
        after = end if kind == COMPRESSED or not padded else end + -size % 8
    if end > len(data):
        raise BadScan(f"has an element of {size} bytes, but ends after {len(data) - start}")
    return kind, data[start:end], data[after:]


def _inflated(content: memoryview) -> bytes:
    inflater = zlib.decompressobj()
    data = inflater.decompress(content, MAX_BYTES)
    if inflater.unconsumed_tail:
        raise BadScan(f"inflates to more than {MAX_BYTES} bytes")
    if not inflater.eof:
        raise BadScan("ends in the middle of compressed samples")
    return data
