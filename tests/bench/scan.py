"""How long a look at a big cache takes, beside huggingface_hub's own on the same files."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import scan_cache_dir

from worker_service import scan
from worker_service.scan import Known

REPOSITORIES, REVISIONS, FILES = 1000, 3, 10
ROUNDS = 5


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder:
        cache = Path(folder)
        _fill(cache)
        theirs = _seconds(lambda: scan_cache_dir(cache))
        first = _seconds(lambda: scan.scan(cache, {}))
        known = {seen.repo: Known(seen.folders, time.time()) for seen in scan.scan(cache, {}).changed}
        assert not scan.scan(cache, known).changed
        again = _seconds(lambda: scan.scan(cache, known))
    shape = f"{REPOSITORIES} repositories × {REVISIONS} revisions × {FILES} files"
    print(f"\n| a scan of {shape} | ms (median of {ROUNDS}) | of `scan_cache_dir` |\n| --- | --- | --- |")
    for name, seconds in (
        ("huggingface_hub's `scan_cache_dir`", theirs),
        ("ours, for the first time", first),
        ("ours, when nothing has changed", again),
    ):
        print(f"| {name} | {1000 * seconds:.0f} | {100 * seconds / theirs:.1f} % |")


def _fill(cache: Path) -> None:
    """Two files differ from revision to revision, the others stay, as in real repositories."""
    long_ago = time.time() - 86_400
    for number in range(REPOSITORIES):
        folder = cache / f"models--org--model-{number}"
        (folder / "blobs").mkdir(parents=True)
        (folder / "refs").mkdir()
        for revision in range(REVISIONS):
            commit = f"{number:030x}{revision:010x}"
            snapshot = folder / "snapshots" / commit
            snapshot.mkdir(parents=True)
            for file in range(FILES):
                blob = f"{file:032x}{revision if file < 2 else 0:032x}"
                (folder / "blobs" / blob).write_bytes(b"x")
                (snapshot / f"file-{file}.bin").symlink_to(f"../../blobs/{blob}")
        (folder / "refs" / "main").write_text(commit)
        for path, _folders, _names in os.walk(folder):
            os.utime(path, (long_ago, long_ago))


def _seconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[ROUNDS // 2]
