"""Our engine beside the clients that a user could pick instead: same Hub, same files, same run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import chart, results
from tests.bench.clients import CONNECTIONS, OURS, Case, Client, Place, clients_of, environment
from tests.bench.hub import ROOT, HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.warm import warm_pages

MIB, GIB = 1 << 20, 1 << 30
CASES = {
    "a": Case(1, 64 * MIB if IS_SMALL else 2 * GIB, ".safetensors"),
    "b": Case(8, 8 * MIB if IS_SMALL else 256 * MIB, ".safetensors"),
    "c": Case(50 if IS_SMALL else 500, 20 << 10, ".json"),
}
PACES: dict[str, dict[str, float]] = {"unthrottled": {}, "throttled": {"throttle": 20e6, "latency": 0.03}}
_ROUNDS = os.environ.get("ROUNDS") or ("1" if IS_SMALL else None)
ROUNDS = {"unthrottled": int(_ROUNDS or 5), "throttled": int(_ROUNDS or 3)}
MINUTES = {"a": (6, 5), "b": (5, 6), "c": (2, 2)}
OURS_COLD = f"{OURS}, with the start of its process"
SHM = Path("/dev/shm")
# Beside the files: the Hub's copy, the target, the reservoir, and something for everybody else.
_ROOM = 8 * GIB


def main(*chosen: str) -> None:
    """Measure and print the tables; with WRITE=1 draw the charts of what was last measured.

    `chosen`: some of a, b, c, unthrottled, throttled; nothing: all. Other words: only clients whose names
    have one of them, beside ours, which is not kept. `kept`: measure nothing, show what was measured last.
    """
    if "kept" not in chosen:
        _measure(*chosen)
    elif found := results.kept("transfer"):
        for name, contest in sorted(found.items()):
            _show(*name.split(), contest["rows"])
            print(f"\nMeasured {contest['at']}.")
    if results.IS_WRITING:
        chart.write(results.kept("transfer"))


def _measure(*chosen: str) -> None:
    cases = [name for name in CASES if name in chosen] or list(CASES)
    paces = [name for name in PACES if name in chosen] or list(PACES)
    words = [word for word in chosen if word not in CASES and word not in PACES]
    with volume() as folder, running_hub() as hub:
        for name in cases:
            _fill(folder / "source", CASES[name])
            hub.add_repo(f"bench/{name}", folder / "source")
            for pace in paces:
                minutes = MINUTES[name][pace == "throttled"]
                print(f"\n{CASES[name].name}, {pace} (about {minutes} min)", file=sys.stderr, flush=True)
                hub.pace(**PACES[pace])
                _show(name, pace, _contest(hub, name, pace, folder, words))
            shutil.rmtree(folder / "source")


def _show(name: str, pace: str, rows: list[dict[str, Any]]) -> None:
    """The table of a contest."""
    case = CASES[name]
    ours = next(row["wall"] for row in rows if row["name"] == OURS)
    # Of 10 MB in 500 files, time per byte says nothing.
    unit, per = ("CPU s/GiB", GIB / case.total) if case.count <= 8 else ("CPU s", 1.0)
    report = results.Report(f"{name} {pace}")
    report.head(
        *(f"({name}) {case.name}, {pace}", "seconds", "× ours", "MB/s", unit, "peak MiB", "sha256"),
        *("Hub's CPU", "runs"),
    )
    for row in rows:
        if row["wall"] is None:
            report.line(row["name"], "not here, and not to be had", *[""] * 7)
            continue
        seconds = row["wall"]
        peak = f"{row['peak'] / MIB:.0f}" + (f" (+{row['over_idle'] / MIB:.0f})" if row["over_idle"] else "")
        report.line(
            *(row["name"], f"{seconds:.2f}", f"{seconds / ours:.2f}", f"{case.total / seconds / 1e6:.0f}"),
            *(f"{row['cpu'] * per:.2f}", peak, "yes" if row["verifies"] else "no"),
            *(f"{100 * row['hub'] / seconds:.0f} %", str(row["runs"])),
        )
    report.close()


@contextmanager
def volume() -> Iterator[Path]:
    """Memory where there is room: else the disk would be what is measured. BENCH_DIR names another place."""
    parent = os.environ.get("BENCH_DIR")
    if not parent and SHM.is_dir() and shutil.disk_usage(SHM).free > _ROOM:
        parent = str(SHM)
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-", dir=parent) as folder:
        print(f"Source and targets: {folder}", file=sys.stderr)
        yield Path(folder)


def sparse(path: Path, size: int) -> None:
    """A file like no other that takes no room."""
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(str(path).encode())
        file.truncate(size)


def _fill(folder: Path, case: Case) -> None:
    """Files of which no two MiB are alike."""
    folder.mkdir()
    noise, number = bytearray(random.Random(case.name).randbytes(MIB)), 0
    for name in case.files:
        with (folder / name).open("wb") as file:
            for left in range(case.size, 0, -MIB):
                noise[:8] = number.to_bytes(8, "big")
                number += 1
                file.write(memoryview(noise)[: min(left, MIB)])


def _contest(
    hub: HubProcess, name: str, pace: str, folder: Path, words: Sequence[str]
) -> list[dict[str, Any]]:
    """Rounds of all clients in turn, so that a slow minute of the machine is everybody's."""
    case, runs = CASES[name], ROUNDS[pace]
    found: dict[str, list[dict[str, Any]]] = {}
    clients = clients_of(case, is_paced=pace == "throttled")
    clients = [
        one for one in clients if not words or one.name == OURS or any(word in one.name for word in words)
    ]
    verifies = {client.name for client in clients if client.verifies} | {OURS_COLD}
    rows: list[dict[str, Any]] = []
    for number in range(runs):
        for client in clients:
            is_long = client.is_single and pace == "throttled" and case.total > 1e6 * 60
            if not (is_long and number):
                for label, cost in _run(hub, client, Place(hub.url, f"bench/{name}", case, folder / "run")):
                    found.setdefault(label, []).append(cost)
        rows = [_row(label, costs, label in verifies) for label, costs in found.items()]
        if not words:
            results.keep("transfer", f"{name} {pace}", {"connections": CONNECTIONS, "rows": rows})
        print(f"round {number + 1} of {runs}", file=sys.stderr, flush=True)
    return rows


def _row(label: str, costs: list[dict[str, Any]], verifies: bool) -> dict[str, Any]:
    if not costs[0]:
        return {"name": label, "wall": None, "verifies": False}
    middle = {key: median(cost[key] for cost in costs) for key in ("wall", "cpu", "peak", "over_idle", "hub")}
    return {"name": label, "verifies": verifies, "runs": len(costs), **middle}


def _run(hub: HubProcess, client: Client, place: Place) -> list[tuple[str, dict[str, Any]]]:
    """What one run cost; of a job also with its process. An empty cost: the program is missing."""
    hub.control("reset")
    env = environment(place)
    command = client.command(place)
    if command is None:
        shutil.rmtree(place.folder)
        return [(client.name, {})]
    result = place.folder / "result.json"
    watch = [sys.executable, "-I", "-S", str(ROOT / "tests/bench/stopwatch.py"), str(result), *command]
    size = place.case.total + place.case.total // 8 if SHM in place.folder.parents else 0
    with warm_pages(place.folder, size, at_once=client.takes_at_once) if size else nullcontext():
        before = hub.cpu()
        code, said = _finish(watch, env)
        busy = hub.cpu() - before
    if code:
        sys.exit(f"{client.name} failed:\n{said}")
    _check(place)
    cost = {**json.loads(result.read_text()), "over_idle": 0, "hub": busy}
    found = [(client.name, cost)]
    if client.is_job:
        alone = {**json.loads((place.folder / "job.json").read_text()), "hub": busy}
        found = [(client.name, alone)]
        if client.name == OURS:
            found.append((OURS_COLD, cost))
    shutil.rmtree(place.folder)
    return found


def _finish(command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a client, which must not outlive us: it would go on filling the volume."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, said


def _check(place: Place) -> None:
    """Everything arrived, whatever the client says."""
    sizes = [
        path.stat().st_size
        for path in (place.folder / "target").rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    if sum(size == place.case.size for size in sizes) != place.case.count:
        sys.exit(f"{len(sizes)} files arrived, not {place.case.count} of {place.case.size} bytes")
