"""What must hold whatever breaks: `Watch` looks while it breaks, `check` when the dust has settled.

Both collect sentences about what is wrong, so that one run tells all; a test asserts that there are none.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any

import psycopg2
import requests
from redis.exceptions import RedisError

from tests.conftest import ADMIN_TOKEN
from tests.faults.fleet import HF_TOKEN, Fleet
from tests.stack import TERMINAL, is_up

# Bytes that the Hub may serve for each byte of a file, over all files (F1).
MOST_SERVED = 1.25
# What was on its way to a killed process comes again: about 0.1 MB were seen, a busy machine may lag behind.
LOST_BY_A_KILL = 1_000_000
# What may leave a trace in a log: a store that is away, a pool child that was killed, and a pool child whose
# worker was killed just as it started (billiard has no other way to say so).
EXPECTED_TRACES = re.compile(
    r"redis\.exceptions\.(ConnectionError|TimeoutError|BusyLoadingError)|kombu\.exceptions\.OperationalError|"
    r"shared\.errors\.ServiceUnavailable|billiard\.exceptions\.WorkerLostError|"
    r"psycopg2\.(OperationalError|InterfaceError)|sqlalchemy\.exc\.OperationalError|"
    r"(?s:on_loop_start.*BrokenPipeError)"
)


@dataclass(frozen=True)
class Wanted:
    """How a model's last download must have ended. `fetches`: how often all of its bytes had to come."""

    model: dict[str, Any]
    sha256: str
    size: int
    status: str = "completed"
    fetches: int = 1

    @property
    def place(self) -> str:
        """Its file on the Hub."""
        return f"{self.model['hfRepo']}/{self.model['modelFile']}"


@dataclass
class Watch:
    """A context manager: inside, a thread looks at the rows many times a second."""

    fleet: Fleet
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    _seen: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._ended.wait(0.05):
            try:
                found = self.fleet.rows("select id, model_id, status, attempt from operations")
            except psycopg2.Error:
                continue  # it is away: that is the test's doing
            self.looks += 1
            self._one_a_model(found)
            for id_, _model, status, attempt in found:
                self._goes_forward(str(id_), status, attempt)

    def _one_a_model(self, found: list[tuple[Any, ...]]) -> None:
        unfinished = Counter(model for _id, model, status, _attempt in found if status not in TERMINAL)
        self.wrong += [f"model {model} has {n} unfinished" for model, n in unfinished.items() if n > 1]

    def _goes_forward(self, id_: str, status: str, attempt: int) -> None:
        was, before = self._seen.get(id_, ("", 0))
        if attempt < before:
            self.wrong.append(f"operation {id_}: attempt {before} became {attempt}")
        if was in TERMINAL and (status, attempt) != (was, before):
            self.wrong.append(f"operation {id_} had ended as {was} and is {status}, attempt {attempt}")
        self._seen[id_] = (status, attempt)


def check(
    fleet: Fleet, expectations: Iterable[Wanted], *, kills: int | None = None, seconds: float = 60
) -> list[str]:
    """What is wrong now; waits `seconds` at most for everything to end, and shortly for what is swept.

    With `kills`, bytes may have come again only for each of them.
    """
    wanted = list(expectations)
    began = time.monotonic()
    wrong = _until(lambda: _unfinished(fleet), seconds)
    print(f"drained within {time.monotonic() - began:.1f} s")
    wrong += [*_ends(fleet, wanted), *_published(fleet, wanted)]
    # Several sweeps, on a machine that may be busy.
    wrong += _until(lambda: [*_partials(fleet, wanted), *_left_in_redis(fleet)], 20)
    wrong += [*_served(fleet, wanted, kills), *_alive(fleet), *_logged(fleet), *_ran(fleet)]
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    return wrong


def _until(probe: Callable[[], list[str]], seconds: float) -> list[str]:
    """What the probe finds wrong, once that is nothing or the time is over."""
    end = time.monotonic() + seconds
    while (wrong := probe()) and time.monotonic() < end:
        time.sleep(0.1)
    return wrong


def _unfinished(fleet: Fleet) -> list[str]:
    rows = fleet.rows(
        "select id, kind, status, attempt, failures, worker, error from operations "
        "where status not in ('completed', 'failed', 'canceled')"
    )
    return [f"unfinished: {row}" for row in rows]


def _ends(fleet: Fleet, wanted: list[Wanted]) -> Iterator[str]:
    last = (
        "select o.status, o.error, o.bytes_done, m.download_status, m.downloaded from operations o "
        "join models m on m.id = o.model_id where o.model_id = %s and o.kind = 'download' "
        "order by o.created_at desc limit 1"
    )
    words = {"completed": ("Downloaded", True), "failed": ("Failed", False), "canceled": ("Canceled", False)}
    for one in wanted:
        found = fleet.rows(last, one.model["id"])
        if not found:
            yield f"{one.place}: its model or its operation is gone"
            continue
        status, error, bytes_done, word, downloaded = found[0]
        if status != one.status:
            yield f"{one.place}: {status} instead of {one.status}: {error}"
        if (word, downloaded) != words.get(status):
            yield f"{one.place}: its operation is {status} and its model {word}, downloaded {downloaded}"
        if status == "completed" and bytes_done != one.size:
            yield f"{one.place}: completed with {bytes_done} of {one.size} bytes"


# As another program reads the cache: by the standard client, without a network.
_READ = """
import hashlib, json, sys
from huggingface_hub import hf_hub_download
found = {}
for repo, file in json.load(sys.stdin):
    try:
        with open(hf_hub_download(repo, file, local_files_only=True), "rb") as stream:
            found[f"{repo}/{file}"] = hashlib.file_digest(stream, "sha256").hexdigest()
    except Exception as error:
        found[f"{repo}/{file}"] = type(error).__name__
print(json.dumps(found))
"""


def _published(fleet: Fleet, wanted: list[Wanted]) -> Iterator[str]:
    places = [(one.model["hfRepo"], one.model["modelFile"]) for one in wanted]
    ran = subprocess.run(
        [sys.executable, "-c", _READ],
        input=json.dumps(places),
        env={"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(fleet.cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    for one in wanted:
        right = one.sha256 if one.status == "completed" else "LocalEntryNotFoundError"
        if found[one.place] != right:
            yield f"{one.place}: read as {found[one.place]} instead of {right}"


def _partials(fleet: Fleet, wanted: list[Wanted]) -> list[str]:
    kept = {one.sha256 for one in wanted if one.status != "completed"}
    files = (fleet.cache / ".weighbridge").rglob("*")
    return [f"left behind: {path}" for path in files if path.is_file() and path.stem not in kept]


def _left_in_redis(fleet: Fleet) -> list[str]:
    try:
        keys = [
            *fleet.redis.scan_iter("weighbridge:active:*"),
            *fleet.redis.scan_iter("weighbridge:cancel:*"),
        ]
        left = [f"left in Redis: {key}" for key in keys]
        queues = {name: fleet.redis.llen(f"weighbridge:{name}") for name in ("downloads", "control")}
    except RedisError as error:
        return [f"Redis does not answer: {error}"]
    return left + [f"{n} messages wait in {name}" for name, n in queues.items() if n]


def served(fleet: Fleet, wanted: Iterable[Wanted]) -> tuple[int, int]:
    """Bytes that the Hub served for these files, and bytes that they have, as often as they had to come."""
    each = {one.place: one for one in wanted}
    bytes_served = sum(fleet.hub.bytes_served(place) for place in each)
    return bytes_served, sum(one.size * one.fetches for one in each.values())


def _served(fleet: Fleet, wanted: list[Wanted], kills: int | None) -> Iterator[str]:
    bytes_served, bytes_files = served(fleet, wanted)
    print(f"served {bytes_served:,} bytes for {bytes_files:,}: {bytes_served / max(1, bytes_files):.4f}")
    again = (MOST_SERVED - 1) * bytes_files
    most = bytes_files + (again if kills is None else min(again, kills * LOST_BY_A_KILL))
    if bytes_served > most:
        yield f"{bytes_served:,} bytes served for {bytes_files:,}, at most {most:,.0f}"
    if fleet.hub.authorization_at_cdn:
        yield "a token reached the other origin"


def _alive(fleet: Fleet) -> list[str]:
    return _until(lambda: _unwell(fleet), 30)


def _unwell(fleet: Fleet) -> list[str]:
    wrong = [f"{name} has ended: {p.poll()}" for name, p in fleet.processes.items() if p.poll() is not None]
    if wrong:
        return wrong
    wrong += [] if is_up(fleet) else ["/api/health is not ok"]
    for path in ("/healthz", "/readyz"):
        try:
            answer = fleet.call("GET", path)
        except requests.RequestException as error:
            wrong.append(f"{path}: {error}")
            continue
        wrong += [] if answer.status_code == 200 else [f"{path}: {answer.status_code} {answer.text}"]
    return wrong


def _logged(fleet: Fleet) -> Iterator[str]:
    for trace in _traces(fleet.log_text()):
        if not EXPECTED_TRACES.search(trace):
            yield f"a trace: {trace[:200]} … {trace[-1500:]}"
    for line in fleet.log_text().splitlines():
        if ADMIN_TOKEN in line or HF_TOKEN in line:
            yield f"a token in a log: {line[:60]}"


def _traces(text: str) -> Iterator[str]:
    """Each trace: a structured line that holds one, or the lines that a process wrote as it died."""
    written: list[str] = []
    for line in text.splitlines():
        if written:
            written.append(line)
            if line and not line.startswith((" ", "Traceback", "During handling", "The above exception")):
                yield "\n".join(written)
                written = []
        elif line.startswith("Traceback"):
            written = [line]
        elif "Traceback" in line:
            yield line


def log_events(fleet: Fleet) -> list[dict[str, Any]]:
    """Every structured line of all logs, in the order of their times."""
    found = []
    for line in fleet.log_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # gunicorn's banner
        if isinstance(event, dict) and "timestamp" in event:
            found.append(event)
    return sorted(found, key=lambda event: event["timestamp"])


def _ran(fleet: Fleet) -> Iterator[str]:
    """Each attempt was begun by one process only, each later one later, and one at most finished."""
    begun: dict[str, list[int]] = {}
    finished: Counter[str] = Counter()
    for event in log_events(fleet):
        if event["event"] == "download started":
            begun.setdefault(event["operation"], []).append(event["attempt"])
        finished[event.get("operation", "")] += event["event"] == "download finished"
    for id_, attempts in begun.items():
        if any(later <= earlier for earlier, later in pairwise(attempts)):
            yield f"operation {id_} was begun as attempts {attempts}"
        if finished[id_] > 1:
            yield f"operation {id_} finished {finished[id_]} times"


_ENDS = ("download finished", "download stopped", "download failed", "download lost to another attempt")
_BROKE = re.compile(r"Task \S+\[(?P<operation>[0-9a-f-]{36})\] ")


def overlaps(fleet: Fleet, expectations: Iterable[Wanted]) -> list[str]:
    """Attempts that began beside the one before. Only where nobody was killed: the dead don't say so."""
    models = {one.model["id"] for one in expectations}
    live: dict[str, int] = {}
    wrong = []
    for event in log_events(fleet):
        broke = _BROKE.match(event["event"])
        id_ = broke["operation"] if broke else event.get("operation", "")
        if event["event"] == "download started" and event["model"] in models:
            if id_ in live:
                wrong.append(f"operation {id_}: attempt {event['attempt']} began beside {live[id_]}")
            live[id_] = event["attempt"]
        elif broke or event["event"] in _ENDS:
            live.pop(id_, None)
    return wrong
