"""Sign-in sessions of the dashboard: a random cookie, stored only as its hash, until a person ends it.

A session stands on the credential that it was opened with: when that one changes, its sessions end too.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared.tables import SignInSession

LIFETIME = timedelta(days=7)


def open_session(session: Session, *, caller: str, credential: str) -> str:
    """Start a session for a caller who has shown the credential; the cookie's value, known only to him."""
    cookie = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            cookie_hash=_hash(cookie),
            caller=caller,
            credential_hash=_hash(credential),
            expires_at=func.now() + LIFETIME,
        )
    )
    session.flush()
    return cookie


def find(session: Session, cookie: str, *, credential: str) -> SignInSession | None:
    """The live session of a cookie; None when it has ended, or stands on another credential."""
    found = session.scalar(
        select(SignInSession).where(
            SignInSession.cookie_hash == _hash(cookie), SignInSession.expires_at > func.now()
        )
    )
    return found if found and hmac.compare_digest(found.credential_hash, _hash(credential)) else None


def close_session(session: Session, cookie: str) -> None:
    """End the session; nothing happens when there is none."""
    session.execute(delete(SignInSession).where(SignInSession.cookie_hash == _hash(cookie)))


def forget_ended(session: Session) -> None:
    """Drop the rows of sessions that have run out."""
    session.execute(delete(SignInSession).where(SignInSession.expires_at <= func.now()))


def csrf_token(cookie: str) -> str:
    """What a page sends with its writes: another origin can have the cookie sent, but can't read this."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def _hash(secret: str) -> str:
    # Both are long and random, so that a plain hash can't be turned back by guessing.
    return hashlib.sha256(secret.encode()).hexdigest()
