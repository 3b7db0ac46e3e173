"""Whether a repository's files could be fetched with a token, and what stands in the way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from shared.errors import (
    AccessDenied,
    AccessPending,
    GatedModelNoToken,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
    WeighbridgeError,
)


class AccessStatus(StrEnum):
    """What a download would meet."""

    OK = "ok"
    TOKEN_MISSING = "token_missing"  # it is gated, and no token was sent
    TOKEN_INVALID = "token_invalid"  # the Hub does not know the token, or it may not be used for this
    LICENSE_NOT_ACCEPTED = "license_not_accepted"  # nor asked for
    PENDING = "pending"  # asked for; the authors have not decided
    DENIED = "denied"  # the authors have said no
    NOT_FOUND = "not_found"  # or private, which the Hub tells nobody who may not read it


# The first fit counts: the special before the general.
_STATUS_OF = (
    (GatedModelNoToken, AccessStatus.TOKEN_MISSING),
    (InvalidHfToken, AccessStatus.TOKEN_INVALID),
    (AccessPending, AccessStatus.PENDING),
    (AccessDenied, AccessStatus.DENIED),
    (LicenseNotAccepted, AccessStatus.LICENSE_NOT_ACCEPTED),
    (RepoNotFound, AccessStatus.NOT_FOUND),
)


@dataclass(frozen=True)
class Access:
    """How it stands, in words for a person; `gated` None: not known."""

    status: AccessStatus
    gated: Literal[False, "auto", "manual"] | None
    detail: str
    remedy: str | None


_access = TypeAdapter(Access)


def read(said: Any) -> Access:
    """Read an Access that was kept as JSON. Raises HubUnavailable where it makes no sense."""
    try:
        return _access.validate_python(said)
    except ValidationError:
        raise HubUnavailable("What was kept of the Hub's answer makes no sense.") from None


def granted(gated: Literal[False, "auto", "manual"] | None) -> Access:
    """Nothing stands in the way."""
    return Access(AccessStatus.OK, gated, "The files can be fetched.", None)


def refused(
    error: WeighbridgeError, gated: Literal[False, "auto", "manual"] | None, *, authenticated: bool
) -> Access | None:
    """What a refusal of the Hub means for who wants to fetch; None: nothing, as the Hub is in trouble."""
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), None)
    if status is AccessStatus.NOT_FOUND:
        return Access(status, gated, *_not_found(authenticated))
    return Access(status, gated, error.detail, error.advice) if status else None


def _not_found(authenticated: bool) -> tuple[str, str]:
    if authenticated:
        return (
            "The Hub has no such repository, or it is private and the token may not read it.",
            "Check owner/name; for a private repository give the token of an account that may read it.",
        )
    return (
        "The Hub has no such repository, or it is private: without a token the Hub does not tell which.",
        "Check owner/name; for a private repository give the model a token or set HF_TOKEN.",
    )
