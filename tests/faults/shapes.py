"""Files for the Hub: random bytes by the seed, made once, and remembered by their checksum."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.fleet import Fleet
from tests.faults.invariants import Wanted

MB = 1_000_000


@dataclass(frozen=True)
class Shape:
    """One file in a repository of its own."""

    repo: str
    file: str
    sha256: str
    size: int

    def wanted(self, model: dict[str, Any], **fields: Any) -> Wanted:
        """What its download must come to."""
        return Wanted(model=model, sha256=self.sha256, size=self.size, **fields)


def new_shape(fleet: Fleet, rng: random.Random, size: int, folder: Path) -> Shape:
    """A new repository with one file of random bytes; on disk, so that the Hub needs no memory for it."""
    name = f"f{rng.getrandbits(40):010x}.gguf"
    content = rng.randbytes(size)
    path = folder / name
    path.write_bytes(content)
    repo = fleet.add_repo({name: path})
    return Shape(repo, name, hashlib.sha256(content).hexdigest(), size)
