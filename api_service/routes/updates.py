"""Whether the files of a model are right, and whether there are newer ones: verify and update."""

from datetime import datetime
from typing import Any

from api_service.blueprint import Blueprint
from api_service.parts import asked_by, audited, hub_as, parts
from api_service.replies import announce, operation_bodies
from api_service.schemas.errors import ProblemSchema
from api_service.schemas.operations import OperationSchema
from api_service.schemas.updates import UpdateRequestSchema, UpdateSchema
from shared import changes, operations, registry
from shared.audit import Action
from shared.errors import ModelNotDownloaded
from shared.manifests import as_json, freeze
from shared.operations import Requested
from shared.registry import Limits
from shared.tables import Model, Operation, Role

blueprint = Blueprint("updates", __name__, url_prefix="/api/models", description="Verify and update")


@blueprint.post("/<int:model_id>/verify", role=Role.OPERATOR)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def verify(model_id: int) -> Any:
    """Hold every byte of the files against its checksum; one that runs already is answered with 200."""
    with parts().database.session() as session:
        operation, outcome = operations.request_verify(session, model_id, **asked_by())
        if outcome is Requested.CREATED:
            audited(session, Action.VERIFY_REQUESTED, model=registry.get(session, model_id))
    return _asked(operation, outcome)


@blueprint.get("/<int:model_id>/update", role=Role.VIEWER)
@blueprint.response(200, UpdateSchema)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def look(model_id: int) -> Any:
    """Whether the revision has moved at the Hub since, and what an update would change."""
    with parts().database.session() as session:
        model = registry.get(session, model_id)
        operations.check_is_here(model)
        hub, manifest, former = hub_as(model), model.manifest, model.former
    if manifest is None:
        raise ModelNotDownloaded()
    # Outside a session: the Hub may take its time.
    latest = as_json(
        parts().hub_breaker.call(
            lambda: freeze(
                hub,
                repo=str(model.hf_repo),
                revision=str(model.revision),
                model_file=model.model_file,
                allow_patterns=model.allow_patterns,
                ignore_patterns=model.ignore_patterns,
            )
        )
    )
    return _update(model, manifest, latest) | {"former": _former(former)}


@blueprint.post("/<int:model_id>/update", role=Role.OPERATOR)
@blueprint.arguments(UpdateRequestSchema, required=False)
@blueprint.response(202, OperationSchema)
@blueprint.alt_response(200, schema=OperationSchema, success=True)
@blueprint.alt_response(409, schema=ProblemSchema, content_type="application/problem+json")
def update(fields: dict[str, Any], model_id: int) -> Any:
    """Fetch another commit, and let the model stand for it once it is verified; the former one is kept.

    `formerCommit` in `commitHash` returns to it. The same update under way already is answered with 200.
    """
    commit = fields.get("commit_hash")
    with parts().database.session() as session:
        operation, outcome = operations.request_update(session, model_id, commit=commit, **asked_by())
        if outcome is Requested.CREATED:
            told = {"commit_hash": commit} if commit else {}
            model = registry.get(session, model_id)
            registry.check_download(model, Limits.of(parts().settings))
            audited(session, Action.UPDATE_REQUESTED, model=model, **told)
    return _asked(operation, outcome)


def _asked(operation: Operation, outcome: Requested) -> Any:
    created = outcome is Requested.CREATED
    announce(operation if created else None)
    return operation_bodies([operation])[0], 202 if created else 200


def _update(model: Model, manifest: dict[str, Any], latest: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": model.revision,
        "commit_hash": model.commit_hash,
        "latest_commit": latest["commit"],
        "has_moved": latest["commit"] != model.commit_hash,
        "bytes_to_fetch": changes.bytes_to_fetch(manifest, latest),
        "files": changes.between(manifest, latest),
    }


def _former(former: dict[str, Any] | None) -> dict[str, Any] | None:
    return former and {
        "commit_hash": former["commit"],
        "replaced_at": datetime.fromisoformat(former["replaced_at"]),
        "size_bytes": former["size_bytes"],
    }
