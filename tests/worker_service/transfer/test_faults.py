import time

import pytest

from shared.errors import (
    ChecksumMismatch,
    DownloadFailed,
    DownloadStalled,
    FileNotFound,
    HubRateLimited,
    HubUnavailable,
    UnusableAnswer,
)
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import HASTY, PIECE, REPO, Workshop, some_bytes

CONTENT = some_bytes(6 * PIECE + 1)
SMALL = some_bytes(20_000, seed=3)
FILES = {"model.safetensors": CONTENT, "vocab.json": SMALL}


@pytest.fixture(autouse=True)
def _repo(hub: HubServer) -> None:
    hub.add_repo(REPO, FILES)


def arrives(shop: Workshop, **options) -> None:
    manifest = shop.manifest()
    shop.fetch(manifest, **options)
    assert {path: shop.content(manifest, path) for path in FILES} == FILES


PASSING = {
    # More often than a file may fail that gains nothing; a small one, fetched whole, gains nothing by a part.
    "cut": {"kind": "cut", "path_glob": "model*", "after_bytes": 5000, "times": 4},
    "reset": {"kind": "cut", "path_glob": "model*", "after_bytes": 5000, "times": 4, "reset": True},
    "cut-small": {"kind": "cut", "path_glob": "vocab*", "after_bytes": 5000, "times": 2},
    "reset-small": {"kind": "cut", "path_glob": "vocab*", "after_bytes": 5000, "times": 2, "reset": True},
    "cut-before-the-answer": {"kind": "cut", "after_bytes": -1, "times": 2},
    "stall": {"kind": "stall", "after_bytes": 5000, "times": 2},
    "unavailable": {"kind": "status", "status": 503, "times": 2},
    "unavailable-for-a-second": {"kind": "status", "status": 503, "retry_after": 1},
    "rate-limited-for-a-second": {"kind": "status", "status": 429, "retry_after": 1},
    "internal-error": {"kind": "status", "status": 500, "times": 2},
    "announces-more": {"kind": "wrong_length", "delta": 1, "times": 2},
    "announces-less": {"kind": "wrong_length", "delta": -1, "times": 2},
    "other-range": {"kind": "wrong_content_range", "times": 2, "where": "cdn"},
    "ignores-ranges-once": {"kind": "range_ignored"},
    "ignores-ranges-always": {"kind": "range_ignored", "times": None},
    "flips-a-bit-once": {"kind": "wrong_bytes", "offset": 1000},
    "late-bit": {"kind": "wrong_bytes", "offset": 5 * PIECE, "path_glob": "model*"},
    "slow": {"kind": "slow", "bytes_per_second": 3e6, "times": 4},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_survived(hub: HubServer, shop: Workshop, fault: dict) -> None:
    armed = hub.fault(**fault)
    arrives(shop)
    assert armed.fired


def test_ranges_ignored_and_cut_again_and_again_still_end(hub: HubServer, shop: Workshop) -> None:
    hub.fault("range_ignored", times=None)
    for after in (PIECE, 2 * PIECE, 3 * PIECE, 4 * PIECE):
        hub.fault("cut", "model*", after_bytes=after)
    arrives(shop)


def test_after_a_cut_only_what_is_missing_is_fetched(hub: HubServer, shop: Workshop) -> None:
    hub.fault("cut", "model*", after_bytes=PIECE // 2, times=3)
    arrives(shop)
    assert hub.bytes_served("model*") == len(CONTENT)


def test_what_the_hub_asks_to_wait_is_waited(hub: HubServer, shop: Workshop) -> None:
    hub.fault("status", status=429, retry_after=1)
    began = time.monotonic()
    arrives(shop)
    assert 1 <= time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("status", "error"), [(429, HubRateLimited), (503, HubUnavailable)], ids=["rate limit", "unavailable"]
)
def test_a_longer_wait_is_left_to_the_caller(hub: HubServer, shop: Workshop, status: int, error) -> None:
    hub.fault("status", status=status, retry_after=86400, times=None)
    with pytest.raises(error) as caught:
        shop.fetch()
    assert caught.value.facts["retry_after"] == 86400


def test_addresses_that_expire_are_resolved_again(hub: HubServer, shop: Workshop) -> None:
    hub.throttle, hub.url_seconds = 2e6, 0.2
    arrives(shop, connections=2)
    asked = [r for r in hub.requests if r.where == "resolve" and r.file == "model.safetensors"]
    assert len(asked) > 1


def test_an_address_is_resolved_once_for_all_connections(hub: HubServer, shop: Workshop) -> None:
    shop.fetch()
    asked = [r for r in hub.requests if r.where == "resolve" and r.file == "model.safetensors"]
    assert len(asked) == 1


def test_bytes_that_are_always_wrong_are_never_published(hub: HubServer, shop: Workshop) -> None:
    hub.fault("wrong_bytes", "model*", offset=PIECE, times=None)
    manifest = shop.manifest(model_file="model.safetensors")
    with pytest.raises(ChecksumMismatch):
        shop.fetch(manifest)
    assert shop.published() == []
    assert not (shop.cache / ".weighbridge").exists()
    assert hub.bytes_served("model*") == 2 * len(CONTENT)


def test_bytes_of_a_small_file_that_are_always_wrong_are_never_published(
    hub: HubServer, shop: Workshop
) -> None:
    hub.fault("wrong_bytes", "vocab*", offset=7, times=None)
    with pytest.raises(ChecksumMismatch):
        shop.fetch(shop.manifest(model_file="vocab.json"))
    assert shop.published() == []


def test_wrong_bytes_are_dropped_from_what_is_done(hub: HubServer, shop: Workshop) -> None:
    hub.fault("wrong_bytes", "model*", offset=PIECE)
    snapshot = shop.fetch().snapshot()
    assert snapshot.bytes_done == snapshot.bytes_total
    assert snapshot.bytes_reused == 0


def test_a_file_that_has_changed_is_refused(hub: HubServer, shop: Workshop) -> None:
    hub.fault("wrong_etag", times=None, where="resolve")
    with pytest.raises(UnusableAnswer, match="has changed"):
        shop.fetch()
    assert shop.published() == []


def test_the_stores_own_etag_is_its_own_business(hub: HubServer, shop: Workshop) -> None:
    hub.opaque_cdn_etags = True
    arrives(shop)


LASTING = {
    "cut": ({"kind": "cut", "after_bytes": 0}, HubUnavailable | DownloadFailed),
    "stall": ({"kind": "stall"}, DownloadStalled),
    "hold": ({"kind": "hold"}, DownloadStalled),
    "unavailable": ({"kind": "status", "status": 503}, HubUnavailable),
    "rate limit": ({"kind": "status", "status": 429}, HubRateLimited),
    "gone from the store": ({"kind": "status", "status": 404, "where": "cdn"}, DownloadFailed),
    "not in the repository": ({"kind": "status", "status": 404, "where": "resolve"}, FileNotFound),
    "announces more": ({"kind": "wrong_length"}, DownloadFailed),
    "other range": ({"kind": "wrong_content_range", "delta": 1, "where": "cdn"}, DownloadFailed),
    "range not satisfiable": ({"kind": "status", "status": 416, "where": "cdn"}, UnusableAnswer),
    "teapot": ({"kind": "status", "status": 418}, HubUnavailable),
}


@pytest.mark.parametrize(("fault", "error"), LASTING.values(), ids=LASTING)
def test_a_fault_that_lasts_ends_the_transfer_with_its_name(
    hub: HubServer, shop: Workshop, fault: dict, error
) -> None:
    hub.fault(**fault, times=None, path_glob="model*")
    kinds = error.__args__ if hasattr(error, "__args__") else error
    with pytest.raises(kinds):
        shop.fetch(shop.manifest(model_file="model.safetensors"))
    assert shop.published() == []


def test_a_transfer_that_brought_nothing_takes_no_room(hub: HubServer, shop: Workshop) -> None:
    hub.fault("status", status=404, times=None, path_glob="model*")
    with pytest.raises(FileNotFound):
        shop.fetch(shop.manifest(model_file="model.safetensors"))
    assert list((shop.cache / ".weighbridge").rglob("*")) == []


def test_a_hub_that_is_away_is_unavailable(hub: HubServer, shop: Workshop) -> None:
    manifest = shop.manifest()
    hub.close()
    with pytest.raises(HubUnavailable, match="refused"):
        shop.fetch(manifest)


@pytest.mark.parametrize(
    "target",
    [
        "/owner/name/resolve/main/model.safetensors",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://",
        "http://[",
    ],
    ids=["circle", "ftp", "file", "no host", "no address"],
)
def test_a_redirect_that_leads_nowhere_is_refused(hub: HubServer, shop: Workshop, target: str) -> None:
    hub.fault("status", status=302, headers={"Location": target}, times=None)
    with pytest.raises(DownloadFailed):
        shop.fetch()


def test_kept_connections_that_the_server_ends_cost_no_failure(hub: HubServer, shop: Workshop) -> None:
    many = {f"{n}.json": some_bytes(100, seed=n) for n in range(40)}
    hub.add_repo(REPO, many)
    hub.fault("cut", "1*.json", after_bytes=-1, times=3)
    shop.fetch(patience=HASTY)
