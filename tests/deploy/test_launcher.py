"""The launcher with small stand-ins for the services: order, deaths, signals, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.process import is_running

LAUNCH = textwrap.dedent("""
    import json, sys
    from deploy.local.launcher import launch
    from deploy.local.services import Service
    from shared.settings import Settings
    services = [Service(**service) for service in json.loads(sys.argv[1])]
    sys.exit(launch(Settings.from_env(), lambda settings: services))
""")

# A service that notes its start and its stop in a journal; argv: journal, name.
STAND_IN = textwrap.dedent("""
    import os, signal, sys, time
    def note(word):
        with open(sys.argv[1], "a") as journal:
            journal.write(f"{word} {sys.argv[2]} {os.getpid()}\\n")
    def stop(*_):
        note("stop"); os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    note("start")
    print("hello from", sys.argv[2], flush=True)
""")
STAYS = STAND_IN + "while True: time.sleep(1)\n"
IS_STUBBORN = STAND_IN + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)\n"
HAS_A_CHILD = STAND_IN + textwrap.dedent("""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("child")
    while True: time.sleep(1)
""")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


class Stack:
    """Launchers of one data dir, and the journal that their stand-ins write."""

    def __init__(self, folder: Path, port: int) -> None:
        self.data_dir, self.port = folder / "data", port
        self.journal, self.output, self.errors = folder / "journal", folder / "output", folder / "errors"
        self.launchers: list[subprocess.Popen[bytes]] = []

    def service(self, name: str, program: str = STAYS, **more: Any) -> dict[str, Any]:
        return {"name": name, "argv": [sys.executable, "-c", program, str(self.journal), name], **more}

    def launch(self, *services: dict[str, Any], **environment: str) -> subprocess.Popen[bytes]:
        """Without embedded servers, as their addresses are given."""
        settings = {
            "DATABASE_URL": "postgresql://nowhere",
            "REDIS_URL": "redis://nowhere",
            "WEIGHBRIDGE_DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
        }
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            launcher = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, json.dumps(services)],
                env={**os.environ, **settings, **environment},
                stdout=output,
                stderr=errors,
            )
        self.launchers.append(launcher)
        return launcher

    def launch_until_ready(self, *services: dict[str, Any]) -> subprocess.Popen[bytes]:
        launcher = self.launch(*services)
        wait_for(lambda: "Sign in: " in self.output.read_text() or launcher.poll() is not None)
        wait_for(lambda: len(self.noted("start")) >= len(services))
        assert launcher.poll() is None, self.errors.read_text()
        return launcher

    def noted(self, word: str) -> list[tuple[str, int]]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        entries = [line.split() for line in lines]
        return [(name, int(pid)) for found, name, pid in entries if found == word]

    def alive(self) -> list[int]:
        return [pid for word in ("start", "child") for _, pid in self.noted(word) if is_running(pid)]


@pytest.fixture
def stack(tmp_path: Path, free_port: int) -> Iterator[Stack]:
    stack = Stack(tmp_path, free_port)
    yield stack
    for launcher in stack.launchers:
        launcher.kill()
        launcher.wait()
    for pid in stack.alive():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_services_in_reverse_and_ends_with_0(stack: Stack, number: signal.Signals) -> None:
    launcher = stack.launch_until_ready(*(stack.service(name) for name in ("one", "two", "three")))
    launcher.send_signal(number)
    assert launcher.wait(10) == 0
    assert [name for name, _ in stack.noted("stop")] == ["three", "two", "one"]
    assert "Traceback" not in stack.errors.read_text()


def test_services_that_stop_alongside_do_not_wait_for_each_other(stack: Stack) -> None:
    last = stack.service("control", IS_STUBBORN, grace_seconds=1, stops_alongside=True)
    launcher = stack.launch_until_ready(stack.service("api"), stack.service("downloads"), last)
    launcher.terminate()
    wait_for(lambda: [name for name, _ in stack.noted("stop")] == ["downloads"], seconds=0.8)
    assert launcher.wait(10) == 0
    assert [name for name, _ in stack.noted("stop")] == ["downloads", "api"]


def test_ready_is_said_exactly_and_every_line_has_its_services_name(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("api"), stack.service("downloads"))
    wait_for(lambda: stack.output.read_text().count("hello") == 2)
    lines = stack.output.read_text().splitlines()
    token = (stack.data_dir / "admin-token").read_text().strip()
    ready = lines.index(f"Weighbridge is ready at http://127.0.0.1:{stack.port}")
    assert lines[ready + 1] == f"Sign in: http://127.0.0.1:{stack.port}/sign-in#token={token}"
    assert {"api       | hello from api", "downloads | hello from downloads"} <= set(lines)
    launcher.terminate()
    launcher.wait(10)


def test_keys_are_made_once_and_are_for_nobody_else(stack: Stack) -> None:
    def keys() -> list[str]:
        return [(stack.data_dir / name).read_text() for name in ("secret-keys", "admin-token")]

    stop = stack.service("stops", "import sys; sys.exit(3)")
    stack.launch(stop).wait(10)
    first = keys()
    stack.launch(stop).wait(10)
    assert keys() == first
    assert first[1].startswith("wb_")
    assert len(first[1].strip()) == 35
    modes = [path.stat().st_mode & 0o777 for path in (stack.data_dir, *stack.data_dir.glob("*-*"))]
    assert modes == [0o700, 0o600, 0o600]


def test_the_first_death_stops_everything_and_is_named(stack: Stack) -> None:
    dies = stack.service("two", STAND_IN + "time.sleep(0.5); sys.exit(7)")
    launcher = stack.launch(stack.service("one"), dies, stack.service("three"))
    assert launcher.wait(10) == 7
    assert "two ended with exit code 7" in stack.errors.read_text()
    assert [name for name, _ in stack.noted("stop")] == ["three", "one"]


def test_a_killed_service_is_named_with_its_signal(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("one"))
    os.kill(stack.noted("start")[0][1], signal.SIGKILL)
    assert launcher.wait(10) == 137
    assert "one was killed by signal 9 (SIGKILL)" in stack.errors.read_text()


def test_a_step_that_fails_shows_its_lines_and_nothing_after_it_starts(stack: Stack) -> None:
    step = stack.service("migrate", "import sys; print('no such table'); sys.exit(4)", runs_once=True)
    launcher = stack.launch(step, stack.service("api"))
    assert launcher.wait(10) == 4
    assert "migrate  | no such table" in stack.output.read_text()
    assert not stack.noted("start")


def test_what_a_service_started_ends_with_it(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("one", HAS_A_CHILD))
    wait_for(lambda: stack.noted("child"))
    launcher.terminate()
    assert launcher.wait(10) == 0
    wait_for(lambda: not stack.alive(), seconds=2)


def test_a_stubborn_service_is_killed_after_its_grace(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("one", IS_STUBBORN, grace_seconds=0.5))
    launcher.terminate()
    assert launcher.wait(5) == 0
    assert not stack.alive()


def test_a_second_ctrl_c_kills_at_once(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("one", IS_STUBBORN, grace_seconds=60))
    launcher.send_signal(signal.SIGINT)
    wait_for(lambda: "Stopping" in stack.output.read_text())
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(5) == 0
    assert not stack.alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_kill_9_of_the_launcher_ends_the_services(stack: Stack) -> None:
    launcher = stack.launch_until_ready(stack.service("one"), stack.service("two"))
    launcher.kill()
    wait_for(lambda: not stack.alive())


def test_a_service_that_outlived_kill_9_is_stopped_by_the_next_start(stack: Stack) -> None:
    stubborn = stack.service("one", IS_STUBBORN, grace_seconds=0.3)
    stack.launch_until_ready(stubborn).kill()
    ((_, leftover),) = stack.noted("start")
    assert is_running(leftover)
    stack.launch_until_ready(stubborn)
    wait_for(lambda: not is_running(leftover))


def test_a_second_launcher_on_the_same_data_dir_is_refused(stack: Stack) -> None:
    first = stack.launch_until_ready(stack.service("one"))
    second = stack.launch(stack.service("one"))
    assert second.wait(10) == 1
    assert "Another Weighbridge is running on" in stack.errors.read_text()
    assert first.poll() is None
    assert len(stack.noted("start")) == 1


def test_a_taken_port_is_said_before_anything_starts(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", stack.port)):
        assert stack.launch(stack.service("one")).wait(10) == 1
    assert f"Port {stack.port} on 127.0.0.1 is taken" in stack.errors.read_text()
    assert not stack.noted("start")


def test_a_terminal_that_went_away_does_not_keep_the_services_running(stack: Stack) -> None:
    chatty = STAND_IN + "while True: print('x' * 1000, flush=True); time.sleep(0.01)\n"
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, json.dumps([stack.service("one", chatty)])],
        env={
            **os.environ,
            "DATABASE_URL": "postgresql://nowhere",
            "REDIS_URL": "redis://nowhere",
            "WEIGHBRIDGE_DATA_DIR": str(stack.data_dir),
            "PORT": str(stack.port),
        },
        stdout=subprocess.PIPE,
    )
    stack.launchers.append(launcher)
    assert launcher.stdout
    launcher.stdout.readline()
    launcher.stdout.close()
    wait_for(lambda: stack.noted("start"))
    time.sleep(0.3)
    assert launcher.poll() is None
    launcher.send_signal(signal.SIGHUP)
    assert launcher.wait(10) == 0
    assert not stack.alive()


def test_settings_that_cannot_be_used_are_said_without_a_traceback(stack: Stack) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "deploy.local"],
        env={**os.environ, "PORT": "none", "HF_ENDPOINT": "ftp://x"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert "PORT: " in answer.stderr
    assert "HF_ENDPOINT: " in answer.stderr
    assert "Traceback" not in answer.stderr
