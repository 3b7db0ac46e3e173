"""The checksum of a half file, taken while it grows."""

import hashlib

from shared.errors import ChecksumMismatch
from shared.hub import RemoteFile
from worker_service.transfer.halt import Halt
from worker_service.transfer.partial import Partial

BLOCK_BYTES = 1 << 20
# How long the hash may lag behind a byte that has just come in.
POLL_SECONDS = 0.01


def is_right(partial: Partial, oid: str, *, halt: Halt) -> bool:
    """Follow the contiguous bytes of a half file to its end and compare with the Hub's checksum.

    Waits for bytes that are still to come. 64 digits: sha256; 40: git's sha1 of a blob.
    Raises TransferStopped between two blocks of 1 MiB.
    """
    digest = hasher(oid, size=partial.size)
    buffer, done = bytearray(BLOCK_BYTES), 0
    while done < partial.size:
        halt.check()
        count = partial.read(buffer, offset=done, upto=partial.frontier())
        if not count:
            halt.sleep(POLL_SECONDS)
        digest.update(memoryview(buffer)[:count])
        done += count
    return digest.hexdigest() == oid


def is_oid_of(oid: str, content: memoryview) -> bool:
    """Whether these bytes are the blob."""
    digest = hasher(oid, size=len(content))
    digest.update(content)
    return digest.hexdigest() == oid


def mismatch(file: RemoteFile) -> ChecksumMismatch:
    """The refusal of bytes that were wrong twice."""
    return ChecksumMismatch(f"The bytes of {file.path} are not those that the Hub announced.")


def hasher(oid: str, *, size: int) -> "hashlib._Hash":
    """What makes the oid of a file's content, to be fed with its bytes. 64 digits: sha256; 40: git's sha1."""
    return hashlib.sha256() if len(oid) == 64 else _git_sha1(size)


def _git_sha1(size: int) -> "hashlib._Hash":
    # Git's name for content, chosen by the Hub; not a secret.
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
