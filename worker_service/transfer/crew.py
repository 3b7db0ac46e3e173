"""The threads of a transfer: those that fetch, those that verify, and how all of them end."""

import contextvars
import threading
import time
from collections.abc import Callable

from worker_service.transfer import verify
from worker_service.transfer.connection import Wire
from worker_service.transfer.fetch import Fetcher, Site
from worker_service.transfer.halt import TransferStopped
from worker_service.transfer.work import Job

# A smaller blob is hashed by whoever fetched its last byte, a larger one by a thread of its own.
INLINE_BYTES = 8 << 20
FIRST_CONNECTIONS = 8
# Seconds over which the speed is measured before it is decided whether more connections pay.
LOOK_SECONDS = 0.1
# They do if so much more comes in than ever before: twice as many bring twice as much at best. Each costs
# processor time (32 on a line that 8 fill took a quarter more of it here), so a little more does not pay.
PAYS = 1.4
# Looks without a gain after which a few more are tried: others may have left the line.
AGAIN = 50
FEW = 2


class Growth:
    """How many connections a transfer should have: twice as many, as long as that pays.

    A line, or a server, that gives each connection a share is filled within half a second; one that is full
    already keeps what it has, and its other users their share.
    """

    def __init__(self, most: int) -> None:
        """`most`: connections, whatever they bring."""
        self._most = most
        self._wanted = min(FIRST_CONNECTIONS, most)
        self._seen: tuple[float, int] | None = None  # when the speed was measured last, and the bytes then
        self._first: int | None = None  # the bytes that were here before
        self._best = 0.0  # bytes per second
        self._looks = 0  # since there was a gain

    def look(self, held: Callable[[], int], *, now: float) -> int:
        """How many it should be at this moment (seconds of any clock); `held` tells the bytes here."""
        if self._wanted == self._most:
            return self._most
        if self._seen is None:
            # Not before something comes in: what the first bytes waited for says nothing about the line.
            came, self._first = held(), held() if self._first is None else self._first
            if came <= self._first:
                return self._wanted
            self._seen = now, came
        since, before = self._seen
        if now - since >= LOOK_SECONDS:
            self._seen = now, held()
            self._judge((self._seen[1] - before) / (now - since))
        return self._wanted

    def _judge(self, speed: float) -> None:
        self._looks += 1
        if speed > PAYS * self._best:
            self._best, self._looks = speed, 0
            self._wanted = min(self._most, 2 * self._wanted)
        elif self._looks >= AGAIN:
            self._looks = 0
            self._wanted = min(self._most, self._wanted + FEW)


class Crew:
    """Starts threads while there is work for them; the first failure of one is kept for the caller."""

    def __init__(self, site: Site, *, connections: int) -> None:
        """`connections`: fetching threads at most. No thread runs yet."""
        self._site = site
        self._fetchers: list[tuple[threading.Thread, Fetcher]] = []
        self._watchers: list[threading.Thread] = []
        self._growth = Growth(connections)
        self._news = threading.Event()
        self.failure: BaseException | None = None

    @property
    def current(self) -> Job | None:
        """A blob that is being fetched now."""
        return next((fetcher.current for _, fetcher in self._fetchers if fetcher.current), None)

    def grow(self, held: Callable[[], int]) -> None:
        """Start more fetching threads if there is work for them and it pays; `held` tells the bytes here."""
        wanted = self._growth.look(held, now=time.monotonic())
        if not self._site.queue.has_work:
            return
        for _ in range(wanted - len(self._fetchers)):
            fetcher = Fetcher(self._site, opened=self._opened, fetched=self._fetched, ended=self._news.set)
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
        # What the log and the trace say of the operation is said of this thread too.
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(self._guard, work), name=f"transfer-{name}", daemon=True)
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
            raise verify.mismatch(job.file)
        self._site.queue.refetch(job)
        return False
