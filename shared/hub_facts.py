"""What the files of a repository say of its model, read at the Hub before anything is downloaded.

The Hub's own page (`model_facts.from_hub`) seldom has the dimensions: config.json has them, or the header of
a GGUF file. Of each file only the beginning is fetched.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared import gguf_header, model_facts, safetensors_header
from shared.errors import FileNotFound, HubUnavailable, WeighbridgeError
from shared.formats import safetensors_of
from shared.gguf_header import NoGguf
from shared.hub import Hub, Look, RemoteFile
from shared.model_facts import Facts
from shared.safetensors_header import NoSafetensors

# Bytes of a file's beginning. GGUF has the dimensions first; a longer header of safetensors is not read.
BEGINNING = 512 * 1024

_Source = Callable[[], Facts]


@dataclass(frozen=True)
class Told:
    """What files say; not `is_all`: the Hub did not give one of them, and may do so a moment later."""

    facts: Facts
    is_all: bool


_told = TypeAdapter(Told)


def fetch(hub: Hub, look: Look, path: str | None) -> dict[str, Any]:
    """What the files say, as JSON for `read`; at most two requests.

    `path`: the GGUF file whose header is read; None: config.json, and where the Hub has not counted the
    parameters the header of the weights, if they are one file. What the Hub refuses is not told.
    """
    found, is_all = Facts(), True
    for source in _sources(hub, look, path):
        try:
            found = model_facts.merged(found, source())
        except (NoGguf, NoSafetensors, FileNotFound):
            # It is not what its name says, and at this commit it will never be.
            continue
        except WeighbridgeError:
            is_all = False
    return asdict(Told(found, is_all))


def read(said: Any) -> Told:
    """Read what `fetch` gave, now or earlier. Raises HubUnavailable where it makes no sense."""
    try:
        return _told.validate_python(said)
    except ValidationError:
        raise HubUnavailable("What was kept of the Hub's answer makes no sense.") from None


def _sources(hub: Hub, look: Look, path: str | None) -> Iterator[_Source]:
    repo, commit = look.preview.repo, look.preview.commit_hash
    sizes = {file.path: file.size for file in look.files or ()}
    if path is not None:
        yield lambda: _gguf(hub.head(repo, commit, path, BEGINNING), sizes.get(path))
        return
    if "config.json" in sizes:
        yield lambda: model_facts.from_config(_object(hub.json_file(repo, commit, "config.json")))
    weights = safetensors_of(sizes)
    if len(weights) == 1 and look.preview.parameter_count is None:
        [name] = weights
        yield lambda: _safetensors(hub.head(repo, commit, name, BEGINNING), sizes[name])


def _gguf(start: bytes, size: int | None) -> Facts:
    return model_facts.from_gguf(gguf_header.read(start, total_bytes=size))


def _safetensors(start: bytes, size: int) -> Facts:
    return model_facts.from_safetensors(safetensors_header.read(start, total_bytes=size))


def _object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}


def weights_bytes(files: Sequence[RemoteFile]) -> int | None:
    """What the weights of a repository take, by the sizes of its files; None: it has none that we know.

    As transformers does it: safetensors before PyTorch's own format, of which only one is loaded.
    """
    sizes = {file.path: file.size for file in files}
    torch = [path for path in sizes if path.startswith("pytorch_model") and path.endswith(".bin")]
    chosen = safetensors_of(sizes) or torch
    return sum(sizes[path] for path in chosen) or None
