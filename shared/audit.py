"""The audit log: who did what to which model, when and from where. Never with a secret.

An event is written in the transaction of the change, so that neither stands without the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.callers import Caller
from shared.tables import AuditEvent, Model


class Action(StrEnum):
    """What can be done."""

    SIGNED_IN = "auth.signed_in"
    SIGN_IN_REFUSED = "auth.sign_in_refused"  # a wrong password or token, or a locked user
    SIGNED_OUT = "auth.signed_out"
    PASSWORD_CHANGED = "auth.password_changed"  # one's own
    ACCESS_DENIED = "auth.access_denied"  # the role does not cover what was asked for
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    TOKEN_CREATED = "token.created"
    TOKEN_REVOKED = "token.revoked"
    MODEL_CREATED = "model.created"
    MODEL_CHANGED = "model.changed"
    MODEL_DELETED = "model.deleted"  # out of the register; with its files once the worker has removed them
    CONNECTION_TESTED = "model.connection_tested"
    REFERENCE_SET = "reference.set"  # a consumer says that it uses a model
    REFERENCE_REMOVED = "reference.removed"
    DOWNLOAD_REQUESTED = "download.requested"
    DOWNLOAD_CANCELED = "download.canceled"
    DOWNLOAD_CHANGED = "download.changed"  # its limit
    VERIFY_REQUESTED = "model.verify_requested"
    UPDATE_REQUESTED = "model.update_requested"
    DOWNLOAD_CLEARED = "download.cleared"  # from the queue view
    REPOSITORY_ADOPTED = "cache.adopted"  # a repository of the cache became a model
    CLEAN_UP_REQUESTED = "cache.clean_up_requested"
    VOLUME_FORGOTTEN = "storage.volume_forgotten"  # it is lost for good
    AUDIT_EXPORTED = "audit.exported"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request came from. `caller` is None where nobody was recognized."""

    caller: Caller | None
    address: str | None
    request_id: str | None


def note(
    session: Session,
    action: Action,
    origin: Origin,
    *,
    model: Model | None = None,
    actor: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write an event. `actor`: who it claims to be, where nobody was recognized. `details`: no secret."""
    caller = origin.caller
    session.add(
        AuditEvent(
            action=action,
            actor=caller.name if caller else _fitting(actor or "nobody", AuditEvent.actor),
            role=caller.role if caller else None,
            token=caller.token if caller else None,
            address=_fitting(origin.address, AuditEvent.address) if origin.address else None,
            request_id=origin.request_id,
            model_id=model.id if model else None,
            model_name=model.name if model else None,
            details=dict(details) if details else None,
        )
    )


def _fitting(said: str, column: InstrumentedAttribute[Any]) -> str:
    """What an identity provider or a proxy says, as far as the column takes it: the event must be written."""
    return said.replace("\0", "")[: column.type.length]


def events(filters: Mapping[str, Any]) -> Select[AuditEvent]:
    """The newest first. `filters`: action, actor, model_id, since, until, q (part of a name or address)."""
    wanted = select(AuditEvent).order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    for name in ("action", "actor", "model_id"):
        if name in filters:
            wanted = wanted.where(getattr(AuditEvent, name) == filters[name])
    if "since" in filters:
        wanted = wanted.where(AuditEvent.at >= filters["since"])
    if "until" in filters:
        wanted = wanted.where(AuditEvent.at < filters["until"])
    if "q" in filters:
        searched = (AuditEvent.actor, AuditEvent.model_name, AuditEvent.address, AuditEvent.token)
        wanted = wanted.where(or_(*(column.icontains(filters["q"], autoescape=True) for column in searched)))
    return wanted


def forget_before(session: Session, age: timedelta) -> None:
    """Drop the events that are older."""
    session.execute(delete(AuditEvent).where(AuditEvent.at < func.now() - age))


def changed_fields(fields: Mapping[str, Any], *, secret: frozenset[str]) -> dict[str, Any]:
    """What a change is told as: names, with values except those of secrets."""
    return {
        name: ("removed" if value is None else "set") if name in secret else _plain(value)
        for name, value in fields.items()
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
