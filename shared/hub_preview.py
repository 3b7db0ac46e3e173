"""What a repository is, before anything of it is downloaded: its page's facts and the files to choose from.

The Hub's owners write most of these values by hand, so each is taken only in the form that it should have;
whatever has another one counts as not said.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from shared import model_facts, quantization
from shared.quantization import Quantization
from shared.untrusted import count, mapping, text

if TYPE_CHECKING:
    from shared.hub import RemoteFile

# What to ask the Hub for: names of huggingface_hub's ExpandModelProperty_T.
EXPAND = (
    "baseModels",
    "cardData",
    "config",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "tags",
)
_LONGEST_DESCRIPTION = 2000
_SHARD = re.compile(r"(?P<stem>.+-)(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.(?i:gguf)")
_Kind = Literal["gguf", "projector", "imatrix"]
_IMATRIX_SUFFIXES = (".gguf", ".dat", ".imatrix")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One choice of what to download: a GGUF file with all its parts, or the whole repository.

    `filename` is what a model's `model_file` says: the (first) file, None for the whole repository.
    `size_bytes` counts a blob that stands under two names once, as the download does.
    """

    kind: Literal["gguf", "repository"]
    filename: str | None
    file_names: tuple[str, ...]
    size_bytes: int
    quantization: Quantization | None = None
    recommended: bool = False


@dataclass(frozen=True)
class Extra:
    """A file that belongs to the variants and is none: a vision projector, or an importance matrix."""

    filename: str
    size_bytes: int
    kind: Literal["projector", "imatrix"]


@dataclass(frozen=True, kw_only=True)
class RepoPreview:
    """A repository at one commit; None where the Hub does not say. Sizes in bytes.

    `total_bytes` and `file_count` are None, and there are no variants, when a gated repository keeps its
    file list to itself.
    """

    repo: str
    revision: str
    commit_hash: str
    name: str
    description: str | None
    license: str | None
    tags: tuple[str, ...]
    likes: int | None
    downloads: int | None
    last_modified: datetime | None
    base_model: str | None
    gated: Literal[False, "auto", "manual"]
    private: bool
    library_name: str | None
    pipeline_tag: str | None
    requires_trust_remote_code: bool
    architecture: str | None
    family: str | None
    parameter_count: int | None
    context_length: int | None
    total_bytes: int | None
    file_count: int | None
    variants: tuple[Variant, ...]
    extras: tuple[Extra, ...]


def read(
    info: Mapping[str, Any], *, repo: str, revision: str, commit: str, files: Sequence["RemoteFile"] | None
) -> RepoPreview:
    """The preview from the Hub's model info and file list; `files` None: the list was refused."""
    card = mapping(info.get("cardData"))
    facts = model_facts.from_hub(info, repo)
    listed = list({file.path: file for file in files or ()}.values())
    variants, extras = choices(listed)
    return RepoPreview(
        repo=repo,
        revision=revision,
        commit_hash=commit,
        name=text(card.get("model_name")) or repo.rpartition("/")[2],
        description=_description(card),
        license=facts.license,
        tags=facts.tags,
        likes=count(info.get("likes")),
        downloads=count(info.get("downloads")),
        last_modified=_moment(info.get("lastModified")),
        base_model=facts.base_model,
        gated=gate(info),
        private=info.get("private") is True,
        library_name=text(info.get("library_name")),
        pipeline_tag=text(info.get("pipeline_tag")),
        requires_trust_remote_code=bool(facts.requires_trust_remote_code),
        architecture=facts.architecture,
        family=facts.family,
        parameter_count=facts.parameter_count,
        context_length=facts.context_length,
        total_bytes=None if files is None else _size(listed),
        file_count=None if files is None else len(listed),
        variants=variants,
        extras=extras,
    )


def gate(info: Mapping[str, Any]) -> Literal[False, "auto", "manual"]:
    """Whether a license must be accepted first, and who decides; a gate of an unknown kind is `auto`."""
    said = info.get("gated")
    if said == "manual":
        return "manual"
    return "auto" if said is True or (isinstance(said, str) and said) else False


def choices(files: Sequence["RemoteFile"]) -> tuple[tuple[Variant, ...], tuple[Extra, ...]]:
    """What can be downloaded of these files, by size, and what only belongs to it.

    With GGUF weights each of them is a choice; without any, the repository as a whole is the only one.
    """
    kinds = {file.path: kind_of(file.path) for file in files}
    variants = _gguf_variants([file for file in files if kinds[file.path] == "gguf"])
    if not variants:
        return tuple(_whole(files)), ()
    extras = [_extra(file, kinds[file.path]) for file in files]
    return _with_recommendation(variants), tuple(extra for extra in extras if extra)


def kind_of(path: str) -> _Kind | None:
    """What a file of a GGUF repository is, by its name; None: neither weights nor what belongs to them."""
    name = path.rpartition("/")[2].lower()
    if "mmproj" in name and name.endswith(".gguf"):
        return "projector"
    # Some publishers end the names of weights that were made with a matrix on “imatrix”.
    is_weights = quantization.from_file_name(name) and not name.startswith("imatrix")
    if "imatrix" in name and name.endswith(_IMATRIX_SUFFIXES) and not is_weights:
        return "imatrix"
    return "gguf" if name.endswith(".gguf") else None


def _extra(file: "RemoteFile", kind: _Kind | None) -> Extra | None:
    return Extra(file.path, file.size, kind) if kind == "projector" or kind == "imatrix" else None


def _gguf_variants(files: Iterable["RemoteFile"]) -> list[Variant]:
    groups: dict[tuple[str, str], list[RemoteFile]] = {}
    for file in files:
        part = _SHARD.fullmatch(file.path)
        key = (part["stem"], part["count"]) if part else (file.path, "")
        groups.setdefault(key, []).append(file)
    # A set that lacks a part can't be downloaded.
    return [_gguf(group) for (_, count), group in groups.items() if not count or _is_whole(group, int(count))]


def _is_whole(parts: Sequence["RemoteFile"], count: int) -> bool:
    numbers = {int(found["number"]) for part in parts if (found := _SHARD.fullmatch(part.path))}
    return len(parts) == count and numbers == set(range(1, count + 1))


def _gguf(parts: Sequence["RemoteFile"]) -> Variant:
    names = sorted(part.path for part in parts)
    return Variant(
        kind="gguf",
        filename=names[0],
        file_names=tuple(names),
        size_bytes=_size(parts),
        quantization=quantization.from_file_name(names[0]),
    )


def _whole(files: Sequence["RemoteFile"]) -> list[Variant]:
    names = tuple(sorted(file.path for file in files))
    whole = Variant(kind="repository", filename=None, file_names=names, size_bytes=_size(files))
    return [whole] if files else []


def _with_recommendation(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Sorted by size; where there is a choice, one of them is recommended (`quantization.by_preference`)."""
    ordered = sorted(variants, key=lambda variant: (variant.size_bytes, variant.file_names))
    if len(ordered) < 2:
        return tuple(ordered)
    best = min(ordered, key=lambda each: quantization.by_preference(each.quantization, each.size_bytes))
    return tuple(replace(variant, recommended=variant is best) for variant in ordered)


def _size(files: Iterable["RemoteFile"]) -> int:
    return sum({file.oid: file.size for file in files}.values())


def _description(card: Mapping[str, Any]) -> str | None:
    said = (text(card.get(name), most=_LONGEST_DESCRIPTION) for name in ("description", "summary"))
    return next(filter(None, said), None)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
