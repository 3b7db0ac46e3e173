"""What `make run` does, as a newcomer sees it: start, download, kill -9 of everything, start again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.conftest import ROOT
from tests.hub_server import HubServer
from tests.stack import wait_for


@dataclass
class Launcher:
    """A stack of its own, started as `make run` starts it."""

    folder: Path
    port: int
    hub: HubServer
    process: subprocess.Popen[str] | None = None
    starts: int = 0

    @property
    def log(self) -> Path:
        """What the last start printed."""
        return self.folder.parent / f"output{self.starts}.log"

    def start(self) -> None:
        env = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "WEIGHBRIDGE_DATA_DIR": str(self.folder),
            "HF_ENDPOINT": self.hub.url,
            "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
        }
        command = [sys.executable, "-m", "deploy.local"]
        self.starts += 1
        output = self.log.open("w")
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, text=True)
        wait_for("ready", self._is_ready, seconds=90)

    def _is_ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.output()
        return f"Weighbridge is ready at http://127.0.0.1:{self.port}" in self.output()

    def output(self) -> str:
        return self.log.read_text()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        token = (self.folder / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=30).json()

    def family(self) -> list[psutil.Process]:
        assert self.process
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def listening_sockets(self) -> int:
        """Those of the API: one for each process, so that each gets its part of the connections."""
        found = psutil.net_connections("tcp")
        return sum(each.status == "LISTEN" and each.laddr.port == self.port for each in found)

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    folder = tmp_path_factory.mktemp("run")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # as root, Postgres runs under another account, which must get through
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with HubServer() as hub:
        found = Launcher(folder / "data", port, hub)
        yield found
        if found.process and found.process.poll() is None:
            found.stop()


def test_a_first_start_a_download_a_kill_and_a_second_start(launcher: Launcher) -> None:
    repo = "unsloth/Qwen3-0.6B-GGUF"
    data = os.urandom(1_000_000)
    launcher.hub.add_repo(repo, {"Qwen3-0.6B-Q4_0.gguf": data})
    launcher.start()
    (seeded,) = launcher.call("GET", "/api/models")
    assert (seeded["downloadStatus"], seeded["hfRepo"]) == ("NotDownloaded", repo)
    launcher.call("POST", f"/api/models/{seeded['id']}/download")

    def downloaded() -> Any:
        model = launcher.call("GET", f"/api/models/{seeded['id']}")
        return model if model["downloadStatus"] == "Downloaded" else None

    model = wait_for("the download", downloaded)
    assert Path(model["localPath"]).read_bytes() == data
    family = launcher.family()
    assert len(family) > 8
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # the kernel ends some with their parent
            process.kill()
    psutil.wait_procs(family, timeout=10)
    launcher.start()
    again = launcher.call("GET", f"/api/models/{seeded['id']}")
    assert again["downloadStatus"] == "Downloaded"
    if sys.platform == "linux":
        assert launcher.listening_sockets() == 2
    family = launcher.family()
    assert launcher.stop() == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    token = (launcher.folder / "admin-token").read_text().strip()
    lines = [line for line in launcher.output().splitlines() if token in line]
    assert {line.split("#")[0] for line in lines} == {f"Sign in: http://127.0.0.1:{launcher.port}/sign-in"}
