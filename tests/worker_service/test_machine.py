import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from shared.fleet import Device
from worker_service import machine
from worker_service.machine import Gauge

MIB = 2**20


class NVMLError(Exception):
    pass


@dataclass
class FakeGpu:
    name: str = "NVIDIA L4"
    total: int = 24 * MIB
    free: int = 20 * MIB
    error: Exception | None = None
    parts: list["FakeGpu | None"] | None = None  # None: no MIG mode; [None]: an empty place


@dataclass
class FakeNvml:
    """NVIDIA's library as it shows itself: handles, and errors for what is not there."""

    gpus: list[FakeGpu] = field(default_factory=list)
    refusal: Exception | None = None
    opened: int = 0
    wait: Callable[[], Any] = lambda: None
    NVMLError = NVMLError
    NVML_DEVICE_MIG_ENABLE = 1

    def nvmlInit(self) -> None:
        self.opened += 1
        if self.refusal:
            raise self.refusal

    def nvmlDeviceGetCount(self) -> int:
        self.wait()
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:
        return self.gpus[index]

    def nvmlDeviceGetMigMode(self, gpu: FakeGpu) -> list[int]:
        if gpu.parts is None:
            raise NVMLError("Not Supported")
        return [1 if gpu.parts else 0, 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: FakeGpu) -> int:
        return len(gpu.parts or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: FakeGpu, index: int) -> FakeGpu:
        part = (gpu.parts or [])[index]
        if part is None:
            raise NVMLError("Not Found")
        return part

    def nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu) -> FakeGpu:
        if gpu.error:
            raise gpu.error
        return gpu

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> str:
        return gpu.name


def _ram(root: Path) -> Device:
    (ram,) = Gauge("w@a", root=root, nvml=FakeNvml(refusal=NVMLError("no driver"))).read().devices
    return ram


def _gpus(nvml: FakeNvml, gauge: Gauge | None = None) -> list[Device]:
    return [device for device in (gauge or Gauge("w@a", nvml=nvml)).read().devices if device.kind == "gpu"]


def _group(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_a_limit_the_ram_is_the_machines(tmp_path: Path) -> None:
    ram = _ram(tmp_path)
    assert (ram.kind, ram.total_bytes) == ("cpu", psutil.virtual_memory().total)
    assert 0 < ram.available_bytes < ram.total_bytes
    assert ram.name


V1 = "12:pids:/kubepods/pod1\n4:memory:/kubepods/pod1\n0::/kubepods/pod1\n"
V1_UNLIMITED = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        # A container of its own cgroup namespace (the usual one of v2).
        (
            "0::/\n",
            {
                "memory.max": "104857600\n",
                "memory.current": "73400320\n",
                "memory.stat": "anon 1\ninactive_file 10485760\n",
            },
        ),
        # The group below has no limit, the one above has (a pod's).
        (
            "0::/pod/container\n",
            {
                "pod/memory.max": "104857600\n",
                "pod/memory.current": "73400320\n",
                "pod/memory.stat": "inactive_file 10485760\n",
                "pod/container/memory.max": "max\n",
                "pod/container/memory.current": "1\n",
                "pod/container/memory.stat": "inactive_file 0\n",
            },
        ),
        # v1, where the path is the host's and the container's own group is mounted at the top.
        (
            V1,
            {
                "memory/memory.limit_in_bytes": "104857600\n",
                "memory/memory.usage_in_bytes": "73400320\n",
                "memory/memory.stat": "inactive_file 9\ntotal_inactive_file 10485760\n",
            },
        ),
        # v1 on the host itself.
        (
            V1,
            {
                "memory/memory.limit_in_bytes": V1_UNLIMITED,
                "memory/memory.usage_in_bytes": "99\n",
                "memory/memory.stat": "total_inactive_file 0\n",
                "memory/kubepods/pod1/memory.limit_in_bytes": "104857600\n",
                "memory/kubepods/pod1/memory.usage_in_bytes": "73400320\n",
                "memory/kubepods/pod1/memory.stat": "total_inactive_file 10485760\n",
            },
        ),
    ],
    ids=["v2 container", "v2 pod", "v1 container", "v1 host"],
)
def test_a_control_group_bounds_the_ram_less_what_the_kernel_would_give_up(
    tmp_path: Path, cgroup: str, files: dict[str, str]
) -> None:
    root = _group(tmp_path, cgroup, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    ram = _ram(root)
    # Of 100 MiB 70 are used, 10 of them for cached files.
    assert (ram.total_bytes, ram.available_bytes) == (100 * MIB, 40 * MIB)


@pytest.mark.parametrize(
    ("limit", "usage", "stat"),
    [
        ("max\n", "5\n", "inactive_file 0\n"),
        (V1_UNLIMITED, "5\n", "inactive_file 0\n"),
        ("", "", ""),
        ("104857600\n", "5\n", "what is this\n"),
    ],
)
def test_no_limit_or_one_that_can_not_be_read_bounds_nothing(
    tmp_path: Path, limit: str, usage: str, stat: str
) -> None:
    files = {"memory.max": limit, "memory.current": usage, "memory.stat": stat}
    root = _group(tmp_path, "0::/\n", {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert _ram(root).total_bytes == psutil.virtual_memory().total


def test_a_group_over_its_limit_has_nothing_available(tmp_path: Path) -> None:
    files = {"memory.max": "100\n", "memory.current": "300\n", "memory.stat": "inactive_file 5\n"}
    root = _group(tmp_path, "0::/\n", {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert (_ram(root).total_bytes, _ram(root).available_bytes) == (100, 0)


def test_ram_that_can_not_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    found = Gauge("w@a", root=tmp_path, nvml=FakeNvml([FakeGpu()])).read()
    assert (found.worker, [device.kind for device in found.devices]) == ("w@a", ["gpu"])


def test_every_gpu_is_told_with_its_name_and_memory() -> None:
    nvml = FakeNvml([FakeGpu(), FakeGpu("NVIDIA H200\x00\x1b[31m", 141 * MIB, 1 * MIB)])
    assert _gpus(nvml) == [
        Device("gpu", "NVIDIA L4", 24 * MIB, 20 * MIB),
        Device("gpu", "NVIDIA H200[31m", 141 * MIB, 1 * MIB),
    ]


def test_nvml_is_opened_once_and_asked_anew_each_time() -> None:
    nvml = FakeNvml([FakeGpu()])
    gauge = Gauge("w@a", nvml=nvml)
    before = _gpus(nvml, gauge)
    nvml.gpus[0].free = 0
    assert [before[0].available_bytes, _gpus(nvml, gauge)[0].available_bytes] == [20 * MIB, 0]
    assert nvml.opened == 1


def test_without_a_driver_there_is_no_gpu_and_one_line_says_why() -> None:
    nvml = FakeNvml(refusal=NVMLError("NVML Shared Library Not Found"))
    gauge = Gauge("w@a", nvml=nvml)
    with capture_logs() as lines:
        assert [_gpus(nvml, gauge) for _ in range(3)] == [[], [], []]
    assert [(line["log_level"], line["event"], line["reason"]) for line in lines] == [
        ("debug", "no GPU", "NVML Shared Library Not Found")
    ]
    assert nvml.opened == 1


def test_nvidias_own_binding_finds_no_driver_here_or_gpus_with_memory() -> None:
    assert all(0 <= gpu.available_bytes <= gpu.total_bytes for gpu in _gpus(machine.pynvml))


def test_gpus_without_memory_of_their_own_and_ill_ones_are_left_out_and_the_others_stay() -> None:
    ill = FakeGpu(error=NVMLError("GPU is lost"))
    nvml = FakeNvml([FakeGpu(total=0), ill, FakeGpu(error=NVMLError("Not Supported")), FakeGpu()])
    gauge = Gauge("w@a", nvml=nvml)
    with capture_logs() as lines:
        assert [len(_gpus(nvml, gauge)) for _ in range(3)] == [1, 1, 1]
    assert [line["gpu"] for line in lines] == [1, 2], "each is said once, not with every beat"
    ill.error = None
    assert len(_gpus(nvml, gauge)) == 2


def test_a_divided_gpu_is_told_as_its_instances() -> None:
    slices = [FakeGpu("NVIDIA H200 MIG 1g.18gb", 18, 17), None, FakeGpu("NVIDIA H200 MIG 2g.35gb", 35, 35)]
    nvml = FakeNvml(
        [FakeGpu("NVIDIA H200", 141, 141, parts=slices), FakeGpu("NVIDIA H200", 141, 140, parts=[])]
    )
    assert [(gpu.name[12:], gpu.total_bytes) for gpu in _gpus(nvml)] == [
        ("MIG 1g.18gb", 18),
        ("MIG 2g.35gb", 35),
        ("", 141),
    ]


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_gpu_that_does_not_answer_holds_no_beat_and_is_back_when_it_does(
    released: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PATIENCE", 0.05)
    nvml = FakeNvml([FakeGpu()], wait=lambda: released.wait(60))
    gauge = Gauge("w@a", nvml=nvml)
    with capture_logs() as lines:
        assert [[device.kind for device in gauge.read().devices] for _ in range(3)] == [["cpu"]] * 3
    assert [line["event"] for line in lines] == ["GPUs don't answer"]
    assert _askers() == 1, "no second question while the first is unanswered"
    released.set()
    for thread in threading.enumerate():
        if thread.name == "gpus":
            thread.join()
    monkeypatch.setattr(machine, "PATIENCE", 60)
    assert _gpus(nvml, gauge) == [Device("gpu", "NVIDIA L4", 24 * MIB, 20 * MIB)]


def _askers() -> int:
    return sum(thread.name == "gpus" for thread in threading.enumerate())


def test_an_answer_that_makes_no_sense_ends_the_questions_and_not_the_beat() -> None:
    nvml = FakeNvml([FakeGpu(error=UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"))])
    gauge = Gauge("w@a", nvml=nvml)
    with capture_logs() as lines:
        assert [_gpus(nvml, gauge) for _ in range(2)] == [[], []]
    assert [(line["log_level"], line["event"]) for line in lines] == [("error", "GPUs not understood")]
