"""The rows of Postgres, with a sentence for each status. *Model* means a machine-learning model."""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ModelType(StrEnum):
    """Where a model runs."""

    HOSTED_LLM = "hosted-llm"  # at a provider, reached by its URL and key
    LOCAL = "local"  # on our own volume


class ModelSource(StrEnum):
    """Where the files of a local model come from."""

    HUGGINGFACE = "huggingface"  # downloaded from the Hub into the cache
    PATH = "path"  # a folder or file that is there already; never deleted by us


class Provider(StrEnum):
    """Who serves a hosted model."""

    OPENAI = "openai"  # OpenAI, or any server that speaks its API
    AZURE_OPENAI = "azure-openai"  # wants a deployment and an API version too


class Category(StrEnum):
    """What a model is for."""

    LLM = "llm"
    EMBEDDING = "embedding"
    RERANKER = "reranker"
    SPLADE = "splade"


class DownloadStatus(StrEnum):
    """The words that people see for a local model; written only by the rules in operations.py."""

    NOT_DOWNLOADED = "NotDownloaded"  # nobody has asked for its files yet
    PENDING = "Pending"  # asked for, no worker has it
    DOWNLOADING = "Downloading"  # a worker holds it and beats
    PAUSED = "Paused"  # stopped by a person, bytes kept, goes on when asked
    DOWNLOADED = "Downloaded"  # every file is in the cache and verified
    FAILED = "Failed"  # gave up; `error` says why and what to do; bytes kept
    CANCELED = "Canceled"  # stopped by a person; bytes kept unless purged


class OperationKind(StrEnum):
    """What was asked for."""

    DOWNLOAD = "download"
    DELETE = "delete"


class OperationStatus(StrEnum):
    """The life of an operation.

    pending -> running -> completed | failed | canceled | paused; running -> pending (its worker died or
    drained: the next one raises `attempt`); pending -> canceled; paused -> pending | canceled.
    A failed or canceled one never comes back: asking again makes a new operation.
    """

    PENDING = "pending"  # asked for, no worker has it
    RUNNING = "running"  # a worker holds it and beats
    PAUSED = "paused"  # stopped by a person, bytes kept
    COMPLETED = "completed"  # done and verified
    FAILED = "failed"  # gave up, with a code and a remedy
    CANCELED = "canceled"  # stopped by a person


UNFINISHED = (OperationStatus.PENDING, OperationStatus.RUNNING, OperationStatus.PAUSED)


class Role(StrEnum):
    """What a caller may do. Each may do all that the ones before it may."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # also downloads, cancels and retries
    ADMIN = "admin"  # everything: the register, secrets, people, tokens, the audit log

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class Base(DeclarativeBase):
    """Names every constraint, so that migrations and error handling can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, list[str]: JSONB}


def _words(kind: type[StrEnum]) -> Enum:
    """An enum stored as its words, in text with a check: a new word is a small migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=kind.__name__.lower(),
        values_callable=_values,
    )


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


class Model(Base):
    """One registered model, hosted or local."""

    __tablename__ = "models"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    type: Mapped[ModelType] = mapped_column(_words(ModelType))
    category: Mapped[Category | None] = mapped_column(_words(Category))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)  # named by WEIGHBRIDGE_DEFAULT_MODELS
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    last_used_at: Mapped[datetime | None]

    provider: Mapped[Provider | None] = mapped_column(_words(Provider))
    base_url: Mapped[str | None] = mapped_column(Text)
    api_version: Mapped[str | None] = mapped_column(String(64))
    deployment: Mapped[str | None] = mapped_column(String(255))
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    # How the last test of exactly this address and key ended: ok, latency_ms, error (code, detail, remedy).
    connection: Mapped[dict[str, Any] | None]
    connection_tested_at: Mapped[datetime | None]

    source: Mapped[ModelSource | None] = mapped_column(_words(ModelSource))
    hf_repo: Mapped[str | None] = mapped_column(String(255))
    revision: Mapped[str | None] = mapped_column(String(255))
    model_file: Mapped[str | None] = mapped_column(String(1024))  # null: the whole repository
    allow_patterns: Mapped[list[str] | None]
    ignore_patterns: Mapped[list[str] | None]
    hf_token_encrypted: Mapped[str | None] = mapped_column(Text)

    download_status: Mapped[DownloadStatus | None] = mapped_column(_words(DownloadStatus))  # null: hosted
    downloaded: Mapped[bool | None]  # null: hosted
    downloaded_at: Mapped[datetime | None]
    commit_hash: Mapped[str | None] = mapped_column(String(40))
    local_path: Mapped[str | None] = mapped_column(Text)
    file_size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[str | None] = mapped_column(String(80))
    # What was downloaded: the manifest of its operation. Long for big repositories, so only loaded on demand.
    manifest: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    # Files that may run code when they are loaded (shared/formats.py); null: not known before they are here.
    unsafe_files: Mapped[list[str] | None]
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
        Index("ix_models_sort_name", text("lower(name)"), "id"),
        CheckConstraint("(type = 'local') = (downloaded IS NOT NULL)", name="downloaded_says_local"),
        CheckConstraint("(type = 'local') = (source IS NOT NULL)", name="source_says_local"),
        CheckConstraint("(type = 'hosted-llm') = (provider IS NOT NULL)", name="provider_says_hosted"),
    )


class Operation(Base):
    """One thing that was asked for: the queue, the outbox and the history in one table."""

    __tablename__ = "operations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)  # also the Celery task id
    # No foreign key: the history of a model outlives the model.
    model_id: Mapped[int]
    kind: Mapped[OperationKind] = mapped_column(_words(OperationKind))
    status: Mapped[OperationStatus] = mapped_column(
        _words(OperationStatus), default=OperationStatus.PENDING, server_default=OperationStatus.PENDING
    )
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")  # the fence: raised by each begin
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # since the last progress
    # The attempt whose bytes have their room on the volume: equal to `attempt`, others must leave it free.
    admitted_attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str | None] = mapped_column(String(255))
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
    error: Mapped[dict[str, Any] | None]  # code, detail, remedy
    requested_by: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(128))
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
        Index("ix_operations_model", "model_id", "created_at"),
        Index("ix_operations_created", "created_at"),
        Index(
            "ix_operations_unfinished",
            "status",
            "created_at",
            postgresql_where=text("status IN ('pending', 'running', 'paused')"),
        ),
        Index("ix_operations_purge", "id", postgresql_where=text("purge_requested_at IS NOT NULL")),
    )


class Volume(Base):
    """What a worker last saw of a volume. Sizes in bytes.

    The path names it: workers share one volume and mount it at one path, so the last look of any of them
    counts. The row of a path that is no longer used stays behind and is no longer the newest.
    """

    __tablename__ = "volumes"

    path: Mapped[str] = mapped_column(Text, primary_key=True)  # of the cache directory
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    available_bytes: Mapped[int] = mapped_column(BigInteger)  # what is set aside counts as available
    # Taken up by half files, also those of downloads that failed or were canceled.
    partial_bytes: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[datetime]


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


class User(Base):
    """A person who may sign in: with a password, through the identity provider, or both."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))  # typed at sign-in, whatever its case
    role: Mapped[Role] = mapped_column(_words(Role))
    is_active: Mapped[bool] = mapped_column(default=True)  # false: sessions and tokens are worth nothing
    password_hash: Mapped[str | None] = mapped_column(Text)  # argon2id
    # Who the identity provider says this is. Never matched by name or e-mail, which others may take there.
    issuer: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_sign_in_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_users_name", text("lower(name)"), unique=True),
        Index("uq_users_subject", "issuer", "subject", unique=True),
        CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="issuer_and_subject"),
    )


class ApiToken(Base):
    """A machine's way in: shown once, kept as its hash."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))  # its first characters, by which people tell it apart
    role: Mapped[Role] = mapped_column(_words(Role))
    # Whose it is: it can do no more than this person, and ends with them. Null: the administrator's.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute


class SignInSession(Base):
    """A sign-in to the dashboard; the cookie itself is stored nowhere.

    It stands on what was shown at sign-in, and ends with it: a user, a token, or the administrator's token
    from the settings, of which the hash is kept.
    """

    __tablename__ = "sign_in_sessions"

    cookie_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    api_token_id: Mapped[int | None] = mapped_column(
        ForeignKey("api_tokens.id", ondelete="CASCADE"), index=True
    )
    credential_hash: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, api_token_id, credential_hash) = 1", name="stands_on_one"),
    )


class AuditEvent(Base):
    """Who did what to which model, when and from where; written with the change itself, never with a secret.

    No foreign keys: it outlives the people, tokens and models that it names.
    """

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str] = mapped_column(String(64))  # a word of shared.audit.Action
    actor: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role | None] = mapped_column(_words(Role))  # null: nobody was signed in
    token: Mapped[str | None] = mapped_column(
        String(128)
    )  # name and prefix of the API token; null: a session
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))
    model_id: Mapped[int | None]
    model_name: Mapped[str | None] = mapped_column(String(255))
    details: Mapped[dict[str, Any] | None]

    __table_args__ = (
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_model", "model_id", "at"),
    )


class SeededModel(Base):
    """A default model that was registered once, so that deleting it is for good."""

    __tablename__ = "seeded_models"

    spec: Mapped[str] = mapped_column(String(1600), primary_key=True)  # owner/name[@revision][:file]
    seeded_at: Mapped[datetime] = mapped_column(server_default=func.now())
