"""POSTs with an Idempotency-Key: the same key and body within 24 h get the first answer again.

The key's row is inserted before the work and stays uncommitted until the answer is known, so a second
request with the same key waits for the first one's answer instead of working beside it.
"""

import hashlib
from contextlib import ExitStack, suppress
from http import HTTPStatus

from flask import Flask, Response, g, request
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.database import Database
from shared.errors import IdempotencyConflict, ValidationError
from shared.secrets import SecretBox
from shared.tables import IDEMPOTENCY_KEPT, IdempotencyKey


class _NothingToKeep(Exception):
    pass


LONGEST_KEY = 255


def register(app: Flask, database: Database, secrets: SecretBox) -> None:
    """Watch every POST that carries a key."""

    @app.before_request
    def _look_up() -> Response | None:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or key is None or "caller" not in g:
            return None
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            raise ValidationError({"Idempotency-Key": [f"Must be 1 to {LONGEST_KEY} printable characters."]})
        g.idempotency = ExitStack()
        session = g.idempotency.enter_context(database.session())
        answer = _claim(session, key, secrets)
        if answer is None:
            g.idempotency_row = (session, key)
        return answer

    @app.after_request
    def _remember(answer: Response) -> Response:
        if "idempotency_row" in g:
            session, key = g.idempotency_row
            _store(session, key, answer, secrets)
        return answer

    @app.teardown_request
    def _close(error: BaseException | None) -> None:
        held = g.pop("idempotency", None)
        if held is None:
            return
        # Without an answer to remember there is nothing to commit.
        failure = None if "idempotency_row" in g else _NothingToKeep()
        with suppress(_NothingToKeep), held:
            if failure:
                raise failure


def _claim(session: Session, key: str, secrets: SecretBox) -> Response | None:
    """None: this request is the first and holds the key. Raises IdempotencyConflict, UndecryptableSecret."""
    same = (IdempotencyKey.key == key) & (IdempotencyKey.caller == g.caller.key)
    session.execute(
        delete(IdempotencyKey).where(same, IdempotencyKey.created_at < func.now() - IDEMPOTENCY_KEPT)
    )
    print_ = _fingerprint()
    mine = insert(IdempotencyKey).values(key=key, caller=g.caller.key, fingerprint=print_)
    if session.execute(mine.on_conflict_do_nothing().returning(IdempotencyKey.key)).scalar() is not None:
        return None
    first = session.scalar(select(IdempotencyKey).where(same))
    if first is None or first.fingerprint != print_:
        raise IdempotencyConflict()
    body = None if first.body is None else secrets.unseal(first.body)
    answer = Response(body, first.status, content_type=first.content_type)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _store(session: Session, key: str, answer: Response, secrets: SecretBox) -> None:
    same = (IdempotencyKey.key == key) & (IdempotencyKey.caller == g.caller.key)
    row = session.scalar(select(IdempotencyKey).where(same))
    if row is None or row.status is not None:
        return
    if (
        answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    ):
        session.delete(row)  # asking again is the right thing to do then
        return
    row.status, row.content_type = answer.status_code, answer.content_type
    # Sealed: the answer to POST /api/tokens holds a token.
    row.body = secrets.seal(answer.get_data(as_text=True))


def _fingerprint() -> str:
    # The query as bytes: what is no text would be the same replacement character each time.
    parts = (request.method.encode(), request.path.encode(), request.query_string, request.get_data())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
