"""Models of source=path: files that are on the machine already, inside the roots that the operator allows."""

import os
import stat
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
        str(real).encode()  # the register keeps text
    except (OSError, RuntimeError, ValueError):
        raise InvalidLocalPath("There is no readable file or folder at this path.") from None
    # After resolving, so that neither `..` nor a symbolic link leads out of the roots.
    if not any(real.is_relative_to(Path(root).resolve()) for root in roots):
        raise InvalidLocalPath("The path is outside the folders that the operator allows.")
    if not (real.is_file() or real.is_dir()):
        raise InvalidLocalPath("What is at this path is neither a file nor a folder.")
    return real


def files(path: Path) -> dict[str, int]:
    """Bytes of a file, or of each regular file below a folder, by name; links are not followed."""
    if path.is_file():
        return {path.name: path.stat().st_size}
    found = (os.path.join(folder, name) for folder, _folders, names in os.walk(path) for name in names)
    return {
        os.path.relpath(each, path): status.st_size
        for each in sorted(found)
        if stat.S_ISREG((status := os.lstat(each)).st_mode)
    }
