"""The threads of a transfer: those that fetch, those that verify, and how all of them end."""

import threading
import time
from collections.abc import Callable

from shared.errors import ChecksumMismatch
from worker_service.transfer import verify
from worker_service.transfer.connection import Wire
from worker_service.transfer.fetch import Fetcher, Site
from worker_service.transfer.halt import TransferStopped
from worker_service.transfer.work import Job

# A smaller blob is hashed by whoever fetched its last byte, a larger one by a thread of its own.
INLINE_BYTES = 8 << 20
FIRST_CONNECTIONS = 4
GROWTH = 2
GROWTH_SECONDS = 0.1


class Crew:
    """Starts threads while there is work for them; the first failure of one is kept for the caller."""

    def __init__(self, site: Site, *, connections: int) -> None:
        """`connections`: fetching threads at most. No thread runs yet."""
        self._site = site
        self._connections = connections
        self._fetchers: list[tuple[threading.Thread, Fetcher]] = []
        self._watchers: list[threading.Thread] = []
        self._next_growth = 0.0
        self._news = threading.Event()
        self.failure: BaseException | None = None

    @property
    def current(self) -> Job | None:
        """A blob that is being fetched now."""
        return next((fetcher.current for _, fetcher in self._fetchers if fetcher.current), None)

    def grow(self) -> None:
        """Start a few more fetching threads if there is work for them and it is time."""
        if time.monotonic() < self._next_growth or not self._site.queue.has_work:
            return
        self._next_growth = time.monotonic() + GROWTH_SECONDS
        step = GROWTH if self._fetchers else FIRST_CONNECTIONS
        for _ in range(min(step, self._connections - len(self._fetchers))):
            fetcher = Fetcher(self._site, opened=self._opened, fetched=self._fetched)
            self._fetchers.append((self._start(fetcher.run, name="fetch"), fetcher))

    def wait(self, seconds: float) -> None:
        """Wait for a verified blob or a failure, but no longer."""
        self._news.wait(seconds)
        self._news.clear()

    def dismiss(self) -> None:
        """Stop every thread and wait for its end; one that looks a name up ends later, touching nothing."""
        self._site.halt.pull()
        self._site.queue.wake()
        while alive := self._fetching():
            # All of them each time: one may wait for another, and one may have made a new connection.
            for _, wire in alive:
                wire.cut()
            alive[0][0].join(0.002)
        for watcher in tuple(self._watchers):
            watcher.join()

    def _fetching(self) -> list[tuple[threading.Thread, Wire]]:
        living = ((thread, fetcher.wire) for thread, fetcher in self._fetchers if thread.is_alive())
        return [(thread, wire) for thread, wire in living if not wire.is_resolving.is_set()]

    def _start(self, work: Callable[[], None], *, name: str) -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(work,), name=f"transfer-{name}", daemon=True)
        thread.start()
        return thread

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except TransferStopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that called run()
            self.failure = self.failure or error
        finally:
            self._news.set()

    def _opened(self, job: Job) -> None:
        if job.file.size > INLINE_BYTES:
            self._watchers.append(self._start(lambda: self._watch(job), name="verify"))
        elif job.partial and job.partial.complete:
            self._check(job)

    def _fetched(self, job: Job) -> None:
        if job.file.size <= INLINE_BYTES:
            self._check(job)

    def _watch(self, job: Job) -> None:
        while not self._check(job):
            self._site.halt.check()

    def _check(self, job: Job) -> bool:
        """Whether the blob is right; wrong bytes are fetched again once."""
        if job.partial is None:
            return True
        if verify.is_right(job.partial, job.file.oid, halt=self._site.halt):
            job.partial.sync()
            self._site.queue.verified(job)
            self._news.set()
            return True
        job.mismatches += 1
        if job.mismatches > 1:
            raise ChecksumMismatch(f"The bytes of {job.file.path} are not those that the Hub announced.")
        self._site.queue.refetch(job)
        return False
