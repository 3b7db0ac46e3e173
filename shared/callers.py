"""Who is calling: the administrator by the token of the settings, a user, or a machine by its API token."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select
from sqlalchemy.orm import Session

from shared.tables import ApiToken, Role, SignInSession, User

# What the administrator's token of the settings is called; no user may be.
ADMINISTRATOR = "admin"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody whose word was checked."""

    key: str  # tells callers apart for good: `admin`, `user:7`, `token:3`
    name: str  # as people know them
    role: Role
    user_id: int | None = None
    token: str | None = None  # name and prefix of the API token that was shown; null: none


def administrator() -> Caller:
    """Whoever has shown the token of the settings."""
    return Caller(key=ADMINISTRATOR, name=ADMINISTRATOR, role=Role.ADMIN)


def of_user(user: User) -> Caller:
    """An active user."""
    return Caller(key=f"user:{user.id}", name=user.name, role=user.role, user_id=user.id)


def by_token(asked: Session | Connection, given: str) -> tuple[Row[Any], Caller] | None:
    """The live API token (token_id, last_used_at) and whom it stands for; None: none, or it has ended."""
    found = asked.execute(_BY_TOKEN, {"fingerprint": fingerprint(given)}).one_or_none()
    return (found, _of_token(found)) if found else None


def by_cookie(
    asked: Session | Connection, cookie: str, *, admin_token: str
) -> tuple[Caller, datetime] | None:
    """Whose sign-in this cookie is, and when it ends; None: it has ended, or what it stands on has."""
    found = asked.execute(_BY_COOKIE, {"fingerprint": fingerprint(cookie)}).one_or_none()
    if found is None:
        return None
    if found.credential_hash is not None:
        if not same(found.credential_hash, fingerprint(admin_token)):
            return None
        return administrator(), found.expires_at
    return (_of_token(found) if found.token_id else _of_owner(found)), found.expires_at


def _of_token(found: Row[Any]) -> Caller:
    """A live token, which may do no more than its owner."""
    owned = found.user_id is not None
    return Caller(
        key=f"token:{found.token_id}",
        name=found.user_name if owned else found.token_name,
        role=found.user_role if owned and not found.user_role.covers(found.token_role) else found.token_role,
        user_id=found.user_id,
        token=f"{found.token_name} ({found.prefix}…)",
    )


def _of_owner(found: Row[Any]) -> Caller:
    return Caller(
        key=f"user:{found.user_id}", name=found.user_name, role=found.user_role, user_id=found.user_id
    )


def fingerprint(secret: str) -> str:
    """What is stored of a cookie or token. They are long and random: a plain hash can't be turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _is_live() -> ColumnElement[bool]:
    """Neither the token nor its owner has ended; what a row has not can't have ended."""
    return func.coalesce(ApiToken.expires_at > func.now(), True) & func.coalesce(User.is_active, True)


# Asked with every request: built once, and without objects of rows that nobody writes to.
_TOKEN = (
    ApiToken.id.label("token_id"),
    ApiToken.name.label("token_name"),
    ApiToken.prefix,
    ApiToken.role.label("token_role"),
    ApiToken.last_used_at,
)
_USER = (User.id.label("user_id"), User.name.label("user_name"), User.role.label("user_role"))
_BY_TOKEN: Any = (
    select(*_TOKEN, *_USER)
    .outerjoin(User, ApiToken.user_id == User.id)
    .where(ApiToken.token_hash == bindparam("fingerprint"), _is_live())
)
_BY_COOKIE: Any = (
    select(SignInSession.credential_hash, SignInSession.expires_at, *_TOKEN, *_USER)
    .outerjoin(ApiToken, SignInSession.api_token_id == ApiToken.id)
    .outerjoin(User, User.id == func.coalesce(SignInSession.user_id, ApiToken.user_id))
    .where(
        SignInSession.cookie_hash == bindparam("fingerprint"),
        SignInSession.expires_at > func.now(),
        _is_live(),
    )
)
