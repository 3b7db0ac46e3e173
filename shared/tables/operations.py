"""The rows of operations and of what was answered to a request."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from shared import tracing
from shared.tables.base import Base, words
from shared.tables.words import OperationKind, OperationStatus, Result


class Operation(Base):
    """One thing that was asked for: the queue, the outbox and the history in one table."""

    __tablename__ = "operations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)  # also the Celery task id
    # No foreign key: the history of a model outlives the model. Null: it is about the volume as a whole.
    model_id: Mapped[int | None]
    kind: Mapped[OperationKind] = mapped_column(words(OperationKind))
    status: Mapped[OperationStatus] = mapped_column(
        words(OperationStatus), default=OperationStatus.PENDING, server_default=OperationStatus.PENDING
    )
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")  # the fence: raised by each begin
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # since the last progress
    # The attempt whose bytes have their room on the volume: equal to `attempt`, others must leave it free.
    admitted_attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(255))
    # Where it has to run: its bytes, or the model's files, are on this volume. Null: anywhere.
    volume: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    nudged_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    purge_requested_at: Mapped[datetime | None]  # drop the partial bytes too; null again when they are gone
    # Frozen by the first attempt, so that every later one fetches the same bytes:
    # {"commit", "files": [{"path", "size", "oid"}]}.
    manifest: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    phase: Mapped[str | None] = mapped_column(String(32))
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    bytes_reused: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    files_done: Mapped[int] = mapped_column(default=0, server_default="0")
    files_total: Mapped[int] = mapped_column(default=0, server_default="0")
    # What it may take of the network, in bytes per second; null: no limit of its own (docs/bandwidth.md).
    max_bytes_per_second: Mapped[int | None] = mapped_column(BigInteger)
    # What it is to do beyond its model and kind. Of a clean-up: {"items": [...]} of its plan; of an update:
    # {"commit": …} where that is not the newest of the model's revision. Of a download that takes over what
    # the cache holds: {"adopt": commit}. Of a delete, from the moment on at which nobody can stop it: what it
    # found on the volume, {"was_there", "bytes"}.
    plan: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    result: Mapped[Result | None] = mapped_column(words(Result))
    bytes_freed: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[dict[str, Any] | None]  # code, detail, remedy
    requested_by: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(128))
    # Where in a trace it was asked for (W3C's traceparent); each attempt goes on from there.
    traceparent: Mapped[str | None] = mapped_column(String(64), default=tracing.traceparent)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    finished_at: Mapped[datetime | None]
    dismissed_at: Mapped[datetime | None]  # a person has cleared it from the queue view

    __table_args__ = (
        Index(
            "uq_operations_unfinished",
            "model_id",
            unique=True,
            postgresql_where=text("status IN ('pending', 'running', 'paused')"),
        ),
        Index(
            "uq_operations_on_volume",
            "kind",
            text("coalesce(volume, '')"),
            unique=True,
            postgresql_where=text("model_id IS NULL AND status IN ('pending', 'running', 'paused')"),
        ),
        Index("ix_operations_model", "model_id", "created_at"),
        # For lists: a page, and how many rows there are, are found without reading the rows themselves.
        Index("ix_operations_newest", text("created_at DESC"), "id", postgresql_include=["kind", "status"]),
        Index("ix_operations_kind", "kind", text("created_at DESC"), "id"),
        Index("ix_operations_status", "status", text("created_at DESC"), "id"),
        Index("ix_operations_finished", "finished_at"),
        # What the queue view still shows: few of all that ever failed.
        Index(
            "ix_operations_failed",
            "finished_at",
            postgresql_where=text("status = 'failed' AND dismissed_at IS NULL"),
        ),
        Index(
            "ix_operations_unfinished",
            "status",
            "created_at",
            postgresql_where=text("status IN ('pending', 'running', 'paused')"),
        ),
        Index("ix_operations_purge", "id", postgresql_where=text("purge_requested_at IS NOT NULL")),
    )


# How long the first answer is given again.
IDEMPOTENCY_KEPT = timedelta(hours=24)


class IdempotencyKey(Base):
    """The first answer to a POST that carried an Idempotency-Key."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    caller: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # sha256 of method, path and body
    status: Mapped[int | None]
    body: Mapped[str | None] = mapped_column(Text)  # encrypted
    content_type: Mapped[str | None] = mapped_column(String(127))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_idempotency_keys_created", "created_at"),)


class Turn(Base):
    """When a chore that any worker may do was last taken (shared/turns.py)."""

    __tablename__ = "turns"

    chore: Mapped[str] = mapped_column(Text, primary_key=True)
    taken_at: Mapped[datetime]
