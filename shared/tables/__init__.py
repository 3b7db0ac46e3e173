"""The rows of Postgres, with a sentence for each status. *Model* means a machine-learning model."""

from shared.tables.access import ApiToken, AuditEvent, SignInSession, User
from shared.tables.base import Base
from shared.tables.counts import RowCount
from shared.tables.operations import IDEMPOTENCY_KEPT, IdempotencyKey, Operation, Turn
from shared.tables.register import Model, ModelReference, SeededModel
from shared.tables.volume import CachedRepo, Volume
from shared.tables.words import (
    UNFINISHED,
    Category,
    DownloadStatus,
    ModelSource,
    ModelType,
    OperationKind,
    OperationStatus,
    Provider,
    ReferencePolicy,
    Result,
    Role,
)

__all__ = [
    "IDEMPOTENCY_KEPT",
    "UNFINISHED",
    "ApiToken",
    "AuditEvent",
    "Base",
    "CachedRepo",
    "Category",
    "DownloadStatus",
    "IdempotencyKey",
    "Model",
    "ModelReference",
    "ModelSource",
    "ModelType",
    "Operation",
    "OperationKind",
    "OperationStatus",
    "Provider",
    "ReferencePolicy",
    "Result",
    "Role",
    "RowCount",
    "SeededModel",
    "SignInSession",
    "Turn",
    "User",
    "Volume",
]
