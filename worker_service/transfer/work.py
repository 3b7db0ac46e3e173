"""The work that is left: which blobs, and which runs of their bytes, in what order."""

import enum
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.hub import RemoteFile
from worker_service.transfer.halt import Halt
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import Partial
from worker_service.transfer.source import Source

# A run is one request; longer ones would leave nothing to share out at the end.
MOST_PIECES = 8
# How soon to look again whether another transfer has finished the same blob.
LOCKED_SECONDS = 0.2


class Stage(enum.Enum):
    """How far a blob is."""

    WAITING = "nobody has opened its half file"
    FETCHING = "its half file is open; bytes or the checksum are missing"
    VERIFIED = "right and safely on disk, not yet under its final name"
    DONE = "in the cache"


class Job:
    """One blob to bring into the cache; several files of the manifest may share it."""

    def __init__(
        self, file: RemoteFile, *, names: int, source: Source, lock: BlobLock, is_small: bool = False
    ) -> None:
        """`names`: how many files of the manifest are this blob. A small one has no half file, nor its lock:
        it comes at once or not at all."""
        self.file = file
        self.is_small = is_small
        self.names = names
        self.source = source
        self.lock = lock
        self.stage = Stage.WAITING
        self.partial: Partial | None = None
        self.draft: Path | None = None  # the whole blob without its final name, if it is a small one
        self.reused = 0  # bytes that were there before this transfer
        self.gaps: list[tuple[int, int]] = []
        self.in_flight = 0
        self.mismatches = 0
        self.not_before = 0.0
        self.verified_at = 0.0
        self.is_alone = False  # the server ignores ranges: one stream from the start

    @property
    def held(self) -> int:
        """Bytes that are there."""
        if self.stage is Stage.DONE or self.draft:
            return self.file.size
        return self.partial.held if self.partial else self.reused


@dataclass
class Run:
    """A stretch of one blob that one request fetches; `position` moves towards `end`."""

    job: Job
    position: int
    end: int
    is_alone: bool = False
    gained: int = 0

    @property
    def is_overtaken(self) -> bool:
        """Whether one stream brings the whole file, so that this run is of no use."""
        return self.job.is_alone and not self.is_alone

    @property
    def is_whole(self) -> bool:
        """Whether the run is for all of the file."""
        return (self.position, self.end) == (0, self.job.file.size)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self.position >= self.end or self.is_overtaken


class WorkQueue:
    """Hands work out to any number of threads."""

    def __init__(self, jobs: Iterable[Job], *, halt: Halt, connections: int, piece_bytes: int) -> None:
        """Small blobs come first: what is wrong with a repository shows at once."""
        ordered = sorted(jobs, key=lambda job: job.file.size)
        self._halt = halt
        self._connections = connections
        self._piece = piece_bytes
        self._waiting = deque(job for job in ordered if job.stage is Stage.WAITING)
        self._open: list[Job] = []
        self._verified: list[Job] = []
        self._drafts: list[Job] = []
        self._changed = threading.Condition()
        self._unfetched = len(self._waiting)
        self._undone = len(self._waiting)

    def take(self) -> Run | Job | None:
        """A run to fetch or a blob whose half file is to be opened; None when nothing is left to fetch."""
        with self._changed:
            while not self._halt.pulled and self._unfetched:
                if work := self._next():
                    return work
                self._changed.wait(LOCKED_SECONDS / 2)
        return None

    @property
    def has_work(self) -> bool:
        """Whether another thread would find something to do."""
        return bool(self._open or self._waiting)

    @property
    def is_done(self) -> bool:
        """Whether every blob is in the cache."""
        return not self._undone

    def wake(self) -> None:
        """Let every thread look whether it is to end."""
        with self._changed:
            self._changed.notify_all()

    def postpone(self, job: Job) -> None:
        """Another transfer writes this blob: look again a little later."""
        with self._changed:
            job.not_before = time.monotonic() + LOCKED_SECONDS
            self._waiting.append(job)

    def opened(self, job: Job) -> None:
        """The half file is open: share out what is missing."""
        with self._changed:
            job.stage = Stage.FETCHING
            self._share(job)

    def alone(self, run: Run) -> bool:
        """The server ignores ranges: make this run its file's one stream; False if there is one already."""
        with self._changed:
            if run.is_overtaken:
                return False
            run.job.is_alone = run.is_alone = True
            run.position, run.end = 0, run.job.file.size
            run.job.gaps = []
            self._open = [job for job in self._open if job is not run.job]
            return True

    def finish(self, run: Run) -> bool:
        """The run has ended; whether the blob's bytes are now all there and nobody writes."""
        job = run.job
        with self._changed:
            job.in_flight -= 1
            if job.in_flight or job.gaps or not job.partial:
                return False
            if not job.partial.complete:
                self._share(job)
            return job.partial.complete

    def refetch(self, job: Job) -> None:
        """The bytes are wrong: drop and fetch them all again."""
        with self._changed:
            if job.partial:
                job.partial.reset()
                job.reused = 0
                self._share(job)

    def verified(self, job: Job) -> None:
        """The blob is right and safely on disk."""
        with self._changed:
            job.stage, job.verified_at = Stage.VERIFIED, time.monotonic()
            self._unfetched -= 1
            self._verified.append(job)
            self._changed.notify_all()

    def brought(self, job: Job, draft: Path) -> bool:
        """A small blob is right and safely on disk, as a whole; whether it was the last of all."""
        with self._changed:
            job.draft, job.stage = draft, Stage.VERIFIED
            self._unfetched -= 1
            self._drafts.append(job)
            if not self._unfetched:
                self._changed.notify_all()
            return not self._unfetched

    def drafts(self) -> list[Job]:
        """Small blobs that wait for their names; each is given once."""
        with self._changed:
            found, self._drafts = self._drafts, []
            return found

    def named(self, jobs: Sequence[Job]) -> None:
        """Small blobs are in the cache."""
        with self._changed:
            self._undone -= len(jobs)
            for job in jobs:
                job.stage, job.draft = Stage.DONE, None

    def publishable(self) -> list[Job]:
        """Verified blobs whose half file nobody has in use."""
        with self._changed:
            return [job for job in self._verified if not job.in_flight]

    def done(self, job: Job) -> None:
        """The blob is in the cache."""
        with self._changed:
            self._unfetched -= job.stage is not Stage.VERIFIED
            self._undone -= 1
            job.stage = Stage.DONE
            self._verified = [other for other in self._verified if other is not job]
            self._changed.notify_all()

    def _next(self) -> Run | Job | None:
        if self._open:
            return self._cut(self._open[0])
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            job = self._waiting.popleft()
            if job.not_before <= now:
                return job
            self._waiting.append(job)
        return None

    def _cut(self, job: Job) -> Run:
        start, end = job.gaps[0]
        if not job.is_alone:
            end = min(end, (start // self._piece + self._pieces(job)) * self._piece)
        job.gaps[0] = (end, job.gaps[0][1])
        if job.gaps[0][0] == job.gaps[0][1]:
            job.gaps.pop(0)
        if not job.gaps:
            self._open.remove(job)
        job.in_flight += 1
        return Run(job, start, end, is_alone=job.is_alone)

    def _pieces(self, job: Job) -> int:
        """Runs shrink towards the end of a file, so that its connections end together."""
        left = sum(end - start for start, end in job.gaps)
        return max(1, min(MOST_PIECES, left // (2 * self._connections * self._piece)))

    def _share(self, job: Job) -> None:
        missing = job.partial.gaps() if job.partial else []
        job.gaps = [(0, job.file.size)] if missing and job.is_alone else missing
        if job.gaps and job not in self._open:
            self._open.append(job)
        self._changed.notify_all()
