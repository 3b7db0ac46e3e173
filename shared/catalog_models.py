"""Which registered models the entries of the catalog stand for."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.catalog import Entry
from shared.tables import Model, ModelSource


def models_of(session: Session, entries: Sequence[Entry]) -> dict[str, Model]:
    """By the id of the entry, the model of its repository and file, whatever its revision; in one query.

    Of several a downloaded one comes first, then the one at the entry's revision, then the oldest.
    """
    wanted = select(Model).where(
        Model.source == ModelSource.HUGGINGFACE, Model.hf_repo.in_({entry.repo for entry in entries})
    )
    by_file: dict[tuple[str | None, str | None], list[Model]] = {}
    for model in session.scalars(wanted.order_by(Model.id)):
        by_file.setdefault((model.hf_repo, model.model_file), []).append(model)
    return {
        entry.id: _best(found, entry)
        for entry in entries
        if (found := by_file.get((entry.repo, entry.filename)))
    }


def _best(models: Iterable[Model], entry: Entry) -> Model:
    return min(models, key=lambda model: (not model.downloaded, model.revision != entry.revision, model.id))
