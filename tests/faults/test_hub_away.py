"""The Hub misbehaves, seen through the whole service: code, remedy and state that a person reads (F13).

What the protocol does with each fault stands in tests/worker_service/transfer; here a sample goes end to end.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Servers
from tests.faults.annex import MB, Annex, Wanted, annex
from tests.hub_server import Fault, HubServer
from tests.stack import wait_for

SIZE = 2 * MB
TOKEN = "hf_FaultCanary0123456789"
HOUR = 3600
Noted = Callable[..., None]
# Ports of nobody and of the store, known only when the test runs.
NOBODY, STORE = "nobody:1", "store:1"


@dataclass(frozen=True)
class Lasting:
    """A fault that does not end, and what is shown: Failed, or Pending until the next attempt."""

    fault: Fault
    code: str
    status: str
    says: str


def _redirect(to: str, where: str) -> Fault:
    return Fault("status", status=302, where=where, headers={"Location": to})


def _status(status: int, where: str, **more: Any) -> Fault:
    return Fault("status", status=status, where=where, **more)


LASTING = {
    "it leads to an unknown name": Lasting(
        _redirect("http://no-such-host.invalid/api", "api"), "HUB_UNAVAILABLE", "Pending", "(DNS)"
    ),
    "it leads to one without TLS": Lasting(
        _redirect(f"https://{STORE}/api", "api"), "HUB_UNAVAILABLE", "Pending", "TLS"
    ),
    "its listing is down": Lasting(_status(503, "api"), "HUB_UNAVAILABLE", "Pending", "503"),
    "it wants us back in two hours": Lasting(
        _status(429, "api", retry_after=2 * HOUR), "HUB_RATE_LIMITED", "Pending", "slow down"
    ),
    "it bars the token": Lasting(_status(403, "api"), "LICENSE_NOT_ACCEPTED", "Failed", "may not read"),
    "it does not know the token": Lasting(_status(401, "resolve"), "INVALID_HF_TOKEN", "Failed", "token"),
    "it has lost the file": Lasting(_status(404, "resolve"), "FILE_NOT_FOUND", "Failed", "file.gguf"),
    "its bytes are always wrong": Lasting(
        Fault("wrong_bytes", where="cdn"), "CHECKSUM_MISMATCH", "Failed", "are not those"
    ),
    "it hands out another file": Lasting(
        Fault("wrong_etag", where="resolve"), "DOWNLOAD_FAILED", "Failed", "has changed"
    ),
}
# A quarter of a minute passes before an attempt gives its store up.
LONG_ONLY = {
    "its store refuses connections": Lasting(
        _redirect(f"http://{NOBODY}/blob", "resolve"), "HUB_UNAVAILABLE", "Pending", "Connection refused"
    ),
    "its store has an unknown name": Lasting(
        _redirect("http://no-such-host.invalid/blob", "resolve"), "HUB_UNAVAILABLE", "Pending", "(DNS)"
    ),
}
ALL = LASTING | LONG_ONLY


@dataclass
class Told:
    """A download that a fault struck: its status in the API, and its row, after the first attempt."""

    wanted: Wanted
    status: dict[str, Any] = field(default_factory=dict)
    row: dict[str, Any] = field(default_factory=dict)

    def look(self) -> bool:
        """Whether the first attempt has failed."""
        if not self.row and self.wanted.row["error"]:
            self.status, self.row = self.wanted.house.status(self.wanted.model), self.wanted.row
        return bool(self.row)


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annex]:
    with HubServer() as hub, annex(servers, tmp_path_factory.mktemp("hub"), hub, HF_TOKEN=TOKEN) as found:
        hub.add_token(TOKEN, "*")
        found.start_worker("downloads", "downloads", 6)
        found.wait_ready("downloads")
        yield found
        # One of the tests replaces it.
        found.hub.close()


@pytest.fixture(scope="module")
def told(house: Annex, is_long: bool) -> dict[str, Told]:
    """Every lasting fault at once, each for a repository of its own."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        faults = ALL if is_long else LASTING
        found = {name: _strike(house, lasting.fault, nobody) for name, lasting in faults.items()}
        wait_for(
            "all to have failed", lambda: not [one for one in found.values() if not one.look()], seconds=90
        )
    for one in found.values():
        house.cancel(one.wanted.model)
    house.calm_hub()
    return found


def _strike(house: Annex, fault: Fault, nobody: socket.socket) -> Told:
    one = house.new(SIZE)
    repo, headers = one.model["hfRepo"], dict(fault.headers)
    if "Location" in headers:
        place = headers["Location"].replace(NOBODY, f"127.0.0.1:{nobody.getsockname()[1]}")
        headers["Location"] = place.replace(STORE, house.hub.cdn_url.removeprefix("http://"))
    path = f"/api/models/{repo}/*" if fault.where == "api" else f"{repo}/*"
    fields = vars(fault) | {"path_glob": path, "times": None, "headers": headers}
    house.hub.fault(Fault(**fields))
    house.download(one.model)
    return Told(one)


@pytest.mark.parametrize("name", ALL)
def test_a_fault_of_the_hub_is_told_with_code_remedy_and_state(
    house: Annex, told: dict[str, Told], name: str, noted: Noted
) -> None:
    if name not in told:
        pytest.skip("part of the long form")
    lasting, one = ALL[name], told[name]
    noted("F13", f"the Hub misbehaves: {name}", injected=1, operations=1, bytes_served=one.wanted.served)
    error = one.status["error"]
    assert (error["code"], one.status["status"], one.row["failures"]) == (lasting.code, lasting.status, 1)
    assert lasting.says in error["detail"]
    assert error["remedy"]
    assert (one.row["not_before"] is not None) == (lasting.status == "Pending")
    repo = one.wanted.model["hfRepo"].replace("/", "--")
    assert [path for path in house.published() if repo in path] == []


def test_a_wait_that_the_hub_asks_for_is_kept_within_bounds(told: dict[str, Told]) -> None:
    row = told["it wants us back in two hours"].row
    assert timedelta(minutes=5) < row["not_before"] - row["updated_at"] <= timedelta(hours=2)


def test_the_token_is_shown_to_nobody_but_the_hub(house: Annex, told: dict[str, Told]) -> None:
    assert not house.hub.authorization_at_cdn
    assert TOKEN not in house.log_text()
    assert not any(TOKEN in str(one.status) + str(one.row) for one in told.values())


def test_a_stall_is_shown_and_the_download_goes_on_after_it(house: Annex, noted: Noted) -> None:
    house.hold_bodies(MB)
    one = house.new(SIZE, downloadNow=True)
    stalled = wait_for("the stall to show", lambda: house.status(one.model)["stalledSeconds"])
    shown = house.status(one.model)
    house.calm_hub()
    done = house.wait_status(one.model, "Downloaded", "Failed", seconds=60)
    noted(
        "F13",
        "the Hub misbehaves: its bytes stop coming for a while",
        injected=1,
        operations=1,
        bytes_served=one.served,
    )
    assert stalled >= 2
    assert (shown["status"], shown["bytesDownloaded"]) == ("Downloading", MB)
    assert (done["status"], done["attempt"], done["stalledSeconds"]) == ("Downloaded", 1, 0)
    assert one.is_right()
    assert one.served == SIZE


def test_a_hub_that_is_gone_is_asked_again_until_it_is_back(house: Annex, noted: Noted) -> None:
    one, gone = house.new(SIZE), house.hub
    gone.close()
    house.download(one.model)
    first = wait_for("the first failure", lambda: one.row if one.row["error"] else None)
    second = wait_for(
        "the second", lambda: one.row if one.row["failures"] == 2 and one.row["error"] else None
    )
    shown = house.status(one.model)
    ports = [int(url.rpartition(":")[2]) for url in (gone.url, gone.cdn_url)]
    house.hub = HubServer("127.0.0.1", *ports)
    house.hub.repos, house.hub.tokens = gone.repos, gone.tokens
    done = house.wait_status(one.model, "Downloaded", "Failed", seconds=60)
    noted(
        "F13",
        "the Hub misbehaves: it is gone and comes back",
        injected=2,
        operations=1,
        bytes_served=one.served,
    )
    assert (shown["status"], shown["error"]["code"]) == ("Pending", "HUB_UNAVAILABLE")
    assert (first["status"], first["failures"], second["attempt"]) == ("pending", 1, 2)
    waits = [row["not_before"] - row["updated_at"] for row in (first, second)]
    assert timedelta(seconds=1) < waits[0] < waits[1]
    assert (done["status"], done["error"], one.row["failures"]) == ("Downloaded", None, 0)
    assert one.is_right()
