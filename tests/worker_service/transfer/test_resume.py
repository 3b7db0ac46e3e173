import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub.utils import WeakFileLock

from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import partial_bytes, purge_partials
from worker_service.transfer.partial import partials_folder

ROOT = Path(__file__).parents[3]
CONTENT = some_bytes(12 * PIECE + 5)
CHILD = """
import sys
from pathlib import Path
from shared.hub import Hub
from shared.manifests import freeze
from worker_service.transfer import Transfer
url, cache = sys.argv[1:]
manifest = freeze(Hub(url, None, False), repo="owner/name", revision="main")
Transfer(manifest, cache_dir=Path(cache), endpoint=url, token=None, connections=4, piece_bytes=1 << 20).run()
"""


@pytest.fixture
def oid(hub: HubServer, shop: Workshop) -> str:
    hub.add_repo(REPO, {"model.safetensors": CONTENT})
    return shop.manifest().files[0].oid


def test_after_a_stop_only_what_is_missing_is_fetched(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 4e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > 3 * PIECE)
    run.stop()
    kept = partial_bytes(shop.cache, [oid])
    hub.reset()
    hub.throttle = None
    snapshot = shop.fetch().snapshot()
    assert kept > 3 * PIECE
    assert hub.bytes_served() == len(CONTENT) - kept
    assert snapshot.bytes_reused == kept
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_a_resumed_transfer_says_at_once_what_is_there(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 4e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > 3 * PIECE)
    run.stop()
    kept = partial_bytes(shop.cache, [oid])
    hub.fault("hold", times=None)
    second = background(shop.transfer())
    second.until(lambda: second.transfer.snapshot().bytes_done == kept)
    assert second.transfer.snapshot().bytes_reused == kept


def test_after_a_kill_only_what_is_missing_is_fetched(hub: HubServer, shop: Workshop, oid: str) -> None:
    hub.throttle = 3e6
    for goal in (2 * PIECE, 5 * PIECE, 8 * PIECE):
        child = subprocess.Popen([sys.executable, "-c", CHILD, hub.url, str(shop.cache)], cwd=ROOT)
        deadline = time.monotonic() + 15
        while partial_bytes(shop.cache, [oid]) < goal and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    kept = partial_bytes(shop.cache, [oid])
    hub.reset()
    hub.throttle = None
    shop.fetch()
    assert kept >= 8 * PIECE
    assert hub.bytes_served() == len(CONTENT) - kept
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_a_transfer_killed_before_its_publication_fetches_nothing_again(
    hub: HubServer, shop: Workshop, oid: str
) -> None:
    class Killed(Exception):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        shop.fetch(still_mine=die)
    hub.reset()
    shop.fetch()
    assert hub.bytes_served() == 0
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.write_bytes(b""),
        lambda state: state.write_bytes(state.read_bytes()[:-3]),
        lambda state: state.write_bytes(b"x" + state.read_bytes()[1:]),
        lambda state: state.write_bytes(state.read_bytes()[:-4] + b"\xff\xff\xff\xff"),
        lambda state: state.unlink(),
        lambda state: state.with_suffix(".part").write_bytes(b"too short"),
        lambda state: state.with_suffix(".part").unlink(),
    ],
    ids=["empty", "torn", "foreign", "impossible", "gone", "part-cut", "part-gone"],
)
def test_a_damaged_half_file_is_begun_anew(
    hub: HubServer, shop: Workshop, background, oid: str, damage
) -> None:
    hub.throttle = 8e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > PIECE)
    run.stop()
    damage(partials_folder(shop.cache) / f"{oid}.state")
    hub.reset()
    hub.throttle = None
    shop.fetch()
    assert hub.bytes_served() == len(CONTENT)
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_kept_bytes_that_are_wrong_are_fetched_again(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 8e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > PIECE)
    run.stop()
    with (partials_folder(shop.cache) / f"{oid}.part").open("r+b") as file:
        file.write(b"power loss")
    hub.throttle = None
    shop.fetch()
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_purging_removes_what_was_kept(hub: HubServer, shop: Workshop, background, oid: str) -> None:
    hub.throttle = 8e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > PIECE)
    run.stop()
    assert purge_partials(shop.cache, [oid]) >= PIECE
    assert partial_bytes(shop.cache, [oid]) == 0
    assert not (shop.cache / ".weighbridge").exists()


def test_purging_leaves_a_running_transfer_alone(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 8e6
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().bytes_done > PIECE)
    assert purge_partials(shop.cache, [oid]) == 0
    assert run.end() is None
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_two_transfers_of_one_blob_fetch_it_once(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 8e6
    runs = [background(shop.transfer()) for _ in range(2)]
    assert [run.end() for run in runs] == [None, None]
    assert hub.bytes_served() == len(CONTENT)
    assert sum(run.transfer.snapshot().bytes_reused for run in runs) == len(CONTENT)


def test_two_repositories_with_one_blob_do_not_disturb_each_other(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.add_repo("other/copy", {"renamed.safetensors": CONTENT})
    hub.throttle = 8e6
    runs = [background(shop.transfer(shop.manifest(repo=repo))) for repo in (REPO, "other/copy")]
    assert [run.end() for run in runs] == [None, None]
    manifest = shop.manifest(repo="other/copy")
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT
    assert shop.content(manifest, "renamed.safetensors") == CONTENT


def test_a_blob_that_the_standard_client_writes_is_not_published_over(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    lock = shop.cache / ".locks" / "models--owner--name" / f"{oid}.lock"
    lock.parent.mkdir(parents=True)
    with WeakFileLock(lock):
        run = background(shop.transfer())
        run.until(lambda: run.transfer.snapshot().phase == "verifying")
        time.sleep(0.2)
        assert shop.published() == []
    assert run.end() is None
    assert shop.content(shop.manifest(), "model.safetensors") == CONTENT


def test_one_who_waits_for_another_transfer_can_be_stopped(
    hub: HubServer, shop: Workshop, background, oid: str
) -> None:
    hub.throttle = 2e6
    first = background(shop.transfer())
    first.until(lambda: first.transfer.snapshot().bytes_done > 0)
    second = background(shop.transfer())
    time.sleep(0.1)
    assert second.stop() < 0.3
    assert first.end() is None
