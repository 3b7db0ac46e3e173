"""What a file or a repository of the Hub takes in memory, and on which machines there is room."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from api_service.room import machines
from shared import fleet, hub_facts, memory, quantization
from shared.errors import FileNotFound, GatedModelNoToken, LicenseNotAccepted, ValidationError
from shared.formats import WEIGHTS
from shared.hub import Look
from shared.memory import CacheType
from shared.model_facts import Facts


@dataclass(frozen=True)
class Weights:
    """Weights as they are stored, and what that is called; `header_of`: the GGUF file that tells more."""

    size_bytes: int
    precision: str
    header_of: str | None


def weights_of(look: Look, filename: str, *, authenticated: bool) -> Weights:
    """A file of a repository, with all its parts.

    Raises FileNotFound, ValidationError where the file holds no weights, and, where a gate hides the list of
    files, GatedModelNoToken or LicenseNotAccepted.
    """
    if look.files is None:
        raise LicenseNotAccepted() if authenticated else GatedModelNoToken()
    for variant in look.preview.variants:
        if variant.kind == "gguf" and filename in variant.file_names:
            made_small = variant.quantization
            name = made_small.method if made_small else "gguf"
            return Weights(variant.size_bytes, name, variant.filename)
    sizes = {file.path: file.size for file in look.files}
    if filename not in sizes:
        raise FileNotFound(f"The Hub has no such file in {look.preview.repo}: {filename}.")
    ending = PurePosixPath(filename).suffix.removeprefix(".").lower()
    if ending not in WEIGHTS:
        raise ValidationError({"filename": [f"Must be a file with weights: {', '.join(WEIGHTS)}."]})
    made_small = quantization.from_file_name(filename)
    header_of = filename if ending == "gguf" else None
    return Weights(sizes[filename], made_small.method if made_small else ending, header_of)


def sizes_of(look: Look, facts: Facts) -> dict[str, int]:
    """The bytes of a whole repository's weights by precision; of quantized ones only as they are stored."""
    found = {name: size.weights_bytes for name, size in memory.precisions(facts).items()}
    stored = hub_facts.weights_bytes(look.files or ())
    if found or not stored:
        return found
    return {facts.quantization.method if facts.quantization else facts.dtype or "stored": stored}


def estimates(
    sizes: Mapping[str, int], facts: Facts, *, context_length: int | None, cache_type: CacheType
) -> list[dict[str, Any]]:
    """For each precision with its weights' bytes: what it takes, and where it fits."""
    known, found = machines(), []
    for name, size in sizes.items():
        needs = memory.estimate(size, facts, context_length=context_length, cache_type=cache_type)
        fits_on = fleet.fitting(known, needs.total_bytes)
        fits = any(fit.fits for fit in fits_on) if fits_on else None
        found.append(asdict(needs) | {"precision": name, "fits": fits, "fits_on": fits_on})
    return found
