"""Models as JSON text, kept by the version of their row: they are read far more often than they change."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Row, Text, cast, exists, literal_column
from sqlalchemy.orm import Session

from api_service.replies import model_bodies, operation_bodies
from api_service.schemas.models import ModelSchema
from api_service.schemas.operations import OperationSchema
from shared import queue, registry
from shared.database import Database
from shared.tables import UNFINISHED, Model, Operation

# Texts of some 3 kB: 12 MB for each process.
MOST = 4096

# What a row's version is: the transaction that wrote it (Postgres' xmin). The time keeps those of two servers
# apart, as after a restore.
Version = tuple[int, str, object]


def version() -> tuple[ColumnElement[object], ...]:
    """SQL: the columns of a `Version`, and whether the model has an operation under way."""
    under_way = exists().where(Operation.model_id == Model.id, Operation.status.in_(UNFINISHED))
    return (
        Model.id,
        cast(literal_column("models.xmin"), Text),
        Model.updated_at,
        under_way.label("is_active"),
    )


class Rendered:
    """The texts of one process, without what is under way. What a model's text says beside its row (settings,
    catalog, keys) stays the same while the process lives."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Version, bytes] = OrderedDict()
        self._lock = Lock()

    def texts(self, database: Database, versions: Sequence[Row[Any]]) -> list[bytes]:
        """The models, in the order of `versions`."""
        keys: list[Version] = [(each[0], each[1], each[2]) for each in versions]
        texts = {key[0]: text for key, text in self._known(keys).items()}
        if len(texts) < len(keys):
            with database.session() as session:
                made = _rendered(session, [key[0] for key in keys if key[0] not in texts])
            self._keep({key: made[key[0]] for key in keys if key[0] in made})
            texts |= made
        if active := [each[0] for each in versions if each.is_active]:
            with database.reading() as connection:
                under_way = queue.under_way(connection, active)
            _put_in(texts, under_way)
        # A model may have been deleted since its version was read.
        return [texts[key[0]] for key in keys if key[0] in texts]

    def _known(self, keys: Sequence[Version]) -> dict[Version, bytes]:
        with self._lock:
            found = {key: self._texts[key] for key in keys if key in self._texts}
            for key in found:
                self._texts.move_to_end(key)
        return found

    def _keep(self, texts: dict[Version, bytes]) -> None:
        with self._lock:
            self._texts.update(texts)
            while len(self._texts) > MOST:
                self._texts.popitem(last=False)


def _rendered(session: Session, model_ids: Sequence[int]) -> dict[int, bytes]:
    if not model_ids:
        return {}
    bodies = model_bodies(session, registry.several(session, model_ids), with_active=False)
    return {body["id"]: _text(body) for body in ModelSchema(many=True).dump(bodies)}


def _put_in(texts: dict[int, bytes], active: Sequence[Row[Any]]) -> None:
    """Say in the models' texts what is under way. Inside a JSON string each quote has a backslash before it,
    so these bytes are the field and nothing that somebody wrote.
    """
    for body in operation_bodies(active, in_model_words=True):
        if body["model_id"] in texts:
            told = b'"activeOperation":' + _text(_operation.dump(body))
            texts[body["model_id"]] = texts[body["model_id"]].replace(b'"activeOperation":null', told, 1)


def _text(body: Any) -> bytes:
    return current_app.json.dumps(body, separators=(",", ":")).encode()


_operation = OperationSchema()
