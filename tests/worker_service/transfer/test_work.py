import itertools
from pathlib import Path

import pytest

from shared.hub import RemoteFile
from tests.worker_service.transfer.conftest import PIECE
from worker_service.transfer.halt import Halt
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import Partial
from worker_service.transfer.source import HubFiles, Source
from worker_service.transfer.work import Job, Run, WorkQueue

PIECES = 40


@pytest.fixture
def job(tmp_path: Path):
    file = RemoteFile("model.bin", PIECES * PIECE, "a" * 64, True)
    hub = HubFiles(endpoint="http://127.0.0.1:9", token=None, repo="owner/name", commit="b" * 40)
    job = Job(file, names=1, source=Source(hub, file), lock=BlobLock(tmp_path, file.oid))
    job.partial = Partial(tmp_path, file.oid, size=file.size, piece_bytes=PIECE)
    yield job
    job.partial.remove()


@pytest.fixture
def queue(job: Job) -> WorkQueue:
    queue = WorkQueue([job], halt=Halt(), connections=4, piece_bytes=PIECE)
    assert queue.take() is job
    queue.opened(job)
    return queue


def take(queue: WorkQueue) -> Run:
    run = queue.take()
    assert isinstance(run, Run)
    return run


def write(run: Run, count: int) -> int:
    return run.job.partial.write(run.position, memoryview(bytes(count)))


def test_runs_cover_a_file_once_and_shrink_towards_its_end(queue: WorkQueue, job: Job) -> None:
    runs = []
    while job.gaps:
        runs.append(take(queue))
    spans = [(run.position, run.end) for run in runs]
    lengths = [end - start for start, end in spans]
    assert spans[0][0] == 0
    assert spans[-1][1] == job.file.size
    assert all(first[1] == second[0] for first, second in itertools.pairwise(spans))
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1] == PIECE


def test_what_a_run_left_is_handed_out_again(queue: WorkQueue, job: Job) -> None:
    runs = []
    while job.gaps:
        runs.append(take(queue))
    write(runs[0], 1000)
    assert not any(queue.finish(run) for run in runs)
    assert take(queue).position == 1000


def test_one_stream_takes_the_place_of_all_runs(queue: WorkQueue, job: Job) -> None:
    first, second = take(queue), take(queue)
    assert queue.alone(second)
    assert not queue.alone(first)
    assert first.is_over
    assert (second.position, second.end) == (0, job.file.size)
    assert not queue.has_work


def test_a_blob_that_somebody_still_writes_to_is_not_published(queue: WorkQueue, job: Job) -> None:
    run = take(queue)
    queue.verified(job)
    assert queue.publishable() == []
    queue.finish(run)
    assert queue.publishable() == [job]


def test_bytes_behind_a_gap_and_bytes_that_are_there_do_not_count(queue: WorkQueue, job: Job) -> None:
    run = take(queue)
    assert write(run, 1000) == 1000
    assert write(run, 500) == 0
    assert write(run, 1200) == 200
    run.position = 5000
    assert write(run, 100) == 0
    assert job.held == job.partial.frontier() == 1200
