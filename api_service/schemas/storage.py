"""Shapes of /api/storage."""

from marshmallow import fields

from api_service.schemas.base import BaseSchema, ReplySchema, Text

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


class VolumeSchema(ReplySchema):
    """One volume in bytes, as a worker of it saw it last."""

    name = fields.String(
        metadata={"description": "WEIGHBRIDGE_VOLUME of its workers; without, the path of their cache."}
    )
    total_bytes = fields.Integer()
    used_bytes = fields.Integer()
    available_bytes = fields.Integer()
    reserved_bytes = fields.Integer(
        metadata={"description": "What unfinished downloads that run there still need."}
    )
    cache_bytes = fields.Integer(allow_none=True, metadata=_UNTIL_SCANNED)
    models = fields.Integer(metadata={"description": "Downloaded models that it has."})
    workers = fields.Integer(
        allow_none=True,
        metadata={"description": "Live ones that bring files there; null: nobody can tell just now."},
    )
    seen_at = fields.DateTime()


class StorageSchema(ReplySchema):
    """All volumes together in bytes, as workers saw them last; null before the first worker has looked.

    Volumes that no worker has looked at for two minutes are only in `volumes`, as long as others are served.
    """

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
    volumes = fields.List(
        fields.Nested(VolumeSchema), metadata={"description": "Each by itself (docs/volume.md)."}
    )


class VolumeQuery(BaseSchema):
    """Which volume is meant."""

    name = Text(required=True, most=4096)


class StorageQuery(BaseSchema):
    """How new the answer is to be."""

    refresh = fields.Boolean(
        load_default=False,
        metadata={"description": "Ask a worker for a new scan of the cache and wait for it, at most 10 s."},
    )
