"""Sign-in sessions of the dashboard: a random cookie, stored only as its hash, until it runs out or is ended.

A session stands on what was shown at sign-in (shared/callers.py): when that ends, so does the session.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.orm import Session

from shared.callers import fingerprint
from shared.tables import SignInSession


def open_session(
    session: Session,
    *,
    lifetime: timedelta,
    user_id: int | None = None,
    api_token_id: int | None = None,
    admin_token: str | None = None,
) -> tuple[str, SignInSession]:
    """Start a session that stands on one of the three: its cookie's value, kept nowhere, and its row."""
    cookie = secrets.token_urlsafe(32)
    row = SignInSession(
        cookie_hash=fingerprint(cookie),
        user_id=user_id,
        api_token_id=api_token_id,
        credential_hash=fingerprint(admin_token) if admin_token is not None else None,
        expires_at=func.now() + lifetime,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return cookie, row


def close_session(session: Session, cookie: str) -> None:
    """End the session; nothing happens when there is none."""
    session.execute(delete(SignInSession).where(SignInSession.cookie_hash == fingerprint(cookie)))


def close_all_of(session: Session, user_id: int, *, but: str | None = None) -> None:
    """End every session of a user, except the one with the cookie `but`."""
    ended = delete(SignInSession).where(SignInSession.user_id == user_id)
    if but is not None:
        ended = ended.where(SignInSession.cookie_hash != fingerprint(but))
    session.execute(ended)


def forget_ended(session: Session) -> None:
    """Drop the rows of sessions that have run out."""
    session.execute(delete(SignInSession).where(SignInSession.expires_at <= func.now()))


def csrf_token(cookie: str) -> str:
    """What a page sends with its writes: another origin can have the cookie sent, but can't read this."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()
