"""The programs that are compared, each with the command that a user would type."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.settings import Settings
from tests.bench import tools

OURS = "Weighbridge"
# Of ours, and of aria2c in all; huggingface_hub keeps to its own 8 workers.
CONNECTIONS = int(os.environ.get("CONNECTIONS") or Settings.model_fields["connections_per_file"].default)
_MOST_OF_ARIA2C = 16


@dataclass(frozen=True)
class Case:
    """The files of a repository: `count` of `size` bytes each."""

    count: int
    size: int
    suffix: str

    @property
    def name(self) -> str:
        """For people."""
        power, unit = next((n, unit) for n, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")) if self.size >> n)
        files = "one file" if self.count == 1 else f"{self.count} files"
        return f"{files} of {self.size >> power} {unit}"

    @property
    def files(self) -> list[str]:
        """Their names."""
        return [f"file-{number:03}{self.suffix}" for number in range(self.count)]

    @property
    def total(self) -> int:
        """Bytes of all."""
        return self.count * self.size


@dataclass(frozen=True)
class Place:
    """What a client is told: the Hub, its repository with the files of a case, and an empty folder."""

    hub: str
    repo: str
    case: Case
    folder: Path

    def url(self, file: str) -> str:
        """Where the Hub has a file."""
        return f"{self.hub}/{self.repo}/resolve/main/{file}"


@dataclass(frozen=True)
class Client:
    """A client; its command is None where the program is not to be had.

    `is_job`: tests/bench/job.py, which tells what the download alone cost. `takes_at_once`: it preallocates.
    `is_single`: one connection, so that a paced run of a big case takes minutes and is done once.
    """

    name: str
    command: Callable[[Place], Sequence[str] | None]
    verifies: bool = False
    is_job: bool = False
    takes_at_once: bool = False
    is_single: bool = False


def clients_of(case: Case, *, is_paced: bool) -> list[Client]:
    """Who takes part; where each connection is paced, what differs only in CPU time does not."""
    is_one, is_big = case.count == 1, case.count <= 8
    found = [
        Client(OURS, _job("weighbridge"), verifies=True, is_job=True, takes_at_once=True),
        Client("`hf download`", _hf, is_single=is_one),
    ]
    if not (is_one and is_paced):
        found.append(Client("`snapshot_download`", _job("snapshot_download"), is_job=True))
    spread = {1: (1,), 8: (1, 8)}.get(case.count, (CONNECTIONS,))
    found += [_aria2c(files=at_a_time, case=case) for at_a_time in spread]
    found.append(Client("curl", _curl, is_single=True))
    if is_big and not is_paced:
        sums = {"sha256sum": ("sha256sum",), "openssl sha256": ("openssl", "sha256")}
        found += [
            Client(f"curl, then {name}", _curl_and(*command), verifies=True) for name, command in sums.items()
        ]
    if is_one and not is_paced:
        found.append(Client("floor: receive, write, hash", _job("floor"), verifies=True, is_job=True))
    return found


def environment(place: Place) -> dict[str, str]:
    """What every client sees: nothing of its user's, and no address but the Hub's."""
    home = place.folder / "home"
    home.mkdir(parents=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": place.hub,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "CONNECTIONS": str(CONNECTIONS),
    }


def _job(kind: str) -> Callable[[Place], Sequence[str]]:
    def command(place: Place) -> Sequence[str]:
        target = place.folder / "target"
        target.mkdir()
        return [
            *(sys.executable, "-m", "tests.bench.job", kind, place.hub, place.repo, str(target)),
            str(place.folder / "job.json"),
        ]

    return command


def _hf(place: Place) -> Sequence[str]:
    program = Path(sys.executable).parent / "hf"
    return [str(program), "download", place.repo, "--quiet", "--cache-dir", str(place.folder / "target")]


def _aria2c(*, files: int, case: Case) -> Client:
    """As many connections in all as ours, shared out over so many files at a time."""
    each = min(_MOST_OF_ARIA2C, CONNECTIONS // files) if case.count <= 8 else 1

    def command(place: Place) -> Sequence[str] | None:
        program = tools.aria2c()
        if program is None:
            return None
        listed = place.folder / "list"
        listed.write_text("".join(f"{place.url(file)}\n out={file}\n" for file in case.files))
        return [
            *(str(program), "--no-conf", "--quiet", "--file-allocation=falloc", "--min-split-size=1M"),
            *(f"-x{each}", f"-s{each}", f"-j{files}"),
            *("-d", str(place.folder / "target"), "-i", str(listed)),
        ]

    return Client(f"`aria2c -x{each} -s{each} -j{files}`", command, takes_at_once=case.count == 1)


def _curl(place: Place) -> Sequence[str] | None:
    program = shutil.which("curl")
    if program is None:
        return None
    (place.folder / "target").mkdir()
    listed = place.folder / "list"
    listed.write_text(
        "".join(
            f'url = "{place.url(file)}"\noutput = "{place.folder / "target" / file}"\n'
            for file in place.case.files
        )
    )
    return [program, "--disable", "--silent", "--show-error", "--fail", "--location", "--config", str(listed)]


def _curl_and(*sums: str) -> Callable[[Place], Sequence[str] | None]:
    def command(place: Place) -> Sequence[str] | None:
        curl = _curl(place)
        if curl is None or shutil.which(sums[0]) is None:
            return None
        return ["sh", "-c", f'{shlex.join(curl)} && {shlex.join(sums)} "$0"/*', str(place.folder / "target")]

    return command
