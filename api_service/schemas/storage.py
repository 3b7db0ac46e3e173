"""Shapes of /api/storage."""

from marshmallow import fields

from api_service.schemas.base import BaseSchema, ReplySchema

_UNTIL_SCANNED = {"description": "null until the cache has been scanned."}


class CacheSchema(ReplySchema):
    """What the cache directory holds, in bytes."""

    total_bytes = fields.Integer(allow_none=True, metadata=_UNTIL_SCANNED)
    managed_bytes = fields.Integer(
        metadata={
            "description": "Files of downloaded models, also those that an update has replaced; "
            "one that several share counts once."
        }
    )
    unmanaged_bytes = fields.Integer(
        allow_none=True, metadata={"description": "The rest of the total; null until the cache is scanned."}
    )
    unmanaged_repo_count = fields.Integer(allow_none=True, metadata=_UNTIL_SCANNED)
    partial_bytes = fields.Integer(
        allow_none=True,
        metadata={"description": "The room that half files take up, also those of ended downloads."},
    )


class StorageSchema(ReplySchema):
    """The volume in bytes, as a worker saw it last; null before the first worker has looked."""

    total_bytes = fields.Integer(allow_none=True)
    used_bytes = fields.Integer(allow_none=True)
    available_bytes = fields.Integer(
        allow_none=True,
        metadata={
            "description": "Free for files to come. A half file takes the room of the whole file at once; "
            "what an unfinished download has not filled yet counts as available here and as reserved below."
        },
    )
    reserved_bytes = fields.Integer(
        metadata={"description": "What unfinished downloads still need, where their size is known."}
    )
    available_after_queue_bytes = fields.Integer(
        allow_none=True,
        metadata={"description": "Available less reserved; negative where the queue does not fit."},
    )
    model_count = fields.Integer(metadata={"description": "Local models that are downloaded."})
    cache = fields.Nested(CacheSchema)
    quota_bytes = fields.Integer(
        allow_none=True, metadata={"description": "What the cache may hold; null: no quota."}
    )
    seen_at = fields.DateTime(allow_none=True, metadata={"description": "When a worker saw the volume."})
    scanned_at = fields.DateTime(
        allow_none=True, metadata={"description": "When a worker looked at what the cache holds."}
    )


class StorageQuery(BaseSchema):
    """How new the answer is to be."""

    refresh = fields.Boolean(
        load_default=False,
        metadata={"description": "Ask a worker for a new scan of the cache and wait for it, at most 10 s."},
    )
