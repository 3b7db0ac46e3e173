"""File formats that can run code when they are loaded: Python's pickles, by the names that they go by.

A name is what is known before a download, and what a loader goes by too. The list is that of the Hub's own
scanner (its documentation, “Pickle Scanning”), without archives of other tools.
"""

from collections.abc import Iterable

from shared.errors import UnsafeFormat

PICKLES = (".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
# Names that a row or an error keeps of many.
MOST_NAMED = 20


def unsafe_files(paths: Iterable[str]) -> list[str]:
    """Those of the files that may be pickles, in their order."""
    return [path for path in paths if path.lower().endswith(PICKLES)]


def refuse_unsafe(paths: Iterable[str]) -> None:
    """Where only safe formats are wanted (WEIGHBRIDGE_SAFETENSORS_ONLY). Raises UnsafeFormat."""
    found = unsafe_files(paths)
    if found:
        named = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise UnsafeFormat(f"Loading {named} can run code.", files=found[:MOST_NAMED])
