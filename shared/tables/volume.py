"""The rows about the volume: what a worker last saw there."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.base import Base


class Volume(Base):
    """What a worker last saw of a volume. Sizes in bytes.

    Its name is WEIGHBRIDGE_VOLUME, or the path of the cache where workers share one: they mount it at one
    path, so the last look of any of them counts. The row of a path that is no longer used stays behind and is
    no longer the newest of the paths.
    """

    __tablename__ = "volumes"

    # The column is older than names are.
    name: Mapped[str] = mapped_column("path", Text, primary_key=True)
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    available_bytes: Mapped[int] = mapped_column(BigInteger)  # what is set aside counts as available
    # Taken up by half files, also those of downloads that failed or were canceled.
    partial_bytes: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime]
    # Of the last scan of the cache: what it saw is at least as new as its beginning.
    scanned_at: Mapped[datetime | None]
    scan_requested_at: Mapped[datetime | None]  # somebody waits for a scan that began after this
    cache_bytes: Mapped[int | None] = mapped_column(BigInteger)  # all blobs of all repositories, each once
    # Half files by blob: [{"oid", "bytes" (of the volume), "modified_at" (seconds since 1970)}].
    half_files: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)


class CachedRepo(Base):
    """One repository of the cache as the last scan saw it, whoever downloaded it. Sizes in bytes."""

    __tablename__ = "cached_repos"

    volume: Mapped[str] = mapped_column("path", Text, primary_key=True)  # its name
    repo: Mapped[str] = mapped_column(String(255), primary_key=True)  # owner/name
    size_bytes: Mapped[int] = mapped_column(BigInteger)  # its blobs, each once
    file_count: Mapped[int]  # its blobs
    # [{"commit", "refs": [branches and tags], "size_bytes", "freed_bytes" (by dropping this one alone),
    #   "file_count", "modified_at"}], the newest first.
    revisions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # Of each blob: [bytes, when it was read last (seconds since 1970), inode]. One that is linked into
    # several repositories has the same name and inode in each; rows of older scans have no inode.
    blobs: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    modified_at: Mapped[datetime | None]  # when a file came last
    accessed_at: Mapped[datetime | None]  # when a file was read last, as far as the volume keeps that
    # By folder: its mtime in nanoseconds when it was read. Nothing has come or gone where these are the same.
    folders: Mapped[dict[str, Any]] = mapped_column(deferred=True)
    read_at: Mapped[datetime]  # when the files themselves were last looked at

    __table_args__ = (
        Index("ix_cached_repos_repo", "repo"),
        # Which repositories have a name for a blob.
        Index("ix_cached_repos_blobs", "blobs", postgresql_using="gin"),
    )
