"""The download engine: freeze a manifest, transfer its files, verify and publish them.

`Transfer(freeze(hub, repo=…, revision=…), cache_dir=…, …).run()` brings a repository into the standard
Hugging Face cache; `stop` ends it and the next one goes on from the bytes that were kept.
"""

from worker_service.transfer.engine import Snapshot, Transfer
from worker_service.transfer.fetch import Patience
from worker_service.transfer.halt import TransferStopped
from worker_service.transfer.partial import (
    allocated_bytes,
    bytes_to_take,
    half_files,
    partial_bytes,
    purge_partials,
    touched_at,
)
from worker_service.transfer.publish import has_blob, published_files, snapshot_path

__all__ = [
    "Patience",
    "Snapshot",
    "Transfer",
    "TransferStopped",
    "allocated_bytes",
    "bytes_to_take",
    "half_files",
    "has_blob",
    "partial_bytes",
    "published_files",
    "purge_partials",
    "snapshot_path",
    "touched_at",
]
