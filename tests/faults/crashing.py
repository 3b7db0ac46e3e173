"""A part of the service that dies, or freezes, at one exact step. No line of the product is there for it.

`python -m tests.faults.crashing celery …` (or `gunicorn …`) is that program with one addition: when it takes
up a model for which a test has armed a `Plan`, it wraps the step that the plan names, and there it ends.
CRASH_PLANS names the folder of the plans; CLOCK_SHIFT moves the clock that Python shows by so many seconds.
"""

import functools
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SLOW = 0.2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where a process ends: `before` or `after` the `nth` call of `module:name`, and `how`."""

    at: str
    when: str = "before"
    nth: int = 1
    how: str = "exit"  # exit: os._exit(1); kill: SIGKILL; stop: SIGSTOP; slow: each call takes SLOW seconds
    again: bool = False  # every attempt, not only the first that comes there

    def arm(self, folder: Path, model_id: int) -> None:
        """Whoever takes up this model from now on follows the plan."""
        draft = folder / f"{model_id}.draft"
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(folder / f"{model_id}.plan")


def struck(folder: Path, model_id: int) -> list[int]:
    """The processes that have come to the step that the plan for a model names, in order."""
    path = folder / f"{model_id}.struck"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


class _Stage:
    """What this process works on, and the plan for it. A worker process works on one thing at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._model: int | None = None
        self._plan: Plan | None = None
        self._calls = 0
        self._lock = threading.Lock()

    def enter(self, model_id: int) -> None:
        path = self._folder / f"{model_id}.plan"
        plan = Plan(**json.loads(path.read_text())) if path.exists() else None
        with self._lock:
            self._model, self._plan, self._calls = model_id, plan, 0
        if plan:
            self.watch(plan.at)

    def watch(self, at: str, *, then: Callable[..., None] = lambda *_: None) -> None:
        """Wrap a function once; `then` is called with its result and its arguments."""
        module, _, name = at.partition(":")
        *path, last = name.split(".")
        owner = functools.reduce(getattr, path, importlib.import_module(module))
        real = getattr(owner, last)
        if hasattr(real, "_is_watched"):
            return

        @functools.wraps(real)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._reached(at, "before")
            result = real(*args, **kwargs)
            then(result, *args)
            self._reached(at, "after")
            return result

        watched._is_watched = True  # type: ignore[attr-defined]
        setattr(owner, last, watched)

    def _reached(self, at: str, when: str) -> None:
        with self._lock:
            plan = self._plan
            if plan is None or (plan.at, plan.when) != (at, when):
                return None
            if plan.how == "slow":
                return time.sleep(SLOW)
            self._calls += 1
            if self._calls != plan.nth:
                return None
            if not plan.again:
                # Not by pathlib, whose methods may be what is watched.
                os.unlink(self._folder / f"{self._model}.plan")
            with open(self._folder / f"{self._model}.struck", "a") as file:
                file.write(f"{os.getpid()}\n")
        return _ENDS[plan.how]()


_ENDS: dict[str, Callable[[], None]] = {
    "exit": lambda: os._exit(1),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
}


def _shift_the_clock(seconds: float) -> None:
    """What Python code reads as the time of day; the monotonic clock stays, as in life."""
    real = time.time
    time.time = lambda: real() + seconds
    time.time_ns = lambda: int(time.time() * 1e9)


def main() -> None:
    """Run the program that the arguments name."""
    if shift := float(os.environ.get("CLOCK_SHIFT") or 0):
        _shift_the_clock(shift)
    if folder := os.environ.get("CRASH_PLANS"):
        stage = _Stage(Path(folder))
        # A worker knows what it works on once the operation has begun; the API once it has the model's row.
        stage.watch("shared.attempts:begin", then=lambda found, *_: found and stage.enter(found.model_id))
        stage.watch("shared.operations:lock_model", then=lambda found, *_: stage.enter(found.id))
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "celery":
        from celery.__main__ import main as run
    else:
        from gunicorn.app.wsgiapp import run
    sys.exit(run())


if __name__ == "__main__":
    main()
