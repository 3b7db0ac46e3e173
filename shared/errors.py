"""What the rules refuse and what an operation may fail with; no HTTP in here.

The docstring of each error is its default message, `remedy` says what a person can do about it, and
`transient` says that the same attempt may well succeed later, so that the worker tries again by itself.
"""

from typing import Any, ClassVar


class WeighbridgeError(Exception):
    """Something was refused."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    remedy: ClassVar[str] = "Report this with the request id."
    transient: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, *, remedy: str | None = None, **facts: Any) -> None:
        """`detail` and `remedy` replace the class's own words; `facts` go into the reply beside them."""
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.advice = remedy or type(self).remedy
        self.facts = facts
        super().__init__(self.detail)

    def as_dict(self) -> dict[str, str]:
        """The three words that a person sees: code, detail, remedy."""
        return {"code": self.code, "detail": self.detail, "remedy": self.advice}


class ValidationError(WeighbridgeError):
    """The request holds a value that can't be accepted."""

    code = "VALIDATION_ERROR"
    remedy = "Correct the fields named in `errors` and send the request again."

    def __init__(self, errors: dict[str, list[str]]) -> None:
        """`errors`: field name in snake case -> what is wrong with it."""
        super().__init__(errors=errors)


class ModelNotFound(WeighbridgeError):
    """There is no such model."""

    code = "MODEL_NOT_FOUND"
    remedy = "List the models with GET /api/models; it may have been deleted."


class OperationNotFound(WeighbridgeError):
    """There is no such operation."""

    code = "OPERATION_NOT_FOUND"
    remedy = "List the operations with GET /api/operations."


class ModelAlreadyExists(WeighbridgeError):
    """A model like this is registered already."""

    code = "MODEL_ALREADY_EXISTS"
    remedy = "Use the model named by existingId, or choose another name, file or revision."


class ModelAlreadyDownloaded(WeighbridgeError):
    """What is downloaded can't be pointed at another repository, file or revision."""

    code = "MODEL_ALREADY_DOWNLOADED"
    remedy = "Register the other file as a model of its own, or delete this one with its files first."


class ModelInUse(WeighbridgeError):
    """The model is in use and can't be deleted."""

    code = "MODEL_IN_USE"
    remedy = "Let the consumers named in blockedBy give it up first."


class ConfirmationRequired(WeighbridgeError):
    """Deleting this model has consequences that want a confirmation."""

    code = "CONFIRMATION_REQUIRED"
    remedy = "Read the warnings and send the request again with confirm=true."


class PlanChanged(WeighbridgeError):
    """The plan no longer has all of these items."""

    code = "PLAN_CHANGED"
    remedy = "Read the plan again with GET /api/cache/clean-up and choose from what it names now."


class RepoInUse(WeighbridgeError):
    """Models of the register have files of this repository."""

    code = "MODEL_IN_USE"
    remedy = "Delete the models named in `models` with their files instead."


class NotCached(WeighbridgeError):
    """The cache holds no such repository or file."""

    code = "NOT_CACHED"
    remedy = (
        "List what is there with GET /api/cache/repos; refresh the scan with GET /api/storage?refresh=true."
    )


class VolumeNotFound(WeighbridgeError):
    """There is no such volume."""

    code = "VOLUME_NOT_FOUND"
    remedy = "GET /api/storage lists them; it may have been forgotten."


class VolumeInUse(WeighbridgeError):
    """Workers serve this volume, so it is not lost."""

    code = "VOLUME_IN_USE"
    remedy = "Stop its workers for good, wait two minutes, and ask again."


class OperationConflict(WeighbridgeError):
    """Another operation is active for this model."""

    code = "OPERATION_CONFLICT"
    remedy = "Wait for the active operation or cancel it first."


class OperationEnded(WeighbridgeError):
    """This operation has ended, so nothing about it can be changed."""

    code = "OPERATION_ENDED"
    remedy = "Ask for the download again, and change the new operation."


class NotALocalModel(WeighbridgeError):
    """This model is hosted; there is nothing to download."""

    code = "NOT_A_LOCAL_MODEL"
    remedy = "Only models of type local from Hugging Face can be downloaded."


class NotFromTheHub(WeighbridgeError):
    """The files of this model are not from the Hub: no checksum is known of them, and no newer commit."""

    code = "NOT_FROM_THE_HUB"
    remedy = "Only models with source=huggingface can be verified and updated."


class ModelNotDownloaded(WeighbridgeError):
    """The files of this model are not here, or not all of them are right."""

    code = "MODEL_NOT_DOWNLOADED"
    remedy = "Start the download first; of damaged files it fetches only what is missing or wrong."


class CatalogEntryNotFound(WeighbridgeError):
    """The catalog has no such entry."""

    code = "CATALOG_ENTRY_NOT_FOUND"
    remedy = "List the entries with GET /api/catalog."


class NotInCatalog(WeighbridgeError):
    """This installation takes models of its catalog only, and this one is not in it."""

    code = "NOT_IN_CATALOG"
    remedy = (
        "Choose an entry of GET /api/catalog, or ask the operator to add this one to the files in "
        "WEIGHBRIDGE_CATALOG_DIR; WEIGHBRIDGE_CATALOG_ONLY=0 allows all models."
    )


class IdempotencyConflict(WeighbridgeError):
    """This Idempotency-Key was used for another request."""

    code = "IDEMPOTENCY_CONFLICT"
    remedy = "Use a new key for a new request; keys are kept for 24 hours."


class UserNotFound(WeighbridgeError):
    """There is no such user."""

    code = "USER_NOT_FOUND"
    remedy = "List the users with GET /api/users; it may have been deleted."


class UserAlreadyExists(WeighbridgeError):
    """A user of this name exists already."""

    code = "USER_ALREADY_EXISTS"
    remedy = "Choose another name, or change the user that is there."


class TokenNotFound(WeighbridgeError):
    """There is no such API token."""

    code = "TOKEN_NOT_FOUND"
    remedy = "List the tokens with GET /api/tokens; it may have been revoked."


class RoleNotCovered(WeighbridgeError):
    """Your role does not cover this."""

    code = "FORBIDDEN"
    remedy = "Ask an administrator, who can give you the role that this needs."


class InvalidLocalPath(WeighbridgeError):
    """The local path can't be used."""

    code = "INVALID_LOCAL_PATH"
    remedy = "Give an absolute path that exists inside one of the folders in WEIGHBRIDGE_LOCAL_PATH_ROOTS."


class RepoNotFound(WeighbridgeError):
    """The Hub has no such repository, or it is private."""

    code = "REPO_NOT_FOUND"
    remedy = "Check owner/name; for a private repository give a token that may read it."


class RevisionNotFound(WeighbridgeError):
    """The repository has no such revision."""

    code = "REVISION_NOT_FOUND"
    remedy = "Name a branch, a tag or a full commit hash of the repository."


class FileNotFound(WeighbridgeError):
    """The repository has no such file at this revision."""

    code = "FILE_NOT_FOUND"
    remedy = "Check the file name, its folder and its case against the repository's file list."


class FilesGone(FileNotFound):
    """The files of this model are no longer on the volume."""

    remedy = "Start the download again; it fetches only what is missing."


class GatedModelNoToken(WeighbridgeError):
    """The repository is gated and no token was sent."""

    code = "GATED_MODEL_NO_TOKEN"
    remedy = "Accept the license on the model's page, then give the model a token or set HF_TOKEN."


class InvalidHfToken(WeighbridgeError):
    """The Hub rejected the token."""

    code = "INVALID_HF_TOKEN"
    remedy = "Replace the token by a valid one."


class LicenseNotAccepted(WeighbridgeError):
    """The token's owner has no access to this gated repository."""

    code = "LICENSE_NOT_ACCEPTED"
    remedy = "Accept the license on the model's page with the account that owns the token, then retry."


class AccessPending(LicenseNotAccepted):
    """The token's owner has asked for access, and the repository's authors have not decided yet."""

    remedy = "Wait for the authors' answer, which the Hub sends to the token's owner, then retry."


class AccessDenied(LicenseNotAccepted):
    """The repository's authors have refused access to the token's owner."""

    remedy = "Choose another repository, ask its authors, or give the token of an account that has access."


class HubUnavailable(WeighbridgeError):
    """The Hub does not answer as it should."""

    code = "HUB_UNAVAILABLE"
    remedy = "Try again later; what was downloaded is kept."
    transient = True


class HubRateLimited(WeighbridgeError):
    """The Hub asks us to slow down."""

    code = "HUB_RATE_LIMITED"
    remedy = "Try again later, or give a token: the Hub allows more to signed-in callers."
    transient = True


class HubOffline(WeighbridgeError):
    """This installation is told not to use the network (HF_HUB_OFFLINE)."""

    code = "HUB_OFFLINE"
    remedy = "Unset HF_HUB_OFFLINE to allow downloads."


class DownloadFailed(WeighbridgeError):
    """The download failed."""

    code = "DOWNLOAD_FAILED"
    remedy = "Start the download again; it goes on from the bytes that were kept."
    transient = True


class UnusableAnswer(DownloadFailed):
    """What the Hub answers can't be used, and asking again would bring the same."""

    remedy = (
        "Check HF_ENDPOINT and the repository, then start again; it goes on from the bytes that were kept."
    )
    transient = False


class DownloadStalled(WeighbridgeError):
    """No byte arrived for a long time, and reconnecting did not help."""

    code = "DOWNLOAD_STALLED"
    remedy = "Check the network to the Hub and start the download again; it goes on from the bytes kept."
    transient = True


class ChecksumMismatch(WeighbridgeError):
    """The bytes received are not the bytes that the Hub announced."""

    code = "CHECKSUM_MISMATCH"
    remedy = (
        "Start the download again; nothing wrong was published. If it repeats, tell the repository's owner."
    )


class InsufficientDisk(WeighbridgeError):
    """The volume has not enough room."""

    code = "INSUFFICIENT_DISK"
    remedy = "Delete models that are no longer needed or enlarge the volume, then start again."


class CachePermissionDenied(WeighbridgeError):
    """The worker can't write to the cache directory."""

    code = "CACHE_PERMISSION_DENIED"
    remedy = "Give the worker's user write access to the cache directory, then start again."


class ArchiveInvalid(WeighbridgeError):
    """This is no whole archive of `python -m worker_service.air_gap export`."""

    code = "ARCHIVE_INVALID"
    remedy = "Copy the archive again and import it again; what is here by then is not written twice."


class ArchiveUntrusted(WeighbridgeError):
    """The signature of the archive's manifest is not of the key that was given."""

    code = "ARCHIVE_UNTRUSTED"
    remedy = (
        "Do not use the archive. Ask those who made it for their public key, on another way than it came."
    )


class UnsafeFormat(WeighbridgeError):
    """Loading this file can run code, and this installation takes safe formats only."""

    code = "UNSAFE_FORMAT"
    remedy = (
        "Choose a safetensors or GGUF file, or leave the others out with ignorePatterns such as *.bin "
        "and *.pt; WEIGHBRIDGE_SAFETENSORS_ONLY=0 allows them."
    )


class ServiceUnavailable(WeighbridgeError):
    """The database or the message broker does not answer."""

    code = "SERVICE_UNAVAILABLE"
    remedy = "Try again in a few seconds; nothing was changed."
    transient = True


class SchemaBehind(ServiceUnavailable):
    """The database lacks tables or columns that this version wants."""

    code = "SCHEMA_BEHIND"
    remedy = "Run this version's migrations: `make migrate`, or the migration job of the deployment."


class UndecryptableSecret(WeighbridgeError):
    """A stored secret can't be decrypted with the keys in WEIGHBRIDGE_SECRET_KEYS."""

    code = "UNDECRYPTABLE_SECRET"
    remedy = "Put the key that encrypted it back into WEIGHBRIDGE_SECRET_KEYS, or enter the secret again."
