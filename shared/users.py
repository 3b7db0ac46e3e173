"""The rules about people: who may sign in, with what, as what."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg2.errors import UniqueViolation
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import sessions
from shared.callers import ADMINISTRATOR
from shared.errors import UserAlreadyExists, UserNotFound, ValidationError
from shared.tables import Role, User

LONGEST_NAME = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
# Characters. The floor of NIST SP 800-63B-4 for a password that stands alone is 15; 12 with a limit on tries
# is what people still type. The ceiling keeps a megabyte from being hashed.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
FEWEST_DIFFERENT = 5
# A name of fewer letters is in many passwords by chance.
LEAST_OF_A_NAME = 4

# The second choice of OWASP's password storage sheet: 19 MiB, 2 passes, 1 lane. About 30 ms.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Hashing takes memory: not once for each thread of a process that is flooded with sign-ins.
_few_at_a_time = threading.BoundedSemaphore(4)
# Verified where there is no user, so that the time of an answer tells nobody which names exist.
_NOBODY = _hasher.hash("nobody has this password")


def create(session: Session, *, name: str, role: Role, password: str) -> User:
    """Add a user who signs in with a password. Raises ValidationError, UserAlreadyExists."""
    _check_name(name)
    _check_password(password, name)
    return _add(session, User(name=name, role=role, password_hash=_hash(password)))


def change(session: Session, user_id: int, fields: Mapping[str, Any]) -> User:
    """Change `name`, `role`, `is_active` or `password`; a new password and a lock end all sessions.

    Raises UserNotFound, ValidationError, UserAlreadyExists.
    """
    user = get(session, user_id)
    name = fields.get("name", user.name)
    if "name" in fields:
        _check_name(name)
    if "password" in fields:
        _check_password(fields["password"], name)
        user.password_hash = _hash(fields["password"])
    with _name_is_free():
        for field in fields.keys() & {"name", "role", "is_active"}:
            setattr(user, field, fields[field])
        session.flush()
    if "password" in fields or not user.is_active:
        sessions.close_all_of(session, user_id)
    return user


def change_own_password(
    session: Session, user_id: int, *, current: str, new: str, cookie: str | None
) -> User:
    """Replace a password by somebody who knows the old one; ends all sessions but the one of `cookie`.

    Raises ValidationError.
    """
    user = get(session, user_id)
    if user.password_hash is None or not _is_right(user.password_hash, current):
        raise ValidationError({"current_password": ["This is not your password."]})
    _check_password(new, user.name, field="new_password")
    user.password_hash = _hash(new)
    sessions.close_all_of(session, user_id, but=cookie)
    return user


def remove(session: Session, user_id: int) -> User:
    """Delete a user, with sessions and tokens. Raises UserNotFound."""
    user = get(session, user_id)
    session.delete(user)
    return user


def get(session: Session, user_id: int) -> User:
    """The user. Raises UserNotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound()
    return user


def everybody(session: Session) -> Sequence[User]:
    """All users, by name."""
    return session.scalars(select(User).order_by(func.lower(User.name))).all()


def authenticate(session: Session, *, name: str, password: str) -> User | None:
    """The active user of this name and password; None takes as long."""
    user = session.scalar(select(User).where(func.lower(User.name) == name.lower()))
    stored = user.password_hash if user and user.password_hash and user.is_active else None
    is_right = _is_right(stored or _NOBODY, password)
    if user is None or stored is None or not is_right:
        return None
    if _hasher.check_needs_rehash(stored):
        user.password_hash = _hash(password)
    user.last_sign_in_at = func.now()
    return user


def known_by_provider(
    session: Session, *, issuer: str, subject: str, name: str, role: Role, role_is_told: bool
) -> User | None:
    """The user whom the identity provider vouches for, added at the first sign-in; None: locked here.

    `role_is_told`: the provider decides about the role at each sign-in; else it is only the first one's.
    """
    user = session.scalar(select(User).where(User.issuer == issuer, User.subject == subject))
    if user is None:
        user = _add(
            session,
            User(name=_free_name(session, name), role=role, issuer=issuer, subject=subject, is_active=True),
        )
    elif role_is_told:
        user.role = role
    if not user.is_active:
        return None
    user.last_sign_in_at = func.now()
    return user


def _add(session: Session, user: User) -> User:
    with _name_is_free():
        session.add(user)
        session.flush()
    session.refresh(user)
    return user


@contextmanager
def _name_is_free() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            raise UserAlreadyExists() from None
        raise


def _free_name(session: Session, wanted: str) -> str:
    """The provider's name for a person in our letters; with a number where somebody is called so already."""
    base = re.sub(r"[^A-Za-z0-9._@+-]+", "-", wanted).strip("-._@+")[: LONGEST_NAME - 4] or "user"
    taken = set(session.scalars(select(func.lower(User.name)).where(User.name.istartswith(base)))) | {
        ADMINISTRATOR
    }
    names = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.lower() not in taken)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValidationError(
            {
                "name": [
                    f"Use 1 to {LONGEST_NAME} letters, digits and . _ @ + -; begin with a letter or digit."
                ]
            }
        )
    if name.lower() == ADMINISTRATOR:
        raise ValidationError({"name": ["So is the administrator's token called; choose another name."]})


def _check_password(password: str, name: str, *, field: str = "password") -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValidationError({field: [f"Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."]})
    if len(set(password)) < FEWEST_DIFFERENT:
        raise ValidationError({field: [f"Use at least {FEWEST_DIFFERENT} different characters."]})
    if len(name) >= LEAST_OF_A_NAME and name.lower() in password.lower():
        raise ValidationError({field: ["Do not use your name."]})


def _hash(password: str) -> str:
    with _few_at_a_time:
        return _hasher.hash(password)


def _is_right(stored: str, password: str) -> bool:
    with _few_at_a_time:
        try:
            return _hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
