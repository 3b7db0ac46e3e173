"""What memory this worker's machine has: its RAM, within the limit of its control group, and its NVIDIA GPUs.

psutil tells of the RAM, since macOS has no /proc/meminfo and no sysconf name for what is available. It knows
nothing of control groups (containers, Kubernetes), so their limits are read here, from the kernel's files.
NVIDIA's own library (NVML, which comes with the driver) tells of the GPUs. GPUs that share the machine's RAM
(Apple's, NVIDIA's GB10 and Jetson) have no memory of their own to tell of, and other makers' are not asked.
"""

import platform
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import psutil
import pynvml
import structlog

from shared.fleet import LONGEST_NAME, MOST_DEVICES, Device, Machine

# Seconds that a beat waits for the GPUs. The first question may take longer: the driver has to wake them.
PATIENCE = 1.0

log = structlog.get_logger(__name__)


class Gauge:
    """Reads what memory the machine has. One for a process: it keeps NVML open."""

    def __init__(self, worker: str, *, root: Path = Path("/"), nvml: Any = pynvml) -> None:
        """`worker` is this worker's name; `root` and `nvml` are where the kernel's files and NVML are."""
        self._worker, self._root = worker, root
        self._gpus = _Gpus(nvml)

    def read(self) -> Machine:
        """The machine as it is now. Never raises and never waits long: what can't be told is left out."""
        return Machine(self._worker, (*self._ram(), *self._gpus.read())[:MOST_DEVICES])

    def _ram(self) -> list[Device]:
        try:
            memory = psutil.virtual_memory()
        except (OSError, psutil.Error) as error:
            log.debug("memory not read", error=type(error).__name__)
            return []
        total, available = memory.total, memory.available
        for limit, used in _limits(self._root):
            total, available = min(total, limit), min(available, max(0, limit - used))
        return [Device("cpu", _name(platform.machine()), total, available)]


@dataclass(frozen=True)
class _Controller:
    """The memory controller of control groups: where it is mounted, and what its files are called."""

    mount: str
    limit: str
    usage: str
    reclaimable: str


_V1 = _Controller("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Controller("", "memory.max", "memory.current", "inactive_file")


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of each group that this process is in.

    Use is the working set that the kubelet goes by: without the cached files that the kernel gives up first
    (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/).
    """
    for controller, folder in _groups(root):
        try:
            limit, usage = (int((folder / file).read_text()) for file in (controller.limit, controller.usage))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield limit, max(0, usage - int(stat.get(controller.reclaimable, 0)))
        except (OSError, ValueError):
            continue  # no such group in this container's view, or no limit ("max")


def _groups(root: Path) -> Iterator[tuple[_Controller, Path]]:
    """The folders of this process's group and all above it: each may have a limit.

    In a container its own group may be mounted at the top, whatever the path says.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            controller = _V1 if controllers else _V2
            folder = root / "sys/fs/cgroup" / controller.mount
            yield controller, folder
            for part in PurePosixPath(path).parts[1:]:
                folder /= part
                yield controller, folder


class _Gpus:
    """Asks NVML in a thread of its own, since a GPU that is ill may keep a question for ever."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._is_open = self._is_absent = False
        self._asked: Future[list[Device]] | None = None
        self._said: set[str] = set()

    def read(self) -> list[Device]:
        """All GPUs; none while a question is still unanswered."""
        if self._is_absent:
            return []
        patience = 0.0
        if self._asked is None or self._asked.done():
            self._asked, patience = Future(), PATIENCE
            Thread(target=self._answer, args=(self._asked,), name="gpus", daemon=True).start()
        try:
            return self._asked.result(patience)
        except TimeoutError as error:
            self._say("GPUs don't answer", error)
            return []

    def _answer(self, asked: Future[list[Device]]) -> None:
        try:
            asked.set_result(self._look())
        except self._nvml.NVMLError as error:
            self._say("GPUs not read", error)
            asked.set_result([])
        except Exception:
            # Whatever a driver says, the beat goes on without its GPUs. Once is enough.
            log.exception("GPUs not understood")
            self._is_absent = True
            asked.set_result([])

    def _look(self) -> list[Device]:
        if not self._is_open:
            try:
                self._nvml.nvmlInit()
            except self._nvml.NVMLError as error:
                self._is_absent = True
                self._say("no GPU", error)
                return []
            self._is_open = True
        return [device for index in range(self._nvml.nvmlDeviceGetCount()) for device in self._at(index)]

    def _at(self, index: int) -> list[Device]:
        try:
            gpu = self._nvml.nvmlDeviceGetHandleByIndex(index)
            found = [self._device(handle) for handle in self._instances(gpu)]
            return [device for device in found if device.total_bytes]
        except self._nvml.NVMLError as error:
            # It has no memory of its own (some say 0 bytes), is not this container's, or fell off the bus.
            self._say("GPU not read", error, gpu=index)
            return []

    def _instances(self, gpu: Any) -> Iterator[Any]:
        """The GPU itself, or what it is divided into (MIG): then no program can have it whole."""
        nvml = self._nvml
        try:
            is_divided = nvml.nvmlDeviceGetMigMode(gpu)[0] == nvml.NVML_DEVICE_MIG_ENABLE
        except nvml.NVMLError:
            is_divided = False  # of a kind that can't be
        if not is_divided:
            yield gpu
            return
        for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
            try:
                yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)
            except nvml.NVMLError:
                continue  # this place is empty

    def _device(self, handle: Any) -> Device:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        return Device("gpu", _name(self._nvml.nvmlDeviceGetName(handle)), memory.total, memory.free)

    def _say(self, event: str, error: Exception, **where: int) -> None:
        """Once: it would be the same with each beat."""
        if (line := f"{event} {where} {error!r}") not in self._said:
            self._said.add(line)
            log.debug(event, error=type(error).__name__, reason=str(error), **where)


def _name(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:LONGEST_NAME]
