"""What somebody on call sees of a download: one request id in both services' logs, and its metrics."""

import json
import os
import re

import requests

from tests.hub_server import Fault
from tests.stack import Stack, wait_for

MB = 1_000_000


def _scrape(url: str) -> dict[str, float]:
    answer = requests.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def _lines(stack: Stack, process: str) -> list[dict[str, object]]:
    text = (stack.logs / f"{process}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_id_of_the_request_stands_in_every_line_of_the_worker_about_its_download(stack: Stack) -> None:
    model = stack.register(stack.add_repo({"traced.bin": os.urandom(4 * MB)}), "traced.bin")
    # A line of one of the threads that fetch: they know what they work for, too.
    stack.hub.fault(Fault("cut", "traced.bin", after_bytes=MB))
    path = f"/api/models/{model['id']}/download"
    asked = stack.call("POST", path, headers={"X-Request-ID": f"on-call.{model['id']}"})
    operation = asked.json()["taskId"]
    stack.wait_status(model, "Downloaded")
    ours = [line for line in _lines(stack, "downloads") if line.get("operation") == operation]
    assert {"download started", "retrying", "download finished"} <= {line["event"] for line in ours}
    assert {line["request_id"] for line in ours} == {f"on-call.{model['id']}"}
    of_api = [line for line in _lines(stack, "api") if line.get("request_id") == f"on-call.{model['id']}"]
    assert [line["path"] for line in of_api if line["event"] == "request"] == [path]


def test_a_download_is_counted_by_the_worker_whose_children_do_it(stack: Stack) -> None:
    worker = f"http://127.0.0.1:{stack.metrics_ports['downloads']}"
    before = _scrape(worker)
    model = stack.register(stack.add_repo({"a.bin": os.urandom(12 * MB)}), "a.bin", downloadNow=True)
    stack.wait_status(model, "Downloaded")

    def gained(name: str) -> float:
        return _scrape(worker).get(name, 0) - before.get(name, 0)

    finished = 'weighbridge_operations_finished_total{code="",kind="download",outcome="completed"}'
    assert wait_for("the download to be counted", lambda: gained(finished)) == 1
    assert gained("weighbridge_download_received_bytes_total") == 12 * MB
    assert gained('weighbridge_hub_request_duration_seconds_count{kind="info",outcome="ok"}') == 1
    assert (
        gained("weighbridge_sweep_last_timestamp_seconds")
        >= 0
        < _scrape(worker)["weighbridge_sweep_last_timestamp_seconds"]
    )


def test_the_api_counts_over_its_processes_and_names_routes_not_paths(stack: Stack) -> None:
    model = stack.register(stack.add_repo({"a.bin": b"1"}), "a.bin")
    name = (
        "weighbridge_http_request_duration_seconds_count"
        '{method="GET",route="/api/models/<int:model_id>",status="200"}'
    )
    before = _scrape(stack.url).get(name, 0)
    for _ in range(20):  # a connection each: both processes answer some
        stack.get(f"/api/models/{model['id']}")
    found = _scrape(stack.url)
    assert found[name] - before == 20
    assert found['weighbridge_store_up{store="redis"}'] == 1
    assert found['weighbridge_workers{queue="downloads"}'] == 1
    assert not [one for one in found if re.search(rf"/{model['id']}\b|repo\d", one)]
