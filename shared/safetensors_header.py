"""What the header of a safetensors file says: which tensors it has, of which type and shape.

The format is that of the safetensors project: eight bytes with the length of the header, the header as JSON,
the tensors. Of the bytes nothing is believed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.untrusted import LARGEST, LARGEST_DIMENSION, mapping

# Bytes before the header, which say how long it is.
PREFIX = 8
# Bytes. The format allows 100 MB; a real file has a few thousand tensors with some 120 bytes each.
MOST_HEADER = 16 << 20
_MOST_DIMENSIONS = 8
# Bits of a number of each type that safetensors has.
_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}


class NoSafetensors(Exception):
    """These are no beginning of a safetensors file, or not as much of it as its header has."""


@dataclass(frozen=True, kw_only=True)
class SafetensorsHeader:
    """The tensors of one file: the shape of each by name, how many numbers of which type, and their bytes."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    parameters_by_dtype: Mapping[str, int] = field(default_factory=dict)
    weights_bytes: int = 0

    @property
    def parameter_count(self) -> int:
        """The numbers in all tensors of this file; several weights may be packed into one."""
        return sum(self.parameters_by_dtype.values())


def bytes_needed(first8: bytes) -> int:
    """How many bytes of the file `read` wants, by its first PREFIX bytes. Raises NoSafetensors."""
    if len(first8) < PREFIX:
        raise NoSafetensors("The file ends before its header does.")
    length = int.from_bytes(first8[:PREFIX], "little")
    if not 2 <= length <= MOST_HEADER:
        raise NoSafetensors("The file does not begin as a safetensors file does.")
    return PREFIX + length


def read(start: bytes, *, total_bytes: int | None = None) -> SafetensorsHeader:
    """The header that a file begins with; `start` may go on behind it.

    `total_bytes` is the size of the whole file, if that is known: tensors that it could not hold are refused.
    Raises NoSafetensors, also when `start` has less than `bytes_needed`.
    """
    end = bytes_needed(start)
    if len(start) < end:
        raise NoSafetensors(f"The header has {end} bytes, and only {len(start)} of them are here.")
    try:
        found = json.loads(start[PREFIX:end])
    except (ValueError, RecursionError):
        raise NoSafetensors("The header is no JSON.") from None
    if not isinstance(found, dict):
        raise NoSafetensors("The header is no JSON object.")
    return _header(found, LARGEST if total_bytes is None else total_bytes - end)


def read_file(path: Path) -> SafetensorsHeader:
    """The header of a local file; of the tensors nothing is read. Raises NoSafetensors and OSError."""
    with path.open("rb") as file:
        total = file.seek(0, 2)
        file.seek(0)
        first8 = file.read(PREFIX)
        return read(first8 + file.read(bytes_needed(first8) - PREFIX), total_bytes=total)


def _header(found: Mapping[str, Any], most: int) -> SafetensorsHeader:
    shapes: dict[str, tuple[int, ...]] = {}
    by_dtype: dict[str, int] = {}
    total = end = 0
    for name, said in found.items():
        if name == "__metadata__":
            continue
        dtype, shape, (first, last) = _tensor(mapping(said))
        shapes[name] = shape
        by_dtype[dtype] = by_dtype.get(dtype, 0) + math.prod(shape)
        total += last - first
        end = max(end, last)
    # They stand one behind the other, without gaps, as the format wants it.
    if total != end or total > most:
        raise NoSafetensors("The tensors overlap, leave gaps, or are larger than their file.")
    return SafetensorsHeader(shapes=shapes, parameters_by_dtype=by_dtype, weights_bytes=total)


def _tensor(said: Mapping[str, Any]) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    dtype = said.get("dtype")
    shape, place = _counts(said.get("shape"), LARGEST_DIMENSION), _counts(said.get("data_offsets"), LARGEST)
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise NoSafetensors("A tensor has a type that safetensors does not know.")
    if shape is None or len(shape) > _MOST_DIMENSIONS or place is None or len(place) != 2:
        raise NoSafetensors("A tensor has no usable shape or place.")
    if (place[1] - place[0]) * 8 != math.prod(shape) * _BITS[dtype]:
        raise NoSafetensors("A tensor's place does not fit its shape.")
    return dtype, tuple(shape), (place[0], place[1])


def _counts(values: Any, most: int) -> list[int] | None:
    are_counts = isinstance(values, list) and all(type(each) is int and 0 <= each <= most for each in values)
    return values if are_counts else None
