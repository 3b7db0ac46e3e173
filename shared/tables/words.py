"""The words that rows and replies share, with a sentence for each status."""

from enum import StrEnum


class ModelType(StrEnum):
    """Where a model runs."""

    HOSTED_LLM = "hosted-llm"  # at a provider, reached by its URL and key
    LOCAL = "local"  # on our own volume


class ModelSource(StrEnum):
    """Where the files of a local model come from."""

    HUGGINGFACE = "huggingface"  # downloaded from the Hub into the cache
    PATH = "path"  # a folder or file that is there already; never deleted by us


class Provider(StrEnum):
    """Who serves a hosted model."""

    OPENAI = "openai"  # OpenAI, or any server that speaks its API
    AZURE_OPENAI = "azure-openai"  # wants a deployment and an API version too


class Category(StrEnum):
    """What a model is for."""

    LLM = "llm"
    EMBEDDING = "embedding"
    RERANKER = "reranker"
    SPLADE = "splade"


class DownloadStatus(StrEnum):
    """The words that people see for a local model; written only by the rules in operations.py."""

    NOT_DOWNLOADED = "NotDownloaded"  # nobody has asked for its files yet
    PENDING = "Pending"  # asked for, no worker has it
    DOWNLOADING = "Downloading"  # a worker holds it and beats
    PAUSED = "Paused"  # stopped by a person, bytes kept, goes on when asked
    DOWNLOADED = "Downloaded"  # every file is in the cache and verified
    FAILED = "Failed"  # gave up; `error` says why and what to do; bytes kept
    CANCELED = "Canceled"  # stopped by a person; bytes kept unless purged


class OperationKind(StrEnum):
    """What was asked for."""

    DOWNLOAD = "download"  # the files of a model, to the volume; also the repair of damaged ones
    DELETE = "delete"  # the files of a model, then its row
    VERIFY = "verify"  # every byte of a model's files against its checksum
    UPDATE = "update"  # the files of a newer (or the former) commit, then the model switches to it
    CLEAN_UP = "clean-up"  # what a plan names: half files, old revisions, unused models, other repositories


class OperationStatus(StrEnum):
    """The life of an operation.

    pending -> running -> completed | failed | canceled | paused; running -> pending (its worker died or
    drained: the next one raises `attempt`); pending -> canceled; paused -> pending | canceled.
    A failed or canceled one never comes back: asking again makes a new operation.
    """

    PENDING = "pending"  # asked for, no worker has it
    RUNNING = "running"  # a worker holds it and beats
    PAUSED = "paused"  # stopped by a person, bytes kept
    COMPLETED = "completed"  # done and verified
    FAILED = "failed"  # gave up, with a code and a remedy
    CANCELED = "canceled"  # stopped by a person


UNFINISHED = (OperationStatus.PENDING, OperationStatus.RUNNING, OperationStatus.PAUSED)


class Role(StrEnum):
    """What a caller may do. Each may do all that the ones before it may."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # also downloads, cancels and retries
    ADMIN = "admin"  # everything: the register, secrets, people, tokens, the audit log

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class ReferencePolicy(StrEnum):
    """What a consumer wants of a delete."""

    BLOCK = "block"  # it must not happen
    WARN = "warn"  # whoever deletes shall read of it and confirm


class Result(StrEnum):
    """What an operation came to, where completed alone does not say it."""

    REMOVED = "removed"  # the files are gone
    NOT_INSTALLED = "not_installed"  # there was nothing to remove
    INTACT = "intact"  # every file is there, byte for byte
    DAMAGED = "damaged"  # files are missing or hold wrong bytes; the model says which
    UPDATED = "updated"  # the model stands for another commit now
    UP_TO_DATE = "up_to_date"  # the revision has not moved
