"""Asking can't be lost and can't be doubled: the row is the memory, a message only a nudge."""

import os
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import pytest
import requests
from celery import Celery
from werkzeug.test import TestResponse

from api_service import create_app
from shared.broker import celery_options
from shared.task_names import TASK_QUEUES, TaskName
from tests.conftest import Api, Servers, make_settings
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import HubServer
from tests.stack import wait_for

SIZE = 4 * MB
COPIES = 10
Noted = Callable[..., None]

# Where the process that answers a request dies, and whether what was asked for is lost with it.
API_STEPS = {
    "before the row is committed": ({"at": "shared.operations:_request", "when": "after"}, True),
    "between commit and claim": ({"at": "api_service.routes.downloads:announce"}, False),
    "between claim and nudge": ({"at": "api_service.dispatch:Dispatcher.enqueue"}, False),
}


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """With a worker, and beside the API of this process one that may die."""
    with HubServer() as hub, annex(servers, tmp_path_factory.mktemp("enqueue"), hub) as found:
        found.start_worker("downloads", "downloads", 2)
        yield found


@pytest.fixture(autouse=True)
def _the_hub_behaves(house: Annex) -> Iterator[None]:
    yield
    house.calm_hub()


@pytest.fixture(scope="module")
def mortal(house: Annex) -> Annex:
    """The same service, asked through a process that follows the plans."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("-b", address, "--workers", "1", "-k", "gthread", "--threads", "4", "--no-control-socket")
    house.start("api", "tests.faults.crashing", "gunicorn", "api_service.wsgi:app", *options)
    found = replace(house, url=f"http://{address}")
    wait_for("its API", lambda: _answers(found), seconds=60)
    return found


def _answers(house: Annex) -> bool:
    try:
        return house.call("GET", "/healthz").status_code == 200
    except requests.ConnectionError:
        return False


def _operations(house: Annex, one: Wanted) -> list[Any]:
    found: list[Any] = house.get(f"/api/operations?modelId={one.model['id']}")
    return found


def _starts(house: Annex, one: Wanted) -> int:
    """How often a worker has begun the last operation of a model."""
    id_ = str(one.row["id"])
    return sum(id_ in line and "download started" in line for line in house.log("downloads").splitlines())


@dataclass(frozen=True)
class Asked:
    """What was asked for while there was no broker, and what was answered in how many seconds."""

    started: TestResponse
    registered: TestResponse
    seconds: float


@pytest.fixture(scope="module")
def asked(house: Annex) -> Asked:
    """The same service, asked through an API whose broker does not exist."""
    one, repo = house.new(SIZE), house.add_repo({"new.gguf": os.urandom(SIZE)})
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    app = create_app(make_settings(**house.env | {"REDIS_URL": nobody}))
    api, began = Api(app.test_client()), monotonic()
    started = api.post(f"/api/models/{one.model['id']}/download")
    body = {"type": "local", "name": repo, "hfRepo": repo, "modelFile": "new.gguf", "downloadNow": True}
    registered = api.post("/api/models", body)
    seconds = monotonic() - began
    app.extensions["weighbridge"].database.dispose()
    return Asked(started, registered, seconds)


def test_a_process_that_dies_while_it_answers_loses_and_doubles_nothing(
    house: Annex, mortal: Annex, asked: Asked, rng: random.Random, noted: Noted
) -> None:
    # (`asked` is the next test's: both wait for the same sweep.)
    wanted = {step: house.new(SIZE) for step in API_STEPS}
    again = {}
    for step, (plan, _) in API_STEPS.items():
        one = wanted[step]
        house.arm(one.model, **plan, how=rng.choice(["exit", "kill"]))
        path, key = f"/api/models/{one.model['id']}/download", {"Idempotency-Key": step}
        with pytest.raises(requests.ConnectionError):
            mortal.call("POST", path, headers=key)
        written = len(_operations(house, one))
        wait_for("another process", lambda: _answers(mortal), seconds=60)
        # Who got no answer asks again, in the same words.
        again[step] = (written, mortal.call("POST", path, headers=key).status_code)
    for one in wanted.values():
        house.wait_status(one.model, "Downloaded", seconds=60)
    operations = sum(len(_operations(house, one)) for one in wanted.values())
    noted("enqueue", "the API dies before and after the commit", injected=len(wanted), operations=operations)
    assert again == {step: (0, 202) if is_lost else (1, 200) for step, (_, is_lost) in API_STEPS.items()}
    assert operations == len(wanted)
    assert all(one.served == SIZE and one.row["attempt"] == 1 and one.is_right() for one in wanted.values())


def test_without_a_broker_the_answer_is_the_same_and_the_download_begins_by_itself(
    house: Annex, asked: Asked, noted: Noted
) -> None:
    started, registered = asked.started.get_json(), asked.registered.get_json()
    assert (asked.started.status_code, started["status"]) == (202, "pending")
    assert (asked.registered.status_code, registered["downloadStatus"]) == (201, "Pending")
    done = [
        house.wait_status({"id": id_, "name": ""}, "Downloaded", seconds=60)
        for id_ in (started["modelId"], registered["id"])
    ]
    noted("enqueue", "no broker when it is asked for", injected=2, operations=2, answer_seconds=asked.seconds)
    assert [one["attempt"] for one in done] == [1, 1]
    assert asked.seconds < 10


@pytest.fixture
def bell(house: Annex) -> Iterator[Callable[[Wanted], None]]:
    """Send a model's message so many times more, and wait until a worker has looked at each."""
    app = Celery("bell", set_as_current=False)
    app.conf.update(celery_options(make_settings(**house.env)))

    def heard(id_: str) -> int:
        lines = house.log("downloads").splitlines()
        return sum(id_ in line and "nothing to do" in line for line in lines)

    def ring(one: Wanted) -> None:
        id_ = str(one.row["id"])
        before = heard(id_)
        for _ in range(COPIES):
            app.send_task(TaskName.DOWNLOAD, args=[id_], task_id=id_, queue=TASK_QUEUES[TaskName.DOWNLOAD])
        wait_for("all to be heard", lambda: heard(id_) >= before + COPIES)

    yield ring
    app.close()


def test_a_message_that_comes_ten_times_starts_one_run(
    house: Annex, bell: Callable[[Wanted], None], noted: Noted
) -> None:
    house.hold_bodies(MB)
    one = house.new(SIZE, downloadNow=True)
    wait_for("it to run", lambda: one.row["bytes_done"] == MB)
    bell(one)
    assert one.is_("running")
    house.calm_hub()
    house.wait_status(one.model, "Downloaded")
    noted("enqueue", "a message comes ten times", injected=COPIES, operations=1)
    assert (one.row["attempt"], _starts(house, one)) == (1, 1)
    assert one.served == SIZE
    assert one.is_right()


def test_a_message_that_comes_after_the_end_changes_nothing(
    house: Annex, bell: Callable[[Wanted], None], noted: Noted
) -> None:
    done, canceled, failed = house.new(SIZE, downloadNow=True), house.new(SIZE), house.new(SIZE)
    house.wait_status(done.model, "Downloaded")
    house.hub.fault("status", f"{failed.model['hfRepo']}/*", status=404, times=None, where="resolve")
    house.download(failed.model)
    house.wait_status(failed.model, "Failed")
    house.hub.clear_faults()
    house.hold_bodies(MB)
    house.download(canceled.model)
    wait_for("it to run", lambda: canceled.row["bytes_done"] == MB)
    house.cancel(canceled.model)
    house.wait_status(canceled.model, "Canceled")
    house.calm_hub()
    ended = [done, canceled, failed]
    rows, served = [one.row for one in ended], [one.served for one in ended]
    for one in ended:
        bell(one)
    noted("enqueue", "a message comes after the end", injected=COPIES * len(ended), operations=len(ended))
    assert [row["status"] for row in rows] == ["completed", "canceled", "failed"]
    assert [one.row for one in ended] == rows
    assert [one.served for one in ended] == served
    assert [_starts(house, one) for one in ended] == [1, 1, 1]
