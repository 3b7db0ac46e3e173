import signal
import threading
import time

import pytest

from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import Patience, TransferStopped, partial_bytes, verify

SOON = 0.5
PATIENT = Patience(read_timeout=30)


@pytest.fixture
def oid(hub: HubServer, shop: Workshop) -> str:
    hub.add_repo(REPO, {"model.safetensors": some_bytes(10 * PIECE)})
    return shop.manifest().files[0].oid


def test_a_transfer_stops_while_bytes_come_in(hub: HubServer, shop: Workshop, background, oid: str) -> None:
    hub.throttle = 1e6
    run = background(shop.transfer(patience=PATIENT))
    run.until(lambda: run.transfer.snapshot().bytes_done > 0)
    assert run.stop() < SOON
    assert partial_bytes(shop.cache, [oid]) == run.transfer.snapshot().bytes_done


def test_a_transfer_stops_while_its_connections_stall(
    hub: HubServer, shop: Workshop, background, oid
) -> None:
    fault = hub.fault("stall", times=None, where="cdn", after_bytes=1000)
    run = background(shop.transfer(patience=PATIENT))
    run.until(lambda: fault.fired >= 4)
    time.sleep(0.1)
    assert run.stop() < SOON


def test_a_transfer_stops_while_no_answer_comes(hub: HubServer, shop: Workshop, background, oid) -> None:
    fault = hub.fault("hold", times=None)
    run = background(shop.transfer(patience=PATIENT))
    run.until(lambda: fault.fired >= 1)
    assert run.stop() < SOON


def test_a_transfer_stops_while_it_waits_as_the_hub_asked(
    hub: HubServer, shop: Workshop, background, oid
) -> None:
    fault = hub.fault("status", status=429, retry_after=50, times=None)
    run = background(shop.transfer())
    run.until(lambda: fault.fired >= 1)
    time.sleep(0.1)
    assert run.stop() < SOON


def test_a_transfer_stops_while_it_hashes(
    hub: HubServer, shop: Workshop, background, oid, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow disk: no block of the hash before all bytes are there, and then each takes its time.
    has_seen = threading.Event()
    read = verify.Partial.read

    def slow_read(self, buffer, *, offset, upto):
        assert has_seen.wait(20)
        time.sleep(0.1)
        return read(self, buffer, offset=offset, upto=upto)

    monkeypatch.setattr(verify.Partial, "read", slow_read)
    run = background(shop.transfer())
    run.until(lambda: run.transfer.snapshot().phase == "verifying")
    has_seen.set()
    assert run.stop() < SOON
    assert partial_bytes(shop.cache, [oid]) == 10 * PIECE
    assert shop.published() == []


def test_a_transfer_stops_while_a_connection_is_made(hub: HubServer, shop: Workshop, background, oid) -> None:
    manifest = shop.manifest()
    # A full accept queue: the kernel leaves further connections unanswered.
    with socket_that_never_accepts() as url:
        shop.hub.url = url
        run = background(shop.transfer(manifest, patience=PATIENT))
        time.sleep(0.3)
        assert run.stop() < SOON


def test_a_transfer_stopped_before_it_runs_does_nothing(hub: HubServer, shop: Workshop, oid) -> None:
    transfer = shop.transfer()
    transfer.stop()
    with pytest.raises(TransferStopped):
        transfer.run()
    assert hub.bytes_served() == 0


def test_a_transfer_can_be_stopped_by_a_signal_handler(hub: HubServer, shop: Workshop, oid) -> None:
    hub.throttle = 1e6
    transfer = shop.transfer()
    before = signal.signal(signal.SIGUSR1, lambda *_: transfer.stop())
    try:
        threading.Timer(0.3, signal.raise_signal, [signal.SIGUSR1]).start()
        with pytest.raises(TransferStopped):
            transfer.run()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert shop.published() == []


def test_a_stall_shows_in_the_snapshot(hub: HubServer, shop: Workshop, background, oid) -> None:
    hub.fault("stall", times=None, where="cdn", after_bytes=1000)
    run = background(shop.transfer(patience=PATIENT))
    run.until(lambda: run.transfer.snapshot().bytes_done > 0)
    assert run.transfer.snapshot().stalled_seconds == 0
    run.until(lambda: run.transfer.snapshot().stalled_seconds >= 2)
    hub.clear_faults()
    hub.release()
    run.until(lambda: run.transfer.snapshot().stalled_seconds == 0)
    assert run.end() is None


def socket_that_never_accepts():
    import contextlib
    import socket

    @contextlib.contextmanager
    def opened():
        with socket.socket() as listener, contextlib.ExitStack() as fillers:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(3):
                filler = fillers.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"

    return opened()
