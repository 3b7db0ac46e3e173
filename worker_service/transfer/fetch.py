"""One thread that fetches: opens half files, asks for runs of bytes, tries again where that may help."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from shared.errors import DownloadFailed
from shared.metrics import metrics
from worker_service.transfer import verify
from worker_service.transfer.connection import Retry, Wire
from worker_service.transfer.governor import Governor
from worker_service.transfer.halt import Halt, Pulse
from worker_service.transfer.partial import Partial
from worker_service.transfer.publish import Room
from worker_service.transfer.reuse import Elsewhere
from worker_service.transfer.source import Answer
from worker_service.transfer.tally import Tally
from worker_service.transfer.work import Job, Run, WorkQueue

BUFFER_BYTES = 1 << 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long and how often to try: seconds, and requests in a row that bring no byte."""

    read_timeout: float = 10.0
    tries: int = 6
    first_wait: float = 0.5
    longest_wait: float = 10.0

    def wait(self, tries: int) -> float:
        """Seconds before the next try; at random, so that the threads don't come back all at once."""
        return min(self.longest_wait, self.first_wait * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Site:
    """What all threads of a transfer share."""

    queue: WorkQueue
    room: Room
    elsewhere: Elsewhere
    halt: Halt
    pulse: Pulse
    patience: Patience
    piece_bytes: int
    governor: Governor = field(default_factory=Governor)


class Fetcher:
    """Fetches with one connection to each origin, and a buffer of 1 MiB, until nothing is left to fetch."""

    def __init__(
        self,
        site: Site,
        *,
        opened: Callable[[Job], None],
        fetched: Callable[[Job], None],
        ended: Callable[[], None],
    ) -> None:
        """`opened`: called once a half file is open; `fetched`: once all of its bytes are there; `ended`:
        once a small blob was the last of all."""
        self._site = site
        self._opened = opened
        self._fetched = fetched
        self._ended = ended
        self._buffer = memoryview(b"")
        self.wire = Wire(timeout=site.patience.read_timeout, halt=site.halt)
        self.current: Job | None = None
        self._tally = Tally()

    def run(self) -> None:
        """Work; raises the domain's errors, OSError of the volume, or TransferStopped."""
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        try:
            while work := self._site.queue.take():
                if isinstance(work, Job):
                    self._bring(work) if work.is_small else self._open(work)
                else:
                    self._fetch(work)
        finally:
            self.wire.close()
            self._tally.tell()
            # The transfer's objects refer to each other in circles; this must not wait for the collector.
            self._buffer = memoryview(b"")

    def _bring(self, job: Job) -> None:
        """A small blob: fetched whole into the buffer, checked there, written once."""
        site, self.current = self._site, job
        tries = 0
        while True:
            site.halt.sleep(site.pulse.wait_left)
            try:
                content = self._whole(job)
            except Retry as retry:
                tries += 1
                if tries >= site.patience.tries:
                    raise retry.problem from None
                self._pause(job, retry, tries, offset=0)
                continue
            if verify.is_oid_of(job.file.oid, content):
                break
            job.mismatches += 1
            if job.mismatches > 1:
                raise verify.mismatch(job.file)
        self.current = None
        # The others get their names together with it, or a moment later: to be woken for each costs more.
        if site.queue.brought(job, site.room.write_draft(job.file.oid, content)):
            self._ended()

    def _whole(self, job: Job) -> memoryview:
        """All bytes of a small blob, in the buffer. Raises Retry."""
        size, position = job.file.size, 0
        answer = job.source.open(self.wire, start=0, end=size)
        try:
            while position < size:
                self._site.halt.check()
                position += self._read(job, answer, self._buffer[position:size])
            answer.body.finish()
        except BaseException:
            answer.body.abandon()
            raise
        return self._buffer[:size]

    def _open(self, job: Job) -> None:
        site = self._site
        if not job.lock.try_acquire():
            site.pulse.beat()
            site.queue.postpone(job)
        elif site.room.has_blob(job.file.oid, job.file.size) or self._was_brought(job):
            job.reused = job.file.size
            job.lock.release()
            site.queue.done(job)
        else:
            partials, file = site.room.partials, job.file
            job.partial = Partial(
                partials, file.oid, size=file.size, piece_bytes=site.piece_bytes, lock=job.lock
            )
            job.partial.inherit(self._beat)
            site.elsewhere.fill(job.partial, file, self._beat)
            job.reused = job.partial.held
            site.queue.opened(job)
            self._opened(job)

    def _was_brought(self, job: Job) -> bool:
        """Who held the lock until now may have brought the blob for another repository."""
        if not job.not_before:
            return False
        folders = self._site.elsewhere.find([job.file.oid]).get(job.file.oid, ())
        return self._site.elsewhere.bring(job.file, folders, self._beat)

    def _beat(self) -> None:
        self._site.halt.check()
        self._site.pulse.beat()

    def _fetch(self, run: Run) -> None:
        self.current = run.job
        tries = 0
        while not run.is_over:
            gained = run.gained
            self._site.halt.sleep(self._site.pulse.wait_left)
            try:
                self._pour(run)
            except Retry as retry:
                tries = 1 if run.gained > gained else tries + 1
                if tries >= self._site.patience.tries:
                    raise retry.problem from None
                if not run.is_over:
                    self._pause(run.job, retry, tries, offset=run.position)
        self.current = None
        if self._site.queue.finish(run):
            self._fetched(run.job)

    def _pause(self, job: Job, retry: Retry, tries: int, *, offset: int) -> None:
        metrics().transfer_retries.labels(retry.problem.code).inc()
        log.info("retrying", file=job.file.path, offset=offset, tries=tries, why=retry.problem.detail)
        if retry.after is not None:
            # The server speaks to all of us, not to one connection.
            self._site.pulse.postpone(retry.after)
        else:
            self._site.halt.sleep(self._site.patience.wait(tries))

    def _pour(self, run: Run) -> None:
        if run.is_alone:
            run.position = 0
        was_whole = run.is_whole
        answer = run.job.source.open(self.wire, start=run.position, end=run.end)
        try:
            if answer.is_whole and not was_whole and not self._site.queue.alone(run):
                answer.body.abandon()
                return
            self._receive(run, answer)
        except BaseException:
            answer.body.abandon()
            raise

    def _receive(self, run: Run, answer: Answer) -> None:
        partial, position = run.job.partial, answer.start
        if partial is None:
            return
        while position < run.end:
            self._site.halt.check()
            if run.is_overtaken:
                answer.body.abandon()
                return
            room = min(len(self._buffer), partial.piece_end(position) - position)
            position += self._store(run, partial, answer, position=position, room=room)
            if not run.is_alone:  # else it can't be taken up in the middle
                run.position = position
        answer.body.finish()
        run.position = position

    def _store(self, run: Run, partial: Partial, answer: Answer, *, position: int, room: int) -> int:
        count = self._read(run.job, answer, self._buffer[:room])
        run.gained += partial.write(position, self._buffer[:count])
        return count

    def _read(self, job: Job, answer: Answer, view: memoryview) -> int:
        """What has arrived, within the limit of the bandwidth; at least a byte. Raises Retry."""
        allowed = self._site.governor.take(len(view), self._site.halt)
        count = answer.body.read_into(view[:allowed])
        self._site.governor.give_back(allowed - count)
        if not count:
            raise Retry(DownloadFailed(f"The connection ended in the middle of {job.file.path}."))
        self._site.pulse.beat()
        self._tally.add(count)
        return count
