"""File formats by the names that they go by: which hold weights, and which can run code when they are loaded.

A name is what is known before a download, and what a loader goes by too. The list of pickles, Python's format
that runs code, is that of the Hub's own scanner (its documentation, “Pickle Scanning”), without archives of
other tools.
"""

from collections.abc import Iterable, Sequence

from shared.errors import UnsafeFormat

PICKLES = (".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
# What weights come in, without the dot.
WEIGHTS = ("gguf", "safetensors", "onnx", "bin", "pt", "pth", "ckpt")
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


def safetensors_of(paths: Iterable[str]) -> Sequence[str]:
    """The files that transformers loads as the model: `model….safetensors`, else all at the top, in order.

    Folders hold other forms of the same weights (onnx/, the heads of other tasks), and so does Mistral's
    `consolidated….safetensors` beside them.
    """
    top = sorted(path for path in paths if path.endswith(".safetensors") and "/" not in path)
    return [path for path in top if path.startswith("model")] or top
