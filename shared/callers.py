"""Who is calling: the administrator by the token of the settings, a user, or a machine by its API token."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
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


def of_token(token: ApiToken, owner: User | None) -> Caller:
    """A live token, which may do no more than its owner."""
    role = token.role if owner is None or owner.role.covers(token.role) else owner.role
    return Caller(
        key=f"token:{token.id}",
        name=owner.name if owner else token.name,
        role=role,
        user_id=owner.id if owner else None,
        token=f"{token.name} ({token.prefix}…)",
    )


def by_token(session: Session, given: str) -> tuple[ApiToken, Caller] | None:
    """The live API token, and whom it stands for; None: there is none, or it has ended."""
    found = session.execute(
        select(ApiToken, User)
        .outerjoin(User, ApiToken.user_id == User.id)
        .where(ApiToken.token_hash == fingerprint(given), _is_live())
    ).one_or_none()
    return (found[0], of_token(*found)) if found else None


def by_cookie(session: Session, cookie: str, *, admin_token: str) -> tuple[Caller, datetime] | None:
    """Whose sign-in this cookie is, and when it ends; None: it has ended, or what it stands on has."""
    found = session.execute(
        select(SignInSession, ApiToken, User)
        .outerjoin(ApiToken, SignInSession.api_token_id == ApiToken.id)
        .outerjoin(User, User.id == func.coalesce(SignInSession.user_id, ApiToken.user_id))
        .where(
            SignInSession.cookie_hash == fingerprint(cookie),
            SignInSession.expires_at > func.now(),
            _is_live(),
        )
    ).one_or_none()
    if found is None:
        return None
    sign_in, token, user = found
    if sign_in.credential_hash is not None:
        if not same(sign_in.credential_hash, fingerprint(admin_token)):
            return None
        return administrator(), sign_in.expires_at
    return (of_token(token, user) if token else of_user(user)), sign_in.expires_at


def fingerprint(secret: str) -> str:
    """What is stored of a cookie or token. They are long and random: a plain hash can't be turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _is_live() -> ColumnElement[bool]:
    """Neither the token nor its owner has ended; what a row has not can't have ended."""
    return func.coalesce(ApiToken.expires_at > func.now(), True) & func.coalesce(User.is_active, True)
