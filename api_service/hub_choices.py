"""How what a repository offers fits this fleet: its memory, and its disk after the queue."""

from collections.abc import Mapping
from typing import Any

from api_service.parts import parts
from api_service.room import Capacity
from shared import hub_facts, memory, quantization
from shared.hub import Look
from shared.hub_preview import Variant
from shared.memory import Estimate
from shared.model_facts import Facts
from shared.tables import DownloadStatus

_STATUS = {
    DownloadStatus.DOWNLOADED: "downloaded",
    DownloadStatus.PENDING: "downloading",
    DownloadStatus.DOWNLOADING: "downloading",
}
# By model file (None: the whole repository) the id and status of the model.
Registered = Mapping[str | None, tuple[int, DownloadStatus | None]]


def status_of(download_status: DownloadStatus | None) -> str:
    """How a file stands here, in a word: available, downloading or downloaded."""
    return _STATUS.get(download_status, "available") if download_status else "available"


def variants(look: Look, facts: Facts, registered: Registered, here: Capacity) -> list[dict[str, Any]]:
    """The choices, by size, with one that is recommended if there are several.

    Recommended is the first by `quantization.by_preference` among those that fit, as far as that is known;
    where none fits, the first of all.
    """
    offered = look.preview.variants
    found = [_variant(each, look, facts, registered, here) for each in offered]
    fitting = [index for index, body in enumerate(found) if body["fits"] is not False]
    if len(found) > 1:
        best = min(fitting or range(len(found)), key=lambda index: _preference(offered[index]))
        for index, body in enumerate(found):
            body["recommended"] = index == best
    return found


def representative(look: Look) -> str | None:
    """The GGUF file whose header speaks for all of the repository; None: it has none."""
    ggufs = [each for each in look.preview.variants if each.kind == "gguf"]
    best = next((each for each in ggufs if each.recommended), None) or next(iter(ggufs), None)
    return best.filename if best else None


def estimated_sizes(facts: Facts, here: Capacity) -> dict[str, dict[str, Any]] | None:
    """What the weights would take in each precision; None where that can't be told."""
    found = {}
    for name, size in memory.precisions(facts).items():
        total = memory.estimate(size.weights_bytes, facts).total_bytes
        fits = here.fits_memory(total)
        found[name] = {"disk_bytes": size.disk_bytes, "memory_bytes": total, "fits": fits}
    return found or None


def context_of(facts: Facts, asked: int | None = None) -> int | None:
    """For how many tokens a cache is counted; None: the model keeps none."""
    return None if facts.is_generative is False else asked or memory.context_for(facts)


def _variant(
    variant: Variant, look: Look, facts: Facts, registered: Registered, here: Capacity
) -> dict[str, Any]:
    model_id, download_status = registered.get(variant.filename, (None, None))
    status = status_of(download_status)
    needs = _memory(variant, look, facts)
    fits_memory = here.fits_memory(needs.total_bytes if needs else None)
    fits_disk = here.fits_disk(variant.size_bytes, status)
    entry = parts().catalog.find(look.preview.repo, variant.filename)
    made_small = variant.quantization or (facts.quantization if variant.kind == "repository" else None)
    return vars(variant) | {
        "files": len(variant.file_names),
        "status": status,
        "model_id": model_id,
        "fits": _both(fits_memory, fits_disk),
        "fits_memory": fits_memory,
        "fits_disk": fits_disk,
        "memory_bytes": needs.total_bytes if needs else None,
        "memory_unknown": needs.unknown if needs else ("weights",),
        "ratings": quantization.ratings(made_small, entry.ratings if entry else None),
    }


def _memory(variant: Variant, look: Look, facts: Facts) -> Estimate | None:
    if variant.kind == "gguf":
        return memory.estimate(variant.size_bytes, facts)
    size = hub_facts.weights_bytes(look.files or ()) or facts.weights_bytes
    return memory.estimate(size, facts) if size else None


def _both(*fits: bool | None) -> bool | None:
    if False in fits:
        return False
    return None if None in fits else True


def _preference(variant: Variant) -> tuple[int, float, int]:
    return quantization.by_preference(variant.quantization, variant.size_bytes)
