"""What the files of a model say of it: config.json, and the headers of its weights.

Of weights the headers are read and nothing else, so that a model of any size costs as little.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared import gguf_header, hub_preview, model_facts, safetensors_header
from shared.formats import safetensors_of
from shared.gguf_header import NoGguf
from shared.manifests import part_names
from shared.model_facts import Facts
from shared.safetensors_header import NoSafetensors

# Bytes. A configuration of real models has some kilobytes.
LARGEST_CONFIG = 1 << 20
# No real model has more parts.
_MOST_PARTS = 1000


def facts_of(folder: Path, paths: Iterable[str]) -> Facts:
    """What is known from the files `paths` (as they stand in the repository) below `folder`.

    A file that can't be read, or is not what its name says, tells nothing: the model is here all the same.
    """
    listed = sorted(paths)
    ggufs = _gguf_sets(listed)
    if ggufs:
        found = _sum(_gguf(folder / path) for path in ggufs[0][:_MOST_PARTS])
        # Of several sets only the quantization is not that of all.
        return found if len(ggufs) == 1 else replace(found, quantization=None, weights_bytes=None)
    tensors = _sum(_safetensors(folder / path) for path in safetensors_of(listed)[:_MOST_PARTS])
    configured = model_facts.from_config(_config(folder)) if "config.json" in listed else Facts()
    return model_facts.merged(tensors, configured)


def _gguf_sets(paths: Sequence[str]) -> list[list[str]]:
    """GGUF weights, each with all its parts, by name; projectors and matrices are none."""
    weights = {path for path in paths if hub_preview.kind_of(path) == "gguf"}
    sets = {tuple(part_names(path)) for path in weights}
    return sorted(list(one) for one in sets if weights.issuperset(one))


def _gguf(path: Path) -> Facts | None:
    try:
        return model_facts.from_gguf(gguf_header.read_file(path))
    except (OSError, NoGguf):
        return None


def _safetensors(path: Path) -> Facts | None:
    try:
        return model_facts.from_safetensors(safetensors_header.read_file(path))
    except (OSError, NoSafetensors):
        return None


def _sum(parts: Iterable[Facts | None]) -> Facts:
    """The first part says what the model is; each has its own tensors, and all have to be known for a sum."""
    known = list(parts)
    found = [part for part in known if part is not None]
    if not found:
        return Facts()
    counts = [part.parameter_count for part in found], [part.weights_bytes for part in found]
    parameters, weights = (_total(each) if len(found) == len(known) else None for each in counts)
    return replace(found[0], parameter_count=parameters, weights_bytes=weights)


def _total(counts: Sequence[int | None]) -> int | None:
    return sum(count for count in counts if count) if all(count is not None for count in counts) else None


def _config(folder: Path) -> dict[str, Any]:
    try:
        with (folder / "config.json").open("rb") as file:
            found = json.loads(file.read(LARGEST_CONFIG + 1))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
