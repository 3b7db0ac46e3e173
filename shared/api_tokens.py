"""The rules about API tokens: made for one purpose, shown once, kept as a hash, ended at will."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.orm import Session

from shared.callers import Caller, by_token, fingerprint
from shared.errors import RoleNotCovered, TokenNotFound, ValidationError
from shared.tables import ApiToken, Role

PREFIX = "wb_"
# Characters that are shown again later: `wb_` and four of 43, which leaves 232 bits unknown.
SHOWN = len(PREFIX) + 4
# `last_used_at` is as exact as this: a token that is used 100 times a second must not write as often.
USE_NOTED = timedelta(minutes=1)


@dataclass(frozen=True)
class Recognized:
    """A live token that somebody has shown; `use_is_noted`: its row says so already."""

    token_id: int
    caller: Caller
    use_is_noted: bool


def create(
    session: Session, *, by: Caller, name: str, role: Role, expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Make a token that belongs to the caller; the row, and the token itself, which nobody can show again.

    Raises RoleNotCovered where it would do more than its maker or a token asks, ValidationError where it has
    ended already.
    """
    if by.token is not None and not by.role.covers(Role.ADMIN):
        # Else whoever has found one that ends tomorrow would make one that never ends.
        raise RoleNotCovered("A token makes no other tokens.", remedy="Sign in as a user to make one.")
    if not by.role.covers(role):
        raise RoleNotCovered(f"A token of the role {role} would do more than its maker, who is {by.role}.")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise ValidationError({"expires_at": ["Must lie in the future."]})
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        token_hash=fingerprint(secret),
        prefix=secret[:SHOWN],
        role=role,
        user_id=by.user_id,
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    session.refresh(token)
    return token, secret


def seen_by(session: Session, caller: Caller) -> Sequence[ApiToken]:
    """The caller's own tokens, the newest first; an admin sees those of everybody."""
    wanted = select(ApiToken).order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
    if not caller.role.covers(Role.ADMIN):
        wanted = wanted.where(ApiToken.user_id.is_not_distinct_from(caller.user_id))
        if caller.user_id is None:
            return []
    return session.scalars(wanted).all()


def revoke(session: Session, token_id: int, *, by: Caller) -> ApiToken:
    """End a token, and the sessions opened with it. Raises TokenNotFound, also for others' tokens."""
    token = session.get(ApiToken, token_id)
    is_own = token is not None and by.user_id is not None and token.user_id == by.user_id
    if token is None or not (is_own or by.role.covers(Role.ADMIN)):
        raise TokenNotFound()
    session.execute(delete(ApiToken).where(ApiToken.id == token_id))
    return token


def recognize(asked: Session | Connection, given: str) -> Recognized | None:
    """Whom a token stands for; None: no such token, or it has ended."""
    found = by_token(asked, given) if given.startswith(PREFIX) else None
    if found is None:
        return None
    token, caller = found
    noted = token.last_used_at is not None and token.last_used_at > datetime.now(UTC) - USE_NOTED
    return Recognized(token.token_id, caller, use_is_noted=noted)


def note_use(session: Session, token_id: int) -> None:
    """Keep that a token was used just now."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=func.now()))
