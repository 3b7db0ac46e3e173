"""The rules about references: a consumer says that it uses a model, which blocks its deletion or warns of it.

Whoever sets one and a delete that is about to take files exclude each other by the lock of the model's row:
either the delete sees the reference and ends, or the reference comes too late and is refused.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from shared import operations
from shared.errors import ModelInUse, ModelNotFound, ValidationError
from shared.tables import Model, ModelReference, OperationKind, ReferencePolicy

LONGEST_CONSUMER = 100
LONGEST_NAME = 255
# A refusal names so many uses and counts the rest.
MOST_NAMED = 5
_ORDER = (ModelReference.consumer, ModelReference.name)


def put(
    session: Session,
    model_id: int,
    consumer: str,
    name: str,
    *,
    policy: ReferencePolicy,
    detail: str | None,
    expires_at: datetime | None,
) -> tuple[ModelReference, bool]:
    """Set a reference, in place of the one that was there; whether it is new.

    Raises ValidationError, ModelNotFound, OperationConflict (a delete takes the files already).
    """
    check_names(consumer, name)
    operations.lock_model(session, model_id)
    active = operations.unfinished(session, model_id)
    if active is not None and active.kind is OperationKind.DELETE and active.plan is not None:
        raise operations.conflict(active)
    if expires_at is not None and expires_at <= operations.now(session):
        raise ValidationError({"expires_at": ["Must lie in the future."]})
    found = session.get(ModelReference, (model_id, consumer, name))
    reference = found or ModelReference(model_id=model_id, consumer=consumer, name=name)
    reference.policy, reference.detail, reference.expires_at = policy, detail, expires_at
    reference.updated_at = func.now()  # also where it says what it said before
    session.add(reference)
    session.flush()
    session.refresh(reference)
    return reference, found is None


def remove(session: Session, model_id: int, consumer: str, name: str) -> bool:
    """Take a reference back; False when there is none. Raises ValidationError, ModelNotFound."""
    check_names(consumer, name)
    gone = delete(ModelReference).where(
        ModelReference.model_id == model_id, ModelReference.consumer == consumer, ModelReference.name == name
    )
    if session.scalar(gone.returning(ModelReference.model_id)) is not None:
        return True
    if session.get(Model, model_id) is None:
        raise ModelNotFound()
    return False


def listed(session: Session, model_id: int) -> list[tuple[ModelReference, bool]]:
    """Every reference of a model and whether it has expired; by consumer and name. Raises ModelNotFound."""
    if session.get(Model, model_id) is None:
        raise ModelNotFound()
    is_expired = func.coalesce(ModelReference.expires_at <= func.now(), False)
    rows = select(ModelReference, is_expired).where(ModelReference.model_id == model_id).order_by(*_ORDER)
    return [(row[0], row[1]) for row in session.execute(rows)]


def blocking(session: Session, model_id: int) -> Sequence[ModelReference]:
    """The references that forbid to delete the model now."""
    wanted = select(ModelReference).where(
        ModelReference.model_id == model_id, ModelReference.policy == ReferencePolicy.BLOCK, _counts()
    )
    return session.scalars(wanted.order_by(*_ORDER)).all()


def warning(session: Session, model_id: int) -> list[tuple[str, int]]:
    """By consumer, how many of its references want whoever deletes the model to read of them."""
    counted = (
        select(ModelReference.consumer, func.count())
        .where(ModelReference.model_id == model_id, ModelReference.policy == ReferencePolicy.WARN, _counts())
        .group_by(ModelReference.consumer)
        .order_by(ModelReference.consumer)
    )
    return [(consumer, count) for consumer, count in session.execute(counted)]


def refuse_if_blocked(session: Session, model_id: int) -> None:
    """Raise ModelInUse while somebody forbids to delete the model; the caller holds the lock of its row."""
    found = blocking(session, model_id)
    if found:
        raise ModelInUse(
            f"The model is used by {told(found)}.",
            remedy="Let these consumers give it up or take their references back, then ask again.",
        )


def told(found: Sequence[ModelReference]) -> str:
    """`search-service (docs, notes), chat (main)`: the first few uses, and how many more there are."""
    names: dict[str, list[str]] = {}
    for reference in found[:MOST_NAMED]:
        names.setdefault(reference.consumer, []).append(reference.name)
    text = ", ".join(f"{consumer} ({', '.join(uses)})" for consumer, uses in names.items())
    return f"{text} and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else text


def check_names(consumer: str, name: str) -> None:
    """Raise ValidationError for what names no consumer or no use: both stand in addresses and sentences.

    A name may hold slashes (`pipelines/nightly`), a consumer none, so that an address has one meaning.
    """
    errors = {
        field: [problem]
        for field, text, most in (("consumer", consumer, LONGEST_CONSUMER), ("name", name, LONGEST_NAME))
        if (problem := _problem(text, most))
    }
    if "/" in consumer:
        errors["consumer"] = ["Must not contain a slash."]
    if errors:
        raise ValidationError(errors)


def _problem(text: str, most: int) -> str | None:
    if not 1 <= len(text) <= most:
        return f"Must have 1 to {most} characters."
    # U+FFFD stands for bytes that are no text.
    if not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text or text != text.strip():
        return "Must be printable text without space around it."
    if any(step in ("", ".", "..") for step in text.split("/")):
        return "Must not have `.`, `..` or nothing between slashes: clients take those out of an address."
    return None


def is_blocked() -> ColumnElement[bool]:
    """SQL: somebody forbids to delete this Model now."""
    return exists().where(
        ModelReference.model_id == Model.id, ModelReference.policy == ReferencePolicy.BLOCK, _counts()
    )


def _counts() -> ColumnElement[bool]:
    return or_(ModelReference.expires_at.is_(None), ModelReference.expires_at > func.now())
