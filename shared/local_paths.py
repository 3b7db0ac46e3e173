"""Models of source=path: files that are on the machine already, inside the roots that the operator allows."""

import os
from collections.abc import Sequence
from pathlib import Path

from shared.errors import InvalidLocalPath


def resolve(path: str, roots: Sequence[str]) -> Path:
    """The real path, existing and inside one of the roots. Raises InvalidLocalPath."""
    if not os.path.isabs(path):
        raise InvalidLocalPath("The path is not absolute.")
    if not roots:
        raise InvalidLocalPath(
            "This installation allows no local paths: WEIGHBRIDGE_LOCAL_PATH_ROOTS is empty."
        )
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InvalidLocalPath("There is no readable file or folder at this path.") from None
    # After resolving, so that neither `..` nor a symbolic link leads out of the roots.
    if not any(real.is_relative_to(Path(root).resolve()) for root in roots):
        raise InvalidLocalPath("The path is outside the folders that the operator allows.")
    return real


def size(path: Path) -> int:
    """Bytes of a file, or of all regular files below a folder; links are not followed."""
    if path.is_file():
        return path.stat().st_size
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _folders, names in os.walk(path)
        for name in names
        if not os.path.islink(os.path.join(folder, name))
    )
