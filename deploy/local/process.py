"""A child process: in a session of its own, its lines handed on, stopped with all that it started."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

Emit = Callable[[str], None]
Hurry = Callable[[], bool]

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02


class CannotStart(Exception):
    """Something that Weighbridge needs did not start; the message says what to do."""

    exit_status = 1


class ChildDied(CannotStart):
    """A child ended that should run on; the launcher ends with its code."""

    def __init__(self, child: "Child") -> None:
        code = child.exit_code or 0
        super().__init__(f"{child.name} {how_it_ended(code)}: stopping everything.")
        self.exit_status = (code or 1) if code >= 0 else 128 - code


def no_hurry() -> bool:
    """Give every child its whole grace."""
    return False


@dataclass
class Child:
    """A process that we start and that never outlives us."""

    name: str
    argv: Sequence[str]
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 10
    pid_file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    emit: Emit | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=20), init=False)
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)
    _is_asked: bool = field(default=False, init=False)
    _is_stopped: bool = field(default=False, init=False)

    def start(self) -> None:
        """Start it, after what an earlier run left behind under the same pid file is gone."""
        self.stop_leftover()
        self._process = subprocess.Popen(
            list(self.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C in a terminal must reach only the launcher, which then stops all in order.
            start_new_session=True,
            preexec_fn=_die_with_parent(self.stop_signal),
            **self.options,
        )
        if self.pid_file:
            _write_pid_file(self.pid_file, self._process.pid)
        self._reader = threading.Thread(target=self._read, name=f"read {self.name}", daemon=True)
        self._reader.start()

    def stop_leftover(self) -> None:
        """Stop what an earlier launcher, killed itself, left running."""
        if self.pid_file:
            _stop_leftover(self.pid_file, self.stop_signal, self.grace_seconds)

    @property
    def pid(self) -> int:
        """The process id; only after start()."""
        assert self._process, f"{self.name} was not started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it was started; negative: the signal that killed it."""
        return self._process.poll() if self._process else None

    def wait(self, seconds: float, *, hurry: Hurry = no_hurry) -> bool:
        """Wait for its end; False when the time is over or somebody is in a hurry."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            if time.monotonic() > deadline or hurry():
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def stop(self, *, hurry: Hurry = no_hurry) -> None:
        """Ask it to stop; after its grace, or in a hurry, kill it. Nothing of its group is left."""
        if not self._process or self._is_stopped:
            return
        if self.exit_code is None and not hurry():
            self.ask_to_stop()
            self.wait(self.grace_seconds, hurry=hurry)
        _kill_group(self._process.pid)
        self._process.wait()
        self._finish()

    def ask_to_stop(self) -> None:
        """Send its stop signal, but once only: to some programs a second one means "at once"."""
        if self._process and not self._is_asked:
            self._process.send_signal(self.stop_signal)
        self._is_asked = True

    def _finish(self) -> None:
        self._is_stopped = True  # from here on the id may belong to somebody else
        if self._reader:
            self._reader.join(timeout=2)
        if self.pid_file:
            self.pid_file.unlink(missing_ok=True)

    def _read(self) -> None:
        assert self._process
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                self.last_lines.append(line.rstrip("\n"))
                if self.emit and line.strip():
                    self.emit(line.rstrip("\n"))


def wait_until(ready: Callable[[], bool], child: Child, seconds: float) -> None:
    """Wait until a started child is ready; CannotStart with its last lines when it dies or takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child.exit_code is not None:
            child.stop()
            raise CannotStart(f"{child.name} {how_it_ended(child.exit_code)}{_said(child)}")
        if time.monotonic() > deadline:
            child.stop()
            raise CannotStart(f"{child.name} was not ready within {seconds:g} seconds{_said(child)}")
        time.sleep(_POLL_SECONDS)


def how_it_ended(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    return f"was killed by signal {-exit_code} ({signal.Signals(-exit_code).name})"


def is_running(pid: int, *, name: str | None = None) -> bool:
    """Whether a process of that id (and program name) is alive; one that nobody has reaped is not."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE) and name in (None, process.name())
    except psutil.NoSuchProcess:
        return False


def _said(child: Child) -> str:
    return "".join(f"\n  {line}" for line in child.last_lines)


def _write_pid_file(path: Path, pid: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(f"{pid} {_birth(pid)}\n")


def _stop_leftover(pid_file: Path, stop_signal: int, grace_seconds: float) -> None:
    """Stop the process that `pid_file` names if it still runs and is the same one: ids are used again."""
    pid = _named_process(pid_file)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, stop_signal)
        _wait_for_stranger(pid, grace_seconds)
        _kill_group(pid)
        _wait_for_stranger(pid, grace_seconds)
    pid_file.unlink(missing_ok=True)


def _named_process(pid_file: Path) -> int | None:
    try:
        pid, birth = pid_file.read_text().split()
        is_same = is_running(int(pid)) and _birth(int(pid)) == birth
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return int(pid) if is_same else None


def _wait_for_stranger(pid: int, seconds: float) -> None:
    """As wait(), for a process that is nobody's child any more."""
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _birth(pid: int) -> str:
    """What tells a process from a later one with its id.

    On Linux not by psutil's time of day, which moves whenever the machine's clock is set.
    """
    if sys.platform != "linux":
        return str(psutil.Process(pid).create_time())
    ticks_since_boot = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{ticks_since_boot}"


def _kill_group(pid: int) -> None:
    """Kill what is left of the group that `pid` leads: pool children, web workers, forgotten helpers."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nothing is left; macOS says EPERM for a group of zombies.
        return


def _die_with_parent(stop_signal: int) -> Callable[[], None] | None:
    """On Linux the kernel sends `stop_signal` when we die, even by kill -9.

    It does so when the *thread* that forked ends, so only the main thread may ask for it.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return in_child
