"""The rows of people, tokens, sign-ins and the audit log."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.base import Base, words
from shared.tables.words import Role


class User(Base):
    """A person who may sign in: with a password, through the identity provider, or both."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))  # typed at sign-in, whatever its case
    role: Mapped[Role] = mapped_column(words(Role))
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
    role: Mapped[Role] = mapped_column(words(Role))
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
    role: Mapped[Role | None] = mapped_column(words(Role))  # null: nobody was signed in
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
