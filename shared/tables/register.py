"""The rows of the register."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.base import Base, words
from shared.tables.words import (
    Category,
    DownloadStatus,
    ModelSource,
    ModelType,
    Provider,
    ReferencePolicy,
)

# No text of any length is among them: an index takes only so much.
LISTED = (
    *("type", "category", "provider", "is_active", "download_status", "downloaded", "file_size_bytes"),
    *("created_at", "updated_at", "downloaded_at", "last_used_at"),
)


class Model(Base):
    """One registered model, hosted or local."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[ModelType] = mapped_column(words(ModelType))
    category: Mapped[Category | None] = mapped_column(words(Category))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)  # named by WEIGHBRIDGE_DEFAULT_MODELS
    # Kept whatever the quota says, and left out of clean-up plans.
    is_pinned: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    last_used_at: Mapped[datetime | None]

    provider: Mapped[Provider | None] = mapped_column(words(Provider))
    base_url: Mapped[str | None] = mapped_column(Text)
    api_version: Mapped[str | None] = mapped_column(String(64))
    deployment: Mapped[str | None] = mapped_column(String(255))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    # How the last test of exactly this address and key ended: ok, latency_ms, error (code, detail, remedy).
    connection: Mapped[dict[str, Any] | None]
    connection_tested_at: Mapped[datetime | None]

    source: Mapped[ModelSource | None] = mapped_column(words(ModelSource))
    hf_repo: Mapped[str | None] = mapped_column(String(255))
    revision: Mapped[str | None] = mapped_column(String(255))
    model_file: Mapped[str | None] = mapped_column(String(1024))  # null: the whole repository
    allow_patterns: Mapped[list[str] | None]
    ignore_patterns: Mapped[list[str] | None]
    hf_token_encrypted: Mapped[str | None] = mapped_column(Text)

    download_status: Mapped[DownloadStatus | None] = mapped_column(words(DownloadStatus))  # null: hosted
    downloaded: Mapped[bool | None]  # null: hosted
    downloaded_at: Mapped[datetime | None]
    commit_hash: Mapped[str | None] = mapped_column(String(40))
    local_path: Mapped[str | None] = mapped_column(Text)
    file_size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # The volume that has its files, damaged ones too; null: none has, or there was only one when they came.
    volume: Mapped[str | None] = mapped_column(Text)
    checksum: Mapped[str | None] = mapped_column(String(80))
    # What was downloaded: the manifest of its operation. Long for big repositories, so only loaded on demand.
    manifest: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    # Files that may run code when they are loaded (shared/formats.py); null: not known before they are here.
    unsafe_files: Mapped[list[str] | None]
    # What is known of it (shared/model_facts.py): from the Hub, then from the files. Null: nobody has looked.
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    verified_at: Mapped[datetime | None]  # when every byte was last found right: by a download or a verify
    # What the last verify found wrong: [{"path", "problem": "missing" or "corrupt"}]; null: nothing.
    damaged_files: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    # What the model stood for before its last update, to return to: {"commit", "manifest", "replaced_at" (RFC
    # 3339), "size_bytes"}.
    former: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), deferred=True)
    error: Mapped[dict[str, Any] | None]  # code, detail and remedy of the last download when it failed

    __table_args__ = (
        Index("uq_models_name", "name", unique=True),
        Index(
            "uq_models_repository_file",
            "hf_repo",
            "revision",
            text("coalesce(model_file, '')"),
            unique=True,
            postgresql_where=text("source = 'huggingface'"),
        ),
        Index("uq_models_local_path", "local_path", unique=True, postgresql_where=text("source = 'path'")),
        Index("ix_models_download_status", "download_status"),
        # With the name, from which they are made: else Postgres reads each row that a deep page skips.
        Index("ix_models_name_up", text("lower(name)"), "id", postgresql_include=["name"]),
        Index("ix_models_name_down", text("lower(name) DESC NULLS LAST"), "id", postgresql_include=["name"]),
        Index("ix_models_hf_repo", "hf_repo"),
        # What lists are filtered and sorted by, without the long columns: a tenth of the table to read.
        Index("ix_models_listed", "id", postgresql_include=LISTED),
        CheckConstraint("(type = 'local') = (downloaded IS NOT NULL)", name="downloaded_says_local"),
        CheckConstraint("(type = 'local') = (source IS NOT NULL)", name="source_says_local"),
        CheckConstraint("(type = 'hosted-llm') = (provider IS NOT NULL)", name="provider_says_hosted"),
    )


class ModelReference(Base):
    """A consumer's word that it uses a model, until it takes it back or the word expires."""

    __tablename__ = "model_references"

    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    consumer: Mapped[str] = mapped_column(String(100), primary_key=True)  # the service
    name: Mapped[str] = mapped_column(String(255), primary_key=True)  # what of it: a collection, a pipeline
    policy: Mapped[ReferencePolicy] = mapped_column(words(ReferencePolicy))
    detail: Mapped[str | None] = mapped_column(String(500))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class SeededModel(Base):
    """A default model that was registered once, so that deleting it is for good."""

    __tablename__ = "seeded_models"

    spec: Mapped[str] = mapped_column(String(1600), primary_key=True)  # owner/name[@revision][:file]
    seeded_at: Mapped[datetime] = mapped_column(server_default=func.now())
