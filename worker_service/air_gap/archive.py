"""The archive: a plain tar, which `tar` lists and unpacks, but only as much of tar as we write ourselves.

The reader takes one header at a time and nothing but regular files: no links, no long names, no extended
headers, whose sizes a stranger would choose.
"""

import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from shared.errors import ArchiveInvalid

BLOCK_BYTES = 1 << 20
_HEADER = tarfile.BLOCKSIZE
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


class Writer:
    """Writes members one behind the other."""

    def __init__(self, out: BinaryIO) -> None:
        """`out` need not be seekable."""
        self._out = out

    def add(self, name: str, size: int, blocks: Iterable[bytes | memoryview]) -> None:
        """One file, whose bytes come in blocks."""
        header = tarfile.TarInfo(name)
        header.size = size
        # Sizes beyond 8 GiB as numbers in the header itself.
        self._out.write(header.tobuf(tarfile.GNU_FORMAT))
        for block in blocks:
            self._out.write(block)
        self._out.write(bytes(-size % _HEADER))

    def close(self) -> None:
        """The end of the archive; `out` stays open."""
        self._out.write(bytes(2 * _HEADER))
        self._out.flush()


class Reader:
    """Reads members in their order. Each raises ArchiveInvalid for what is no archive of ours."""

    def __init__(self, source: BinaryIO) -> None:
        """`source` need not be seekable; where it is, what nobody wants is skipped and not read."""
        self._source = source
        self._left = 0  # bytes of the current member, with what fills its last block
        self._filling = 0

    def expect(self, name: str, *, size: int | None = None, most: int | None = None) -> int:
        """Go to the next member, which must be this one; its size. The rest of the one before is skipped."""
        self.skip()
        header = self._header(name)
        if header.name != name or header.type not in _FILES:
            raise ArchiveInvalid(f"There is something else where {name} must be.")
        if header.size < 0 or (size is not None and header.size != size):
            raise ArchiveInvalid(f"{name} has another size than its manifest says.")
        if most is not None and header.size > most:
            raise ArchiveInvalid(f"{name} is larger than any of ours.")
        self._filling = -header.size % _HEADER
        self._left = header.size + self._filling
        return header.size

    def end(self) -> None:
        """The archive must be over."""
        self.skip()
        if self._exactly(_HEADER, "the end") != bytes(_HEADER):
            raise ArchiveInvalid("There is more in the archive than its manifest names.")

    def content(self) -> bytes:
        """All of the current member."""
        return b"".join(bytes(block) for block in self.blocks())

    def blocks(self, *, start: int = 0) -> Iterator[memoryview]:
        """The current member from an offset; each block is good until the next."""
        self._skip(start)
        buffer = memoryview(bytearray(BLOCK_BYTES))
        while wanted := min(BLOCK_BYTES, self._left - self._filling):
            count = self._source.readinto(buffer[:wanted])  # type: ignore[attr-defined]
            if not count:
                raise _cut("a file")
            self._left -= count
            yield buffer[:count]

    def skip(self) -> None:
        """Go to the end of the current member."""
        self._skip(self._left)

    def _skip(self, count: int) -> None:
        self._left -= count
        if self._source.seekable():
            self._source.seek(count, 1)
            return
        while count:
            found = len(self._source.read(min(BLOCK_BYTES, count)))
            if not found:
                raise _cut("a file")
            count -= found

    def _header(self, name: str) -> tarfile.TarInfo:
        raw = self._exactly(_HEADER, name)
        try:
            return tarfile.TarInfo.frombuf(raw, "ascii", "strict")
        except (tarfile.HeaderError, ValueError):
            raise ArchiveInvalid(f"There is no header of a file where {name} must be.") from None

    def _exactly(self, count: int, before: str) -> bytes:
        found = self._source.read(count)
        if len(found) < count:
            raise _cut(before)
        return found


def _cut(before: str) -> ArchiveInvalid:
    return ArchiveInvalid(f"The archive ends too early: in or before {before}.")
