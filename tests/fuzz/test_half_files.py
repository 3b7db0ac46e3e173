"""Half files and their sidecars: whatever a crash, a bad disk or a stranger has left of them."""

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.hub import RemoteFile
from tests.fuzz.form import fuzzed
from worker_service.transfer.halt import Halt
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import (
    Partial,
    allocated_bytes,
    bytes_to_take,
    half_files,
    kept_bytes,
    partials_folder,
    purge_partials,
)
from worker_service.transfer.source import HubFiles, Source
from worker_service.transfer.work import Job, Run, WorkQueue

OID = "a" * 64
SIZE, PIECE = 100, 16
_HEADER = struct.Struct("<8sIIQ64s")
_HEADERS = st.builds(
    _HEADER.pack,
    st.sampled_from([b"WBPART1\n", b"WBPART2\n", b""]),
    st.sampled_from([1, 1, 0, 2, 2**32 - 1]),
    st.sampled_from([PIECE, PIECE, 0, 1, 7, 2**32 - 1]),
    st.sampled_from([SIZE, SIZE, 0, 1, 2**40, 2**64 - 1]),
    st.sampled_from([OID.encode(), OID.encode(), b"b" * 64, b"a" * 40, b""]),
)
_COUNTERS = st.lists(st.sampled_from([0, 1, 4, 15, PIECE, 17, 2**32 - 1]), max_size=9).map(
    lambda counters: struct.pack(f"={len(counters)}I", *counters)
)
_RIGHT = st.builds(
    lambda counters: _HEADER.pack(b"WBPART1\n", 1, PIECE, SIZE, OID.encode()) + struct.pack("=7I", *counters),
    st.tuples(*[st.integers(0, PIECE)] * 6, st.integers(0, SIZE % PIECE)),
)
_SIDECARS = st.one_of(
    _RIGHT,
    st.builds(
        lambda header, counters, tail: header + counters + tail, _HEADERS, _COUNTERS, st.binary(max_size=3)
    ),
    st.binary(max_size=120),
    st.none(),
)
_PARTS = st.one_of(st.just(bytes(SIZE)), st.binary(max_size=150), st.none())


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    partials_folder(tmp_path).mkdir(parents=True)
    return tmp_path


def _leave(cache: Path, name: str, part: bytes | None, sidecar: bytes | None) -> None:
    for suffix, content in ((".part", part), (".state", sidecar)):
        path = (partials_folder(cache) / name).with_suffix(suffix)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)


def _missing(partial: Partial) -> int:
    return sum(end - start for start, end in partial.gaps())


@fuzzed(short=300, long=5_000)
@given(part=_PARTS, sidecar=_SIDECARS, other=st.tuples(_PARTS, _SIDECARS))
def test_whatever_was_left_is_taken_up_or_begun_anew(
    cache: Path, part: bytes | None, sidecar: bytes | None, other: tuple[bytes | None, bytes | None]
) -> None:
    _leave(cache, OID, part, sidecar)
    _leave(cache, f"{OID}~0badcafe", *other)
    assert half_files(cache) <= {OID}
    assert kept_bytes(cache, OID) >= 0
    assert bytes_to_take(cache, OID, SIZE) + allocated_bytes(cache, OID) >= SIZE
    partial = Partial(partials_folder(cache), OID, size=SIZE, piece_bytes=PIECE)
    assert 0 <= partial.held <= SIZE
    assert partial.held + _missing(partial) == SIZE
    assert partial.path.stat().st_size == SIZE
    assert partial.frontier() <= partial.held
    partial.remove()
    purge_partials(cache, [OID])
    partials_folder(cache).mkdir(parents=True, exist_ok=True)
    assert half_files(cache) == set()


_WRITES = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, 40)), max_size=40)


@fuzzed(short=200, long=3_000)
@given(writes=_WRITES, again=_WRITES)
def test_what_is_counted_as_written_is_there_also_after_it_was_opened_anew(
    cache: Path, writes: list[tuple[int, int]], again: list[tuple[int, int]]
) -> None:
    content = bytes(range(1, SIZE + 1))
    partial = Partial(partials_folder(cache), OID, size=SIZE, piece_bytes=PIECE)
    for round_ in (writes, again):
        for offset, count in round_:
            before, end = partial.held, min(offset + count, partial.piece_end(offset))
            gained = partial.write(offset, memoryview(content[offset:end]))
            assert partial.held == before + gained
        held, gaps = partial.held, partial.gaps()
        partial.close()
        partial = Partial(partials_folder(cache), OID, size=SIZE, piece_bytes=PIECE)
        assert (partial.held, partial.gaps()) == (held, gaps)
    found, spans = partial.path.read_bytes(), partial.gaps()
    assert all(
        found[place] == content[place] or any(start <= place < end for start, end in spans)
        for place in range(SIZE)
    )
    partial.remove()


@fuzzed(short=150, long=2_000)
@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60), st.booleans()), max_size=60),
    connections=st.integers(1, 20),
)
def test_runs_never_overlap_and_bring_every_byte_in_the_end(
    cache: Path, steps: list[tuple[int, int, bool]], connections: int
) -> None:
    job, queue = _queue(cache, connections)
    open_runs: list[Run] = []
    for which, count, is_new in steps:
        if is_new and job.gaps:
            open_runs.append(_take(queue))
        elif open_runs:
            run = open_runs[which % len(open_runs)]
            _pour(run, count)
            if run.is_over or not count:
                open_runs.remove(run)
                queue.finish(run)
        spans = sorted((run.position, run.end) for run in open_runs)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
    while job.gaps or open_runs:
        run = open_runs.pop() if open_runs else _take(queue)
        _pour(run, SIZE)
        queue.finish(run)
    assert job.partial
    assert job.partial.complete
    job.partial.remove()


def _queue(cache: Path, connections: int) -> tuple[Job, WorkQueue]:
    file = RemoteFile("m.gguf", SIZE, OID, True)
    hub = HubFiles(endpoint="http://127.0.0.1:9", token=None, repo="owner/name", commit="b" * 40)
    folder = partials_folder(cache)
    job = Job(file, names=1, source=Source(hub, file), lock=BlobLock(folder, OID))
    job.partial = Partial(folder, OID, size=SIZE, piece_bytes=PIECE)
    queue = WorkQueue([job], halt=Halt(), connections=connections, piece_bytes=PIECE)
    assert queue.take() is job
    queue.opened(job)
    return job, queue


def _take(queue: WorkQueue) -> Run:
    run = queue.take()
    assert isinstance(run, Run)
    return run


def _pour(run: Run, count: int) -> None:
    """As a fetching thread does: within a piece at a time."""
    partial = run.job.partial
    assert partial
    upto = min(run.position + count, run.end)
    while run.position < upto:
        end = min(upto, partial.piece_end(run.position))
        run.gained += partial.write(run.position, memoryview(bytes(end - run.position)))
        run.position = end
