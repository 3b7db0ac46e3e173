"""Shapes of /api/cache: what the cache holds, and what could go."""

from marshmallow import fields, validate

from api_service.schemas.base import BaseSchema, Flag, PageQuery, ReplySchema, Text
from api_service.schemas.models import HubFields, inside_repository
from shared.clean_up_items import ItemKind
from shared.hub_names import repo_id_problem
from shared.tables import Category

CACHE_SORTS = ("repo", "sizeBytes", "lastUsedAt", "modifiedAt", "fileCount")


_WHICH = {"description": "Required where several volumes hold the repository."}


def _repo(text: str) -> None:
    if problem := repo_id_problem(text):
        raise validate.ValidationError(problem)


class CacheQuery(PageQuery):
    """Filters of the cached repositories."""

    managed = fields.Boolean(metadata={"description": "Whether a model of the register has files of it."})
    q = Text(metadata={"description": "Part of the repository's name."})
    volume = Text(most=4096, metadata={"description": "The volume whose cache has it."})
    sort = fields.String(
        load_default="-sizeBytes",
        validate=validate.OneOf([sign + name for name in CACHE_SORTS for sign in ("", "-")]),
    )


class CachedModelSchema(ReplySchema):
    """A model of the register that has files of a repository."""

    id = fields.Integer()
    name = fields.String()


class CachedRevisionSchema(ReplySchema):
    """One commit of a repository in the cache."""

    commit_hash = fields.String()
    refs = fields.List(fields.String(), metadata={"description": "Branches and tags that mean it here."})
    size_bytes = fields.Integer()
    freed_bytes = fields.Integer(metadata={"description": "What dropping this commit alone would free."})
    file_count = fields.Integer()
    modified_at = fields.DateTime()
    is_in_use = fields.Boolean(metadata={"description": "A model of the register stands for it."})


class CachedRepoSchema(ReplySchema):
    """A repository of the cache as the last scan saw it, whoever downloaded it."""

    repo = fields.String()
    volume = fields.String()
    size_bytes = fields.Integer(metadata={"description": "Its files, each once."})
    managed_bytes = fields.Integer(metadata={"description": "Of them, those of models of the register."})
    file_count = fields.Integer()
    is_managed = fields.Boolean()
    models = fields.List(fields.Nested(CachedModelSchema))
    last_used_at = fields.DateTime(
        allow_none=True,
        metadata={"description": "When a file was read last, if the volume keeps that."},
    )
    modified_at = fields.DateTime(allow_none=True)
    seen_at = fields.DateTime(metadata={"description": "When its files were looked at last."})
    revisions = fields.List(fields.Nested(CachedRevisionSchema))


class CacheDeleteQuery(BaseSchema):
    """Which repository goes."""

    repo = Text(required=True, checks=[_repo])
    volume = Text(most=4096, metadata=_WHICH)
    confirm = fields.Boolean(load_default=False)


class AdoptSchema(HubFields):
    """Which files of the cache become a model."""

    hf_repo = Text(required=True, data_key="repo", most=2048)
    model_file = Text(
        data_key="filename",
        most=1024,
        allow_none=True,
        checks=[inside_repository],
        metadata={"description": "null: all files of the commit that are here."},
    )
    volume = Text(most=4096, metadata=_WHICH)
    name = Text(metadata={"description": "Unique; made from the repository and file where it is absent."})
    category = fields.Enum(Category, by_value=True, allow_none=True)


class PlanQuery(BaseSchema):
    """What counts as unused."""

    unused_days = fields.Integer(load_default=30, validate=validate.Range(min=0, max=36_500))


class PlanItemSchema(ReplySchema):
    """Something that could go from the volume."""

    id = fields.String(metadata={"description": "Says the same thing in every plan."})
    volume = fields.String(metadata={"description": "Items of one volume can go together."})
    kind = fields.Enum(ItemKind, by_value=True)
    repo = fields.String(allow_none=True)
    commit_hash = fields.String(allow_none=True)
    model_id = fields.Integer(allow_none=True)
    model_name = fields.String(allow_none=True)
    bytes = fields.Integer()
    reason = fields.String()
    last_used_at = fields.DateTime(allow_none=True)
    suggested = fields.Boolean()


class QuotaSchema(ReplySchema):
    """How far the cache is beyond its quota."""

    quota_bytes = fields.Integer()
    cache_bytes = fields.Integer(metadata={"description": "Files and half files."})
    over_bytes = fields.Integer()
    evict = fields.List(
        fields.String(), metadata={"description": "Ids of the items that would go, in this order."}
    )


class PlanSchema(ReplySchema):
    """What could go, with its bytes; nothing is touched by asking."""

    items = fields.List(fields.Nested(PlanItemSchema))
    total_bytes = fields.Integer()
    quota = fields.Nested(QuotaSchema, allow_none=True)
    scanned_at = fields.DateTime(allow_none=True)


class CleanUpSchema(BaseSchema):
    """Which items of the plan are to go."""

    items = fields.List(Text(most=400), required=True, validate=validate.Length(min=1, max=2000))
    confirm = Flag(load_default=False)
    unused_days = fields.Integer(
        load_default=30,
        validate=validate.Range(min=0, max=36_500),
        metadata={"description": "As in the plan that was shown."},
    )
