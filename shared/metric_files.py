"""How the processes of one service put their metrics together: files in a folder that all of them map.

prometheus_client keeps a file for each process and type. The folder is named after the process that all come
from, and each one holds a lock on it. So a restart finds an empty folder, nobody empties one that is in use,
and those of services that have ended, however they did, are taken away by the next start. (systemd-tmpfiles
leaves a folder alone that somebody has locked, too.)
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from shared.metrics import metrics
from shared.settings import SettingsError, share_metrics_in

# Seconds. A younger folder may belong to a process that has not locked it yet.
_YOUNG = 60
_folder: Path | None = None


def share(service: str, *, family: int) -> None:
    """Keep this process's metrics where those of its family can be read too; first of all.

    `family`: the id of the process that all come from. Raises SettingsError where no file can be made.
    """
    global _folder
    try:
        home = _home()
        _drop_abandoned(home)
        _folder = home / f"{service}-{family}-{_began(family)}"
        _folder.mkdir(mode=0o700, exist_ok=True)
        _hold(_folder)
    except (OSError, psutil.Error) as error:
        raise SettingsError(
            f"WEIGHBRIDGE_METRICS: no files can be made in {tempfile.gettempdir()} ({error})."
        ) from None
    share_metrics_in(_folder)
    renew()


def renew() -> None:
    """Begin a set of metrics of this very process, after a fork."""
    if _folder is not None:
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    metrics.cache_clear()
    metrics()


def registry(*more: Collector) -> CollectorRegistry:
    """What a scrape reads: the metrics of the family, or of this process where it shares none, and `more`."""
    metrics()  # before there are threads
    found = CollectorRegistry()
    for collector in (_Family(), *more):
        found.register(collector)
    return found


class _Family(Collector):
    """The metrics of all processes, added up."""

    def collect(self) -> Iterable[Metric]:
        if _folder is None:
            return metrics().registry.collect()
        # A stream that was open when its process died is not open any more.
        for file in _folder.glob("gauge_live*.db"):
            if not psutil.pid_exists(int(file.stem.rpartition("_")[2])):
                file.unlink(missing_ok=True)
        files = MultiProcessCollector(None, path=str(_folder))  # type: ignore[no-untyped-call]
        found: Iterable[Metric] = files.collect()  # type: ignore[no-untyped-call]
        return found


def _home() -> Path:
    """Our own folder among the temporary files; PermissionError if somebody else has made it."""
    home = Path(tempfile.gettempdir()) / f"weighbridge-metrics-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != os.getuid():
        raise PermissionError(0, f"{home} belongs to somebody else")
    return home


def _began(family: int) -> int:
    """In milliseconds; an id alone comes again. Process 0 is the kernel's, seen from inside a container."""
    return round(1000 * psutil.Process(family or os.getpid()).create_time())


def _hold(folder: Path) -> None:
    # Until this process ends, and its children that inherit it.
    fcntl.flock(os.open(folder, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)


def _drop_abandoned(home: Path) -> None:
    for folder in home.iterdir():
        with suppress(FileNotFoundError):  # another one that starts has taken it away
            if time.time() - folder.stat().st_mtime > _YOUNG and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
