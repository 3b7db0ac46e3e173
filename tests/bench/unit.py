"""What each thing costs that a fleet does all the time; and what that makes for 1,000 workers."""

import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from celery import Celery

from shared import attempts, bandwidth_shares, fleet, presence, progress, turns
from shared.broker import celery_options
from shared.fleet import Device, Machine
from shared.progress import Progress
from tests.bench import results
from tests.bench.hub import running_hub
from tests.bench.results import IS_SMALL
from tests.bench.transfer import MIB, sparse, volume
from tests.bench.workers import Fleet, running_fleet
from worker_service.attempt import LOOKS, SAMPLES_PER_SECOND
from worker_service.context import Context
from worker_service.sweeper import ROUND, Sweeper
from worker_service.volume import note_volume

_LEAST_ROUNDS, _SECONDS = 5, 0.2 if IS_SMALL else 4
_WINDOW = 3 if IS_SMALL else 20  # seconds for which a worker is watched
UNFINISHED = (0, 200) if IS_SMALL else (0, 200, 2_000, 20_000)
WORKERS = (10, 100, 1_000)
AT_A_TIME = 2
# Operations that wait for each worker, beside those that run.
WAITING = 10
_UNFINISHED_SQL = """
insert into models (id, name, type, source, hf_repo, revision, is_active, is_default, download_status,
  downloaded)
select n, 'm' || n, 'local', 'huggingface', 'o/m' || n, 'main', true, false, 'Pending', false
from generate_series(%s, %s) n;
insert into operations (id, model_id, kind, status, attempt, lease_until, nudged_at, manifest, bytes_total)
select gen_random_uuid(), n, 'download', case when n %% 6 = 0 then 'running' else 'pending' end, 1,
  now() + interval '1 day', now() + interval '1 day', jsonb_build_object('commit', md5(n::text), 'files',
    jsonb_build_array(jsonb_build_object('path', 'a', 'size', 1000, 'oid', md5(n::text), 'is_lfs', false))),
  1000
from generate_series(%s, %s) n;
"""


@dataclass(frozen=True)
class Cost:
    """Seconds: of whoever asks, of Postgres's processes, and of Redis."""

    wall: float
    postgres: float
    redis: float


def main() -> None:
    """Print the tables; about 4 minutes."""
    with volume() as folder, running_hub() as hub:
        with running_fleet(hub.url, cache=folder / "hub") as installation:
            costs = _Bench(installation).costs()
            hub.pace(throttle=20e3)
            sparse(folder / "slow" / "file-000.safetensors", 256 * MIB)
            hub.add_repo("bench/slow", folder / "slow")
            _watch(installation)
    _calculate(costs)
    results.keep("unit", "costs", {name: vars(cost) for name, cost in costs.items()})


class _Bench:
    """Does one thing many times, in this process, as a worker would."""

    def __init__(self, installation: Fleet) -> None:
        self._installation = installation
        self._context = Context.make(installation.settings)
        self._postmaster = psutil.Process(
            int((installation.folder / "run" / "postgres.pid").read_text().split()[0])
        )
        self._found: dict[str, Cost] = {}

    def costs(self) -> dict[str, Cost]:
        """Measure everything."""
        report = results.Report("unit", results.SCALING)
        report.head("ms of", "whoever asks", "Postgres's CPU", "Redis's CPU")
        operation = self._begin()
        redis, database = self._context.redis, self._context.database
        seen = Progress(bytes_done=1, bytes_total=10**9, current_file="model-00001-of-00003.safetensors")

        def heartbeat() -> None:
            with database.session() as session:
                attempts.heartbeat(session, operation, 1, lease_seconds=30, progress=seen)

        def too_early() -> None:
            with database.session() as session:
                turns.take(session, "sweep", seconds=3600)

        too_early()
        self._measure("a heartbeat of a running operation", heartbeat)
        self._measure("a turn asked for too early", too_early)
        self._measure("a progress", lambda: progress.write(redis, operation, seen, is_listed=True))
        self._measure("a look for the wish to cancel", lambda: progress.is_unwanted(redis, operation))
        self._shares()
        for count in (1, max(WORKERS)):
            self._beats(count)
        for before, count in zip((0, *UNFINISHED), UNFINISHED, strict=False):
            self._unfinished(before, count)
        for name, cost in self._found.items():
            report.line(name, *(f"{1000 * each:.3f}" for each in (cost.wall, cost.postgres, cost.redis)))
        report.close()
        self._context.database.dispose()
        self._installation.rows("delete from operations; delete from models; delete from turns")
        self._context.redis.flushdb()
        return self._found

    def _measure(self, name: str, work: Callable[[], object]) -> None:
        """Do it for a while: the kernel counts CPU time in hundredths of a second."""
        work()
        before, began, rounds = self._cpu(), time.perf_counter(), 0
        while rounds < _LEAST_ROUNDS or time.perf_counter() < began + _SECONDS:
            work()
            rounds += 1
        wall, after = time.perf_counter() - began, self._cpu()
        postgres, redis = ((now - then) / rounds for now, then in zip(after, before, strict=True))
        self._found[name] = Cost(wall / rounds, postgres, redis)

    def _cpu(self) -> tuple[float, float]:
        processes = [self._postmaster, *self._postmaster.children()]
        info = self._context.redis.info("cpu")
        times = [process.cpu_times() for process in processes]
        return sum(each.user + each.system for each in times), info["used_cpu_user"] + info["used_cpu_sys"]

    def _begin(self) -> uuid.UUID:
        self._installation.rows(_UNFINISHED_SQL, 1, 1, 1, 1)
        [(operation,)] = self._installation.rows(
            "update operations set status = 'running' returning id::text"
        )
        return uuid.UUID(operation)

    def _shares(self) -> None:
        redis, ids = self._context.redis, [uuid.uuid4() for _ in range(2000)]
        for each in ids:
            bandwidth_shares.ask(redis, each, limit=10**9, want=None, held=0)
        each = itertools.cycle(ids)
        self._measure(
            f"a share of the bandwidth, {len(ids):,} downloads",
            lambda: bandwidth_shares.ask(redis, next(each), limit=10**9, want=None, held=10**5),
        )

    def _beats(self, count: int) -> None:
        redis = self._context.redis
        ram = Device(kind="cpu", name="x86_64", total_bytes=1 << 36, available_bytes=1 << 35)

        def beat(number: int = 0) -> None:
            presence.beat(redis, f"w{number}@bench", ["downloads"])
            fleet.note(redis, Machine(f"w{number}@bench", (ram,)))

        for number in range(count):
            beat(number)
        self._measure(f"a worker's word that it lives, beside {count:,}", beat)

    def _unfinished(self, before: int, count: int) -> None:
        if count > before:
            # From 2 on: the first one is the operation that beats.
            self._installation.rows(_UNFINISHED_SQL, before + 2, count + 1, before + 2, count + 1)
            self._installation.rows("analyze operations")
        app = Celery("bench")
        app.conf.update(celery_options(self._installation.settings))
        sweeper = Sweeper(self._context, app, worker="sweeper@bench", queues=["control"])
        self._measure(f"a round of the sweep, {count:,} unfinished", sweeper._heal)
        self._measure(f"a look at the volume, {count:,} unfinished", lambda: note_volume(self._context))


def _watch(installation: Fleet) -> None:
    """What a worker service asks for while it waits, and what a running download adds to that."""
    report = results.Report("unit-rates", results.SCALING)
    report.head(
        "per second", "transactions of Postgres", "commands of Redis", "connections", "clients of Redis"
    )
    nobody = _rates(installation)
    installation.start_worker("downloads", "downloads", at_a_time=AT_A_TIME)
    waits = _rates(installation)
    model = installation.api.register("bench/slow")
    installation.api.call("POST", f"/api/models/{model}/download")
    installation.api.wait_status(model, "Downloading")
    runs = _rates(installation)
    for name, now, before in (
        ("a worker service that waits", waits, nobody),
        ("one running download more", runs, waits),
    ):
        more = [after - earlier for after, earlier in zip(now, before, strict=True)]
        report.line(name, f"{more[0]:.2f}", f"{more[1]:.1f}", f"{more[2]:.0f}", f"{more[3]:.0f}")
    report.close()
    results.keep("unit", "rates", {"nobody": nobody, "waits": waits, "runs": runs})
    installation.api.call("POST", f"/api/models/{model}/cancel-download", {"purge": True})


def _rates(installation: Fleet) -> tuple[float, float, int, int]:
    redis = installation.redis

    def counts() -> tuple[float, float, float]:
        [(transactions,)] = installation.rows(
            "select sum(xact_commit + xact_rollback) from pg_stat_database where datname = current_database()"
        )
        stats: dict[str, Any] = redis.info("commandstats")
        asked = sum(each["calls"] for name, each in stats.items() if name not in ("cmdstat_info",))
        return time.monotonic(), float(transactions), float(asked)

    time.sleep(12)  # Postgres's processes hand in their counts within 10 s
    began, transactions, asked = counts()
    time.sleep(_WINDOW + 12)
    ended, transactions_then, asked_then = counts()
    seconds = ended - began
    [(connections,)] = installation.rows(
        "select count(*) from pg_stat_activity where application_name = 'weighbridge'"
    )
    clients = int(redis.info("clients")["connected_clients"])
    return (
        (transactions_then - transactions) / seconds,
        (asked_then - asked) / seconds,
        int(connections),
        clients,
    )


def _calculate(costs: dict[str, Cost]) -> None:
    """What so many workers ask of both stores, from the single costs and the defaults of the settings."""
    report = results.Report("unit-fleet", results.SCALING)
    report.head(
        f"{AT_A_TIME} downloads run on each, {WAITING} wait for each",
        *(f"{count:,} workers" for count in WORKERS),
    )
    loads = [_load(costs, count) for count in WORKERS]
    for name in loads[0]:
        report.line(name, *(load[name] for load in loads))
    report.close()


def _load(costs: dict[str, Cost], workers: int) -> dict[str, str]:
    lease, period = 30, 5
    running, unfinished = workers * AT_A_TIME, workers * (AT_A_TIME + WAITING)
    beats, words, rounds = running * 6 / lease, workers / period, 1 / (period * ROUND)
    looks = running * SAMPLES_PER_SECOND * (LOOKS - 1)
    samples = running * SAMPLES_PER_SECOND

    def of_size(name: str, store: str) -> float:
        known = {count: getattr(costs[f"{name}, {count:,} unfinished"], store) for count in UNFINISHED}
        return _between(known, unfinished)

    share = next(cost for name, cost in costs.items() if name.startswith("a share"))
    word = costs[f"a worker's word that it lives, beside {max(WORKERS):,}"]
    alone = costs["a worker's word that it lives, beside 1"]
    living = alone.redis + (word.redis - alone.redis) * workers / max(WORKERS)
    early = costs["a turn asked for too early"].postgres
    heartbeat = costs["a heartbeat of a running operation"].postgres
    both = of_size("a round of the sweep", "postgres") + of_size("a look at the volume", "postgres")
    redis = (
        samples * costs["a progress"].redis
        + looks * costs["a look for the wish to cancel"].redis
        + words * living
        + rounds * of_size("a round of the sweep", "redis")
    )
    return {
        "heartbeats (writes of Postgres) per second": f"{beats:,.0f}",
        "other transactions of Postgres per second": f"{words * 4:,.0f}",
        "cores of Postgres: heartbeats": f"{beats * heartbeat:.2f}",
        "cores of Postgres: who asks for a turn": f"{words * 4 * early:.2f}",
        "cores of Postgres: sweeps and looks, in turns": f"{rounds * both:.2f}",
        "the same if every worker did its own": f"{words * both:.2f}",
        "commands of Redis per second": f"{samples * 2 + looks + words * 4:,.0f}",
        "cores of Redis (it has one)": f"{redis:.2f}",
        "the same with a limit of the fleet": f"{redis + samples * share.redis:.2f}",
    }


def _between(known: dict[int, float], wanted: int) -> float:
    """A straight line through the two known sizes around the one that is wanted, or the last two."""
    sizes = sorted(known)
    upper = next((number for number, size in enumerate(sizes) if size >= wanted and number), len(sizes) - 1)
    low, high = sizes[upper - 1], sizes[upper]
    return known[low] + (known[high] - known[low]) * (wanted - low) / (high - low)
