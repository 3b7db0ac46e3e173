"""Models as JSON text, kept by the version of their row: lists are read far more often than models change."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Row, Text, cast, exists, literal_column
from sqlalchemy.orm import Session

from api_service.replies import model_bodies
from api_service.schemas.models import ModelSchema
from shared import registry
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
    """The texts of one process. What a model's text says beside its row (settings, catalog, keys) stays the
    same while the process lives; one with an operation under way is made anew each time."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Version, bytes] = OrderedDict()
        self._lock = Lock()

    def texts(self, database: Database, versions: Sequence[Row[Any]]) -> list[bytes]:
        """The models, in the order of `versions`."""
        lasting: list[Version] = [(each[0], each[1], each[2]) for each in versions if not each.is_active]
        known = self._known(lasting)
        texts = {key[0]: text for key, text in known.items()}
        if len(texts) < len(versions):
            with database.session() as session:
                made = _rendered(session, [each[0] for each in versions if each[0] not in texts])
            self._keep({key: made[key[0]] for key in lasting if key[0] in made})
            texts |= made
        # A model may have been deleted since its version was read.
        return [texts[each[0]] for each in versions if each[0] in texts]

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
    models = registry.several(session, model_ids)
    bodies = ModelSchema(many=True).dump(model_bodies(session, models))
    return {body["id"]: current_app.json.dumps(body).encode() for body in bodies}
