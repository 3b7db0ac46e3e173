"""What the files of a model say goes into its row; what only the Hub had said stays beside it."""

from sqlalchemy import select, update

from shared import events, file_facts, model_facts
from shared.events import EventType
from shared.manifests import Manifest, from_json
from shared.model_facts import Facts
from shared.tables import Model, ModelSource
from shared.volumes import is_on
from worker_service.context import Context
from worker_service.transfer import snapshot_path

# Models that one scan looks into: those that were downloaded before anybody kept facts.
_MOST_FILLED_IN = 100


def from_files(context: Context, manifest: Manifest, kept: Facts) -> Facts:
    """What the files say, and what only the Hub had said."""
    folder = snapshot_path(context.settings.cache_dir, manifest.repo, manifest.commit)
    return model_facts.merged(file_facts.facts_of(folder, [file.path for file in manifest.files]), kept)


def kept(context: Context, model_id: int) -> Facts:
    """What the row has by now."""
    with context.database.session() as session:
        return model_facts.from_json(session.scalar(select(Model.facts).where(Model.id == model_id)))


def fill_in(context: Context) -> None:
    """Look into the files of downloaded models of which nothing is known yet. Raises ServiceUnavailable."""
    here = Model.downloaded.is_(True), Model.manifest.is_not(None), Model.facts.is_(None)
    unknown = select(Model.id, Model.hf_repo, Model.revision, Model.manifest).where(
        Model.source == ModelSource.HUGGINGFACE, *here, is_on(Model.volume, context.volume)
    )
    with context.database.session() as session:
        rows = session.execute(unknown.order_by(Model.id).limit(_MOST_FILLED_IN)).all()
    for model_id, repo, revision, manifest in rows:
        found = from_files(context, from_json(repo, revision, manifest), Facts())
        # No edit by anybody, so `updated_at` stays; and not where an update has switched the files meanwhile.
        unchanged = Model.id == model_id, Model.facts.is_(None), Model.commit_hash == manifest["commit"]
        values = {"facts": model_facts.as_json(found), "updated_at": Model.updated_at}
        with context.database.session() as session:
            is_filled = session.scalar(update(Model).where(*unchanged).values(values).returning(Model.id))
        if is_filled is not None:
            events.note_model(context.redis, EventType.MODEL_UPDATED, model_id)
