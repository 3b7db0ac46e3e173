"""What the header of a GGUF file says: its keys with their values, and its table of tensors.

The format is that of ggml's docs/gguf.md, versions 2 and 3, little endian. Of the bytes nothing is believed:
no length is followed beyond them, nothing is read for longer than they last, and what is kept is bounded.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.untrusted import LARGEST

Scalar = str | int | float | bool

# Bytes. The tokenizer's words are the bulk of a header; Gemma's 262,144 with scores and types take some 6 MB.
MOST_HEADER = 64 << 20
# What is read of a file first, then four times as much each time.
_FIRST_READ = 1 << 20
_MOST_KEYS = 1 << 16
_LONGEST_KEY = (1 << 16) - 1  # as the format has it
_MOST_TENSORS = 1 << 20
_MOST_DIMENSIONS = 4  # ggml's GGML_MAX_DIMS
_DEEPEST_ARRAY = 4
# An array's values are kept if they are so few: one for each layer, not one for each word.
MOST_KEPT = 1024
LONGEST_KEPT = 1 << 16  # bytes of a text
_SMALLEST_HEADER = 24

_STRING, _ARRAY = 8, 9
# Type number -> how a value of it is unpacked.
_SCALARS = {
    number: struct.Struct(f"<{form}")
    for number, form in {
        0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d",
    }.items()
}  # fmt: skip
_BOOL = 7
_U32, _U64 = _SCALARS[4], _SCALARS[10]

# Number of a ggml type -> name, weights in a block, bytes of a block (ggml's own table of block sizes).
_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


class NoGguf(Exception):
    """These are no beginning of a GGUF file, or of one that nobody could load."""


class _Ends(Exception):
    """The bytes end here; the file goes on."""


@dataclass(frozen=True, kw_only=True)
class GgufHeader:
    """A header as far as the bytes showed it.

    `values` has the keys with one value, `arrays` the short arrays (at most MOST_KEPT numbers or texts),
    `array_lengths` how long each array is, kept or not. Texts over LONGEST_KEPT bytes together are left out.
    The rest is known if `is_whole`: `parameter_count` counts the numbers in all tensors of this file,
    `bytes_by_type` the bytes that they take by ggml type; None if one of them has a type unheard of.
    """

    version: int
    tensor_count: int
    is_whole: bool
    values: Mapping[str, Scalar] = field(default_factory=dict)
    arrays: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    array_lengths: Mapping[str, int] = field(default_factory=dict)
    parameter_count: int | None = None
    bytes_by_type: Mapping[str, int] | None = None

    @property
    def weights_bytes(self) -> int | None:
        """What the tensors of this file take together."""
        return None if self.bytes_by_type is None else sum(self.bytes_by_type.values())


def read(start: bytes, *, total_bytes: int | None = None) -> GgufHeader:
    """The header that a file begins with, or what its first bytes show of it.

    `total_bytes` is the size of the whole file, if that is known: a count that it could not hold is refused.
    Raises NoGguf.
    """
    return _Reader(start, total_bytes).header()


def read_file(path: Path) -> GgufHeader:
    """The header of a local file; of the rest nothing is read.

    Raises NoGguf, also when the header is longer than MOST_HEADER or than the file, and OSError.
    """
    with path.open("rb") as file:
        total = file.seek(0, 2)
        file.seek(0)
        start = b""
        size = _FIRST_READ
        while True:
            start += file.read(size - len(start))
            header = read(start, total_bytes=total)
            if header.is_whole:
                return header
            if len(start) < size or size >= MOST_HEADER:
                raise NoGguf("The file ends within its header, or the header is longer than any real one.")
            size *= 4


class _Reader:
    def __init__(self, start: bytes, total_bytes: int | None) -> None:
        self.data = start
        self.at = 0
        # Nothing in a file can be more than the file has bytes.
        self.most = LARGEST if total_bytes is None else total_bytes
        self.values: dict[str, Scalar] = {}
        self.arrays: dict[str, tuple[Scalar, ...]] = {}
        self.array_lengths: dict[str, int] = {}

    def header(self) -> GgufHeader:
        version, tensor_count, key_count = self.beginning()
        tensors, is_whole = _Tensors(), True
        try:
            for _ in range(key_count):
                self.key_and_value()
            for _ in range(tensor_count):
                self.tensor(tensors)
        except _Ends:
            is_whole = False
        return GgufHeader(
            version=version,
            tensor_count=tensor_count,
            is_whole=is_whole,
            values=self.values,
            arrays=self.arrays,
            array_lengths=self.array_lengths,
            parameter_count=tensors.parameters if is_whole else None,
            bytes_by_type=tensors.bytes_by_type if is_whole and tensors.all_known else None,
        )

    def beginning(self) -> tuple[int, int, int]:
        if self.data[:4] != b"GGUF"[: len(self.data)]:
            raise NoGguf("The file does not begin as a GGUF file does.")
        if len(self.data) < _SMALLEST_HEADER:
            raise NoGguf("The file ends before its header does.")
        version = _U32.unpack_from(self.data, 4)[0]
        if version not in (2, 3):
            is_big_endian = int.from_bytes(self.data[4:8], "big") in (2, 3)
            raise NoGguf(
                "The file is big endian, which no machine of today reads."
                if is_big_endian
                else f"The file has version {version} of GGUF; 2 and 3 can be read."
            )
        self.at = 8
        tensor_count, key_count = self.number(_U64), self.number(_U64)
        if key_count > _MOST_KEYS or tensor_count > _MOST_TENSORS:
            raise NoGguf("The header announces more keys or tensors than any real one.")
        return version, tensor_count, key_count

    def key_and_value(self) -> None:
        key = self.short_text()
        if key in self.values or key in self.array_lengths:
            raise NoGguf("The header has a key twice.")
        kind = self.number(_U32)
        if kind == _ARRAY:
            self.array(key)
        elif kind == _STRING:
            start, end = self.string()
            if end - start <= LONGEST_KEPT:
                self.values[key] = self.data[start:end].decode(errors="replace")
        else:
            self.values[key] = self.scalar(kind)

    def array(self, key: str) -> None:
        """The length is noted before the content is looked at: of a long array the beginning suffices."""
        kind, length = self.number(_U32), self.number(_U64)
        if length * self.smallest(kind) > self.most:
            raise NoGguf("An array is longer than its file.")
        self.array_lengths[key] = length
        if length > MOST_KEPT or kind == _ARRAY:
            self.skip(kind, length, depth=1)
        elif kind == _STRING:
            places = [self.string() for _ in range(length)]
            if not places or places[-1][1] - places[0][0] <= LONGEST_KEPT:
                self.arrays[key] = tuple(self.data[at:to].decode(errors="replace") for at, to in places)
        else:
            self.arrays[key] = tuple(self.scalar(kind) for _ in range(length))

    def skip(self, kind: int, length: int, depth: int) -> None:
        """Pass over `length` values; each takes a byte at least, so this ends with the data."""
        if kind in _SCALARS:
            self.move(length * _SCALARS[kind].size)
        elif kind == _STRING:
            self.skip_strings(length)
        elif depth < _DEEPEST_ARRAY:
            for _ in range(length):
                self.skip(self.number(_U32), self.number(_U64), depth + 1)
        else:
            raise NoGguf("Arrays stand in arrays, deeper than in any real header.")

    def skip_strings(self, length: int) -> None:
        """What `string` does, often: most of a header is the tokenizer's words."""
        data, at, end = self.data, self.at, len(self.data)
        for _ in range(length):
            if end - at < 8:
                raise _Ends
            size = int.from_bytes(data[at : at + 8], "little")
            if size > self.most:
                raise NoGguf("A text is longer than it may be.")
            at += 8 + size
        if at > end:
            raise _Ends
        self.at = at

    def smallest(self, kind: int) -> int:
        """Bytes that a value of this type takes at least."""
        if kind in (_STRING, _ARRAY):
            return 8 if kind == _STRING else 12
        if kind not in _SCALARS:
            raise NoGguf("A value has a type that GGUF does not know.")
        return _SCALARS[kind].size

    def scalar(self, kind: int) -> Scalar:
        self.smallest(kind)
        value = self.number(_SCALARS[kind])
        if kind != _BOOL:
            return value
        if value not in (0, 1):
            raise NoGguf("A truth value is neither true nor false.")
        return value == 1

    def tensor(self, tensors: "_Tensors") -> None:
        self.short_text()  # its name
        dimensions = self.number(_U32)
        if dimensions > _MOST_DIMENSIONS:
            raise NoGguf("A tensor has more dimensions than ggml knows.")
        shape = [self.number(_U64) for _ in range(dimensions)]
        kind = self.number(_U32)
        self.number(_U64)  # where it lies
        tensors.add(shape, kind, self.most)

    def short_text(self) -> str:
        start, end = self.string(most=_LONGEST_KEY)
        try:
            return self.data[start:end].decode()
        except UnicodeDecodeError:
            raise NoGguf("A name is no text.") from None

    def string(self, most: int | None = None) -> tuple[int, int]:
        length = self.number(_U64)
        if length > (self.most if most is None else most):
            raise NoGguf("A text is longer than it may be.")
        self.move(length)
        return self.at - length, self.at

    def number(self, form: struct.Struct) -> int:
        start = self.at
        self.move(form.size)
        found: int = form.unpack_from(self.data, start)[0]
        return found

    def move(self, length: int) -> None:
        if length > len(self.data) - self.at:
            raise _Ends
        self.at += length


class _Tensors:
    def __init__(self) -> None:
        self.parameters = 0
        self.bytes_by_type: dict[str, int] = {}
        self.all_known = True

    def add(self, shape: list[int], kind: int, most: int) -> None:
        elements = math.prod(shape)
        if elements > LARGEST:
            raise NoGguf("A tensor is larger than any disk.")
        self.parameters += elements
        if kind not in _TYPES:
            self.all_known = False
            return
        type_name, block, block_bytes = _TYPES[kind]
        if elements % block:
            raise NoGguf("A tensor does not fill its blocks.")
        self.bytes_by_type[type_name] = self.bytes_by_type.get(type_name, 0) + elements // block * block_bytes
        if sum(self.bytes_by_type.values()) > most:
            raise NoGguf("The tensors are larger than their file.")
