"""A cancel is heard wherever the download stands; nothing is published, and what came is kept (F9)."""

import socket
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from api_service import create_app
from tests.conftest import Api, Servers, make_settings
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import HubServer
from tests.stack import wait_for

SIZE = 10 * MB
# Seconds. A quiet machine needs less than one; docs/reliability.md has what was measured.
PROMPT = 3
WITHOUT_REDIS = 20
Noted = Callable[..., None]


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    """With one worker process for downloads."""
    with HubServer() as hub, annex(servers, tmp_path_factory.mktemp("cancel"), hub) as found:
        found.start_crashing("downloads", "downloads", 1)
        found.start_worker("control", "control", 1)
        found.wait_ready("downloads")
        found.wait_ready("control")
        yield found


@pytest.fixture(autouse=True)
def _the_hub_behaves(house: Annex) -> Iterator[None]:
    yield
    house.calm_hub()


def _cancel(one: Wanted, cancel: Callable[[], int], most: float) -> float:
    """Cancel; the seconds until everybody sees it."""
    began = monotonic()
    assert cancel() == 202
    one.house.wait_status(one.model, "Canceled", seconds=max(30.0, 2 * most))
    return monotonic() - began


def _asked(one: Wanted) -> Callable[[], int]:
    return lambda: one.house.cancel(one.model).status_code


def _nothing_is_published(one: Wanted) -> bool:
    repo = one.model["hfRepo"].replace("/", "--")
    return not any(repo in name for name in one.house.published())


def _resumes(one: Wanted, kept: int) -> None:
    """What came before the cancel is not fetched again."""
    one.house.calm_hub()
    asked = len(one.house.hub.requests)
    one.house.download(one.model)
    done = one.house.wait_status(one.model, "Downloaded", "Failed")
    assert (done["status"], done["bytesReused"]) == ("Downloaded", kept)
    assert one.served_since(asked) == SIZE - kept
    assert one.is_right()


def test_a_download_that_waits_its_turn_is_canceled(house: Annex, noted: Noted) -> None:
    house.hold_bodies(MB)
    running, waiting = house.new(SIZE, downloadNow=True), house.new(SIZE)
    wait_for("the only process to be busy", lambda: running.row["bytes_done"] == MB)
    house.download(waiting.model)
    assert waiting.is_("pending")
    seconds = _cancel(waiting, _asked(waiting), PROMPT)
    noted("F9", "cancel while it waits its turn", injected=1, operations=1, cancel_seconds=round(seconds, 2))
    assert seconds < PROMPT
    assert waiting.row["attempt"] == 0
    _cancel(running, _asked(running), PROMPT)
    _resumes(running, MB)


@pytest.mark.parametrize("percent", [1, 99])
def test_a_download_is_canceled_at_its_begin_and_at_its_end(house: Annex, percent: int, noted: Noted) -> None:
    kept = SIZE * percent // 100
    house.hold_bodies(kept)
    one = house.new(SIZE, downloadNow=True)
    wait_for(f"{percent} percent", lambda: house.status(one.model)["bytesDownloaded"] == kept)
    seconds = _cancel(one, _asked(one), PROMPT)
    noted("F9", f"cancel at {percent} %", injected=1, operations=1, cancel_seconds=round(seconds, 2))
    assert seconds < PROMPT
    assert _nothing_is_published(one)
    assert house.status(one.model)["bytesDownloaded"] == kept
    _resumes(one, kept)


def test_a_download_is_canceled_while_its_checksum_is_taken(house: Annex, noted: Noted) -> None:
    one = house.new(SIZE)
    # A slow disk: reading ten blocks takes two seconds.
    house.arm(one.model, at="worker_service.transfer.partial:Partial.read", how="slow")
    house.download(one.model)
    wait_for("the checksum", lambda: house.status(one.model)["phase"] == "verifying")
    seconds = _cancel(one, _asked(one), PROMPT)
    noted("F9", "cancel while hashing", injected=1, operations=1, cancel_seconds=round(seconds, 2))
    assert seconds < PROMPT
    assert _nothing_is_published(one)
    house.disarm(one.model)
    _resumes(one, SIZE)


@pytest.mark.parametrize(
    ("wait", "status"), [(30, "Downloading"), (3600, "Pending")], ids=["half a minute", "an hour"]
)
def test_a_download_is_canceled_while_the_hub_makes_it_wait(
    house: Annex, wait: int, status: str, noted: Noted
) -> None:
    one = house.new(SIZE)
    path = f"{one.model['hfRepo']}/*"
    refusal = house.hub.fault("status", path, status=429, retry_after=wait, times=None)
    house.download(one.model)
    wait_for("the refusal", lambda: refusal.fired and house.status(one.model)["status"] == status)
    seconds = _cancel(one, _asked(one), PROMPT)
    noted(
        "F9", f"cancel while Retry-After: {wait}", injected=1, operations=1, cancel_seconds=round(seconds, 2)
    )
    assert seconds < PROMPT
    assert _nothing_is_published(one)
    _resumes(one, 0)


def test_a_cancel_arrives_by_the_rows_where_redis_is_away(house: Annex, noted: Noted) -> None:
    house.hold_bodies(MB)
    one = house.new(SIZE, downloadNow=True)
    wait_for("some bytes", lambda: house.status(one.model)["bytesDownloaded"] == MB)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    app = create_app(make_settings(**house.env | {"REDIS_URL": nobody}))
    api, path = Api(app.test_client()), f"/api/models/{one.model['id']}/cancel-download"
    seconds = _cancel(one, lambda: api.post(path).status_code, WITHOUT_REDIS)
    app.extensions["weighbridge"].database.dispose()
    noted("F9", "cancel without Redis", injected=1, operations=1, cancel_seconds=round(seconds, 2))
    assert seconds < WITHOUT_REDIS
    assert _nothing_is_published(one)
    _resumes(one, MB)
