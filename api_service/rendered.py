"""Models as JSON text, kept by the version of their row: lists are read far more often than models change."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from flask import current_app
from sqlalchemy import ColumnElement, Row, Text, cast, literal_column
from sqlalchemy.orm import Session

from api_service.replies import model_bodies
from api_service.schemas.models import ModelSchema
from shared import operations, registry
from shared.tables import Model

# Texts of some 3 kB: 12 MB for each process.
MOST = 4096

# What a row's version is: the transaction that wrote it (Postgres' xmin). The time keeps those of two servers
# apart, as after a restore.
Version = tuple[int, str, object]


def version() -> tuple[ColumnElement[object], ...]:
    """SQL: the columns of a `Version`."""
    return Model.id, cast(literal_column("models.xmin"), Text), Model.updated_at


class Rendered:
    """The texts of one process. What a model's text says beside its row (settings, catalog, keys) stays the
    same while the process lives; one with an operation under way is made anew each time."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Version, str] = OrderedDict()
        self._lock = Lock()

    def texts(self, session: Session, versions: Sequence[Row[Version]]) -> list[str]:
        """The models, in the order of `versions`."""
        keys: list[Version] = [(each[0], each[1], each[2]) for each in versions]
        active = operations.unfinished_of(session, [key[0] for key in keys])
        known = self._known([key for key in keys if key[0] not in active])
        missing = [key[0] for key in keys if key not in known]
        made = _rendered(session, missing)
        self._keep({key: made[key[0]] for key in keys if key[0] in made and key[0] not in active})
        # A model may have been deleted since its version was read.
        found = (known.get(key) or made.get(key[0]) for key in keys)
        return [text for text in found if text]

    def _known(self, keys: Sequence[Version]) -> dict[Version, str]:
        with self._lock:
            found = {key: self._texts[key] for key in keys if key in self._texts}
            for key in found:
                self._texts.move_to_end(key)
        return found

    def _keep(self, texts: dict[Version, str]) -> None:
        with self._lock:
            self._texts.update(texts)
            while len(self._texts) > MOST:
                self._texts.popitem(last=False)


def _rendered(session: Session, model_ids: Sequence[int]) -> dict[int, str]:
    if not model_ids:
        return {}
    models = registry.several(session, model_ids)
    bodies = ModelSchema(many=True).dump(model_bodies(session, models))
    return {body["id"]: current_app.json.dumps(body) for body in bodies}
