"""What lists, starts and looks cost as the tables grow, and the rows that other parts need."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from tests.bench import results
from tests.bench.hub import HubProcess, running_hub
from tests.bench.results import IS_SMALL
from tests.bench.service import Api, Service, running_service
from tests.bench.table import milliseconds, quantile
from tests.bench.transfer import volume

COUNTS = (100, 1000) if IS_SMALL else (100, 10_000, 100_000)
_LOOKS = 20 if IS_SMALL else 300
_STARTS = 5 if IS_SMALL else 40
FACTS = {
    "architecture": "Qwen3ForCausalLM",
    "family": "qwen3",
    "parameter_count": 596_049_920,
    "context_length": 40_960,
    "hidden_size": 1024,
    "layers": 28,
    "heads": 16,
    "kv_heads": 8,
    "vocabulary_size": 151_936,
    "license": "apache-2.0",
    "tags": ["text-generation", "conversational", "gguf"],
}
# As many operations as models: each was downloaded once.
_INSERT = """
insert into models (name, type, category, source, hf_repo, revision, is_active, is_default, download_status,
  downloaded, downloaded_at, commit_hash, local_path, file_size_bytes, checksum, facts)
select 'Filler ' || n, 'local', 'llm', 'huggingface', 'filler/model-' || n, 'main', true, false, 'Downloaded',
  true, now() - n * interval '1 hour', md5(n::text) || '00000000', '/models/filler-' || n,
  1000000::bigint * n, 'sha256:' || md5(n::text) || md5(n::text), %(facts)s::jsonb
from generate_series(%(first)s, %(last)s) n;
insert into operations (id, model_id, kind, status, attempt, phase, bytes_done, bytes_total, files_done,
  files_total, requested_by, created_at, started_at, finished_at)
select gen_random_uuid(), id, 'download', 'completed', 1, 'publishing', file_size_bytes, file_size_bytes, 1,
  1, 'bench', downloaded_at, downloaded_at, downloaded_at
from models m where hf_repo like 'filler/%%'
  and not exists (select from operations o where o.model_id = m.id);
"""


def fill(database_url: str, *, first: int, last: int) -> None:
    """Downloaded models `first` to `last`, each with the operation that brought it."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(_INSERT, {"facts": json.dumps(FACTS), "first": first, "last": last})
    cursor.execute("analyze models")
    cursor.execute("analyze operations")
    connection.close()


def main() -> None:
    """Print the table; about 3 minutes."""
    with volume() as folder, running_hub() as hub, running_service(hub.url, cache=folder / "hub") as service:
        found = []
        done = 0
        for count in COUNTS:
            fill(service.database_url, first=done + 1, last=count)
            done = count
            print(f"{count:,} models", file=sys.stderr, flush=True)
            found.append(_costs(service, hub, folder, count))
    results.keep("rows", "costs", {"counts": COUNTS, "costs": found})
    report = results.Report("rows")
    heads = (f"{count:,} models" for count in COUNTS)
    report.head("one caller, ms: median (95 %)", *heads, f"{COUNTS[-1]:,} / {COUNTS[0]}")
    for what in found[0]:
        medians = [quantile(costs[what], 0.5) for costs in found]
        cells = (milliseconds(costs[what]) for costs in found)
        report.line(what, *cells, f"{medians[-1] / medians[0]:.2f}")
    report.close()


def _costs(service: Service, hub: HubProcess, folder: Path, count: int) -> dict[str, list[float]]:
    api = service.api
    some = api.call("GET", "/api/models?pageSize=1")[0]["id"]
    paths = {
        "list of 50 models": "/api/models?pageSize=50",
        "the last page of 50": f"/api/models?pageSize=50&page={count // 50}",
        "search by a part of a name": "/api/models?pageSize=50&q=filler+99",
        "one model": f"/api/models/{some}",
        "one download-status": f"/api/models/{some}/download-status",
        "the queue": "/api/downloads/queue",
        "50 of the history": "/api/operations?pageSize=50",
    }
    found = {what: _times(lambda path=path: api.call("GET", path), _LOOKS) for what, path in paths.items()}
    return found | _starts(api, hub, folder, count)


def _starts(api: Api, hub: HubProcess, folder: Path, count: int) -> dict[str, list[float]]:
    """POST a download, then ask for its status until it is there."""
    starts, looks = [], []
    for number in range(_STARTS):
        repo = f"bench/rows-{count}-{number}"
        source = folder / repo
        source.mkdir(parents=True)
        (source / "config.json").write_text(repo)
        hub.add_repo(repo, source)
        model = api.register(repo)
        starts += _times(lambda model=model: api.call("POST", f"/api/models/{model}/download"), 1)
        seen: Any = {}
        while seen.get("status") not in ("Downloaded", "Failed"):
            began = time.perf_counter()
            seen = api.status(model)
            looks.append(time.perf_counter() - began)
            time.sleep(0.01)
    return {"start of a download": starts, "its status while it runs": looks}


def _times(work: Callable[[], object], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found
