"""A volume that is too small, fills up or can't be written: the download says so, nothing else suffers (F11).

The volume is real: a tmpfs, which only root may mount.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Servers
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import HubServer
from tests.stack import wait_for

VOLUME = 64 * 1024 * 1024
Noted = Callable[..., None]


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty file system of 64 MiB."""
    place = tmp_path_factory.mktemp("volume")
    if os.geteuid() != 0:
        pytest.skip("only root may mount a volume")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME}", "weighbridge-test", str(place)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no volume can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def _house(servers: Servers, volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    folder = tmp_path_factory.mktemp("disk")
    # One connection, so that one file comes after the other.
    settings = {"HF_HUB_CACHE": str(volume / "hub"), "WEIGHBRIDGE_CONNECTIONS_PER_FILE": "1"}
    with HubServer() as hub, annex(servers, folder, hub, **settings) as found:
        found.start_worker("downloads", "downloads", 2)
        found.start_worker("control", "control", 1)
        found.wait_ready("downloads")
        found.wait_ready("control")
        yield found


@pytest.fixture
def house(_house: Annex, volume: Path) -> Iterator[Annex]:
    """Each test begins with an empty volume."""
    yield _house
    _remount(volume, "rw")
    _house.reset()
    for stray in volume.glob("*.bin"):
        stray.unlink()


def _remount(volume: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(volume)], check=True)


def _failed(one: Wanted, code: str) -> dict[str, Any]:
    failed: dict[str, Any] = one.house.wait_status(one.model, "Failed", "Downloaded", seconds=60)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", code)
    assert failed["error"]["remedy"]
    return failed


def _arrives(one: Wanted) -> None:
    done = one.house.wait_status(one.model, "Downloaded", "Failed", seconds=60)
    assert (done["status"], done["error"]) == ("Downloaded", None)
    assert one.is_right()


def test_what_does_not_fit_is_refused_before_a_byte_comes_and_others_arrive(
    house: Annex, noted: Noted
) -> None:
    large, small = house.new(100 * MB, downloadNow=True), house.new(30 * MB, downloadNow=True)
    failed = _failed(large, "INSUFFICIENT_DISK")
    _arrives(small)
    noted("F11", "a file that is larger than the volume", injected=1, operations=2, bytes_served=small.served)
    assert "100,000,000 bytes are needed" in failed["error"]["detail"]
    assert (failed["attempt"], large.served) == (1, 0)
    assert house.half_files() == []


def test_a_volume_that_somebody_else_fills_keeps_what_came_and_goes_on_after_a_clean_up(
    house: Annex, volume: Path, noted: Noted
) -> None:
    data: dict[str, bytes | Path] = {"small.gguf": os.urandom(15 * MB), "large.gguf": os.urandom(25 * MB)}
    repo = house.add_repo(data)
    # Small files come first.
    house.hub.fault("stall", "small.gguf", after_bytes=MB, times=1)
    both = Wanted(house, house.register(repo, downloadNow=True), b"")
    wait_for("the first file to come", lambda: house.status(both.model)["bytesDownloaded"] == MB)
    stranger = volume / "stranger.bin"
    stranger.write_bytes(bytes(30 * MB))
    house.hub.release()
    failed = _failed(both, "INSUFFICIENT_DISK")
    assert failed["bytesDownloaded"] == 15 * MB
    other = house.new(MB, downloadNow=True)
    _arrives(other)
    stranger.unlink()
    asked = len(house.hub.requests)
    house.download(both.model)
    done = house.wait_status(both.model, "Downloaded", "Failed", seconds=60)
    noted("F11", "somebody else fills the volume", injected=1, operations=3, bytes_served=both.served)
    assert (done["status"], done["bytesReused"]) == ("Downloaded", 15 * MB)
    assert both.served_since(asked) == 25 * MB
    snapshot = Path(house.get(f"/api/models/{both.model['id']}")["localPath"])
    assert {name: (snapshot / name).read_bytes() for name in data} == data


def test_a_volume_that_can_only_be_read_is_told_and_serves_again_when_it_can_be_written(
    house: Annex, volume: Path, noted: Noted
) -> None:
    there = house.new(MB, downloadNow=True)
    _arrives(there)
    _remount(volume, "ro")
    one = house.new(MB, downloadNow=True)
    failed = _failed(one, "CACHE_PERMISSION_DENIED")
    assert "Read-only file system" in failed["error"]["detail"]
    deleted = house.call("DELETE", f"/api/models/{there.model['id']}?deleteLocalFile=true").json()["taskId"]
    wait_for("the delete", lambda: house.get(f"/api/tasks/{deleted}")["status"] == "failed")
    refused = house.get(f"/api/tasks/{deleted}")["error"]
    assert (refused["code"], bool(refused["remedy"])) == ("CACHE_PERMISSION_DENIED", True)
    assert house.call("GET", "/api/storage").status_code == 200
    _remount(volume, "rw")
    house.download(one.model)
    _arrives(one)
    noted("F11", "a volume that can only be read", injected=1, operations=4)
    assert [process.poll() for process in house.processes.values()] == [None, None]


def test_a_repository_that_can_not_be_written_harms_no_other(house: Annex, noted: Noted) -> None:
    barred, other = house.new(MB), house.new(MB)
    place = house.cache / f"models--{barred.model['hfRepo'].replace('/', '--')}"
    place.parent.mkdir(exist_ok=True)
    place.write_text("in the way")
    house.download(barred.model)
    house.download(other.model)
    _failed(barred, "CACHE_PERMISSION_DENIED")
    _arrives(other)
    place.unlink()
    house.download(barred.model)
    _arrives(barred)
    noted("F11", "something in the place of a repository", injected=1, operations=3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(servers: Servers, tmp_path: Path, noted: Noted) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with HubServer() as hub, annex(servers, tmp_path, hub, HF_HUB_CACHE=str(closed / "hub")) as house:
        house.start_worker("downloads", "downloads", 1)
        one = house.new(MB, downloadNow=True)
        _failed(one, "CACHE_PERMISSION_DENIED")
        closed.chmod(0o755)
        house.download(one.model)
        _arrives(one)
    noted("F11", "a folder without permission", injected=1, operations=2)
