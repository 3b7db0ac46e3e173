"""A transfer from its first look at the volume to its last name in the cache."""

import errno
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from shared.errors import CachePermissionDenied, DownloadFailed, InsufficientDisk, WeighbridgeError
from shared.manifests import Manifest
from worker_service.transfer.crew import Crew
from worker_service.transfer.fetch import BUFFER_BYTES, Patience, Site
from worker_service.transfer.governor import Governor
from worker_service.transfer.halt import Halt, Pulse, TransferStopped
from worker_service.transfer.lock import BlobLock
from worker_service.transfer.partial import PIECE_BYTES, Partial, bytes_to_take, kept_bytes, remove_empty
from worker_service.transfer.publish import Room, published_files
from worker_service.transfer.reuse import Elsewhere, Vouches
from worker_service.transfer.source import HubFiles, Source
from worker_service.transfer.work import Job, Stage, WorkQueue

# How soon a stop is noticed.
TICK_SECONDS = 0.03
# How long a verified blob waits for the standard client's lock.
LOCK_SECONDS = 3.0
# A file up to this part of a piece comes whole: a crash loses no more of it than of a large one.
SMALL_PART = 16
# A shorter silence is no stall that a person should read of.
QUIET_SECONDS = 2.0
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP})

# Given the blobs that are missing: what other transfers of the volume will still take beside these, each
# time it is called.
Admission = Callable[[frozenset[str]], AbstractContextManager[Callable[[], int]]]


@contextmanager
def _nobody_else(_missing: frozenset[str]) -> Iterator[Callable[[], int]]:
    yield lambda: 0


@dataclass(frozen=True)
class Snapshot:
    """Where a transfer stands. Bytes count once they are on the volume; `bytes_reused` were there before.

    `phase`: transferring, verifying or publishing. `stalled_seconds`: how long no byte came, 0 below 2 s.
    """

    phase: str
    bytes_done: int
    bytes_total: int
    bytes_reused: int
    files_done: int
    files_total: int
    current_file: str | None
    stalled_seconds: float


class Transfer:
    """Brings the files of a manifest into the cache: fetched, verified and published. Runs once."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        cache_dir: Path,
        endpoint: str,
        token: str | None,
        connections: int,
        reserve_bytes: int = 0,
        admission: Admission = _nobody_else,
        still_mine: Callable[[], None] = lambda: None,
        owner: str = "",
        is_lost: Callable[[str], bool] = lambda _: False,
        vouches: Vouches = lambda _: (),
        governor: Governor | None = None,
        patience: Patience | None = None,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        """Nothing is touched before `run`.

        `connections`: to open at most. `reserve_bytes`: of the volume, to be left free. `admission`: held
        while the room is measured, tells what others will still take of it; leaving it well means that this
        transfer has its room. `still_mine`: the fence, called right before each publication, from any thread.
        What these two raise ends the transfer. `vouches`: the blobs of another repository whose bytes are
        known to be right; those of all others are read before they are linked.
        `governor`: what holds it to a rate, if anything does.
        `patience` and `piece_bytes` are for tests and tuning.
        """
        self._manifest = manifest
        self._endpoint = endpoint
        self._token = token
        self._connections = max(1, connections)
        self._reserve_bytes = reserve_bytes
        self._admission = admission
        self._still_mine = still_mine
        self._owner = owner
        self._is_lost = is_lost
        self._governor = governor or Governor()
        self._patience = patience or Patience()
        self._piece_bytes = piece_bytes
        self._room = Room(cache_dir, manifest.repo, manifest.commit)
        self._elsewhere = Elsewhere(cache_dir, manifest.repo, vouches=vouches, fence=self._ask_fence)
        self._halt = Halt()
        self._pulse = Pulse()
        self._jobs: list[Job] = []
        self._crew: Crew | None = None
        self._is_publishing = False
        self._is_reusing = False
        self._fenced_by: BaseException | None = None
        # A plain flag: `stop` may run in a signal handler, where no lock may be taken.
        self._is_stopping = False

    def run(self) -> None:
        """Fetch, verify and publish everything.

        Raises TransferStopped after `stop`, what `still_mine` raises, or an error of `shared.errors`:
        those of the Hub's refusals, DownloadFailed, DownloadStalled, ChecksumMismatch, InsufficientDisk,
        CachePermissionDenied. What arrived is kept for the next transfer, but for bytes found wrong twice.
        """
        try:
            self._prepare()
            self._reuse()
            self._admit()
            self._work()
            self._publish()
        except OSError as error:
            if error is self._fenced_by:
                raise
            raise self._storage_problem(error) from error
        finally:
            self._leave()

    def stop(self) -> None:
        """Let `run` end with TransferStopped within 0.2 s; from any thread or signal handler."""
        self._is_stopping = True

    def snapshot(self) -> Snapshot:
        """Where it stands; from any thread, without a system call."""
        done, total = self._held(), self._manifest.total_bytes
        current = self._crew.current if self._crew else None
        phase = self._phase(done == total)
        silence = self._pulse.silence if phase == "transferring" and self._crew else 0.0
        return Snapshot(
            phase=phase,
            bytes_done=done,
            bytes_total=total,
            bytes_reused=sum(job.reused for job in self._jobs),
            files_done=sum(job.names for job in self._jobs if job.stage is Stage.DONE),
            files_total=len(self._manifest.files),
            current_file=current.file.path if current else None,
            stalled_seconds=silence if silence >= QUIET_SECONDS else 0.0,
        )

    def _held(self) -> int:
        return sum(job.held for job in self._jobs)

    def _phase(self, is_fetched: bool) -> str:
        if self._is_publishing:
            return "publishing"
        return "verifying" if self._is_reusing or (is_fetched and self._jobs) else "transferring"

    def _prepare(self) -> None:
        self._check_stop()
        hub = HubFiles(
            endpoint=self._endpoint,
            token=self._token,
            repo=self._manifest.repo,
            commit=self._manifest.commit,
        )
        self._room.prepare()
        small = min(BUFFER_BYTES, self._piece_bytes // SMALL_PART)
        names = Counter(file.oid for file in self._manifest.files)
        files = {file.oid: file for file in reversed(self._manifest.files)}
        jobs = []
        for oid, file in files.items():
            lock = BlobLock(self._room.partials, oid, owner=self._owner, is_lost=self._is_lost)
            job = Job(
                file, names=names[oid], source=Source(hub, file), lock=lock, is_small=file.size <= small
            )
            if self._room.has_blob(oid, file.size):
                job.stage, job.reused = Stage.DONE, file.size
            elif not job.is_small:
                job.reused = kept_bytes(self._room.root, oid)
            jobs.append(job)
        self._jobs = jobs

    def _reuse(self) -> None:
        """Link in what other repositories have: what comes so takes no room, and is not fetched."""
        missing = {job.file.oid: job for job in self._jobs if job.stage is not Stage.DONE}
        for oid, folders in self._elsewhere.find(missing).items():
            job, self._is_reusing = missing[oid], True
            if self._elsewhere.bring(job.file, folders, self._check_stop):
                job.stage, job.reused = Stage.DONE, job.file.size
        self._room.sync_blobs()
        self._is_reusing = False

    def _admit(self) -> None:
        missing = frozenset(job.file.oid for job in self._jobs if job.stage is not Stage.DONE)
        with self._admission(missing) as taken_by_others:
            # Twice: what another transfer takes between the two looks of one round counts twice in it.
            if not self._fits(taken_by_others()) and not self._fits(reserved := taken_by_others()):
                raise self._disk_full(reserved)

    def _fits(self, reserved: int) -> bool:
        needed = self._needed_bytes()
        return not needed or needed + reserved <= self._free_bytes() - self._reserve_bytes

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._room.root).free

    def _needed_bytes(self) -> int:
        """Bytes of the volume that are still to be taken; half files have theirs already."""
        return sum(
            job.file.size if job.is_small else bytes_to_take(self._room.root, job.file.oid, job.file.size)
            for job in self._jobs
            if job.stage is not Stage.DONE
        )

    def _work(self) -> None:
        queue = WorkQueue(
            self._jobs, halt=self._halt, connections=self._connections, piece_bytes=self._piece_bytes
        )
        site = Site(
            queue,
            self._room,
            self._elsewhere,
            self._halt,
            self._pulse,
            self._patience,
            self._piece_bytes,
            self._governor,
        )
        self._pulse.beat()
        crew = self._crew = Crew(site, connections=self._connections)
        while not queue.is_done:
            self._check_stop()
            if crew.failure:
                raise crew.failure
            self._publish_blobs(queue)
            crew.grow(self._held)
            if not queue.is_done:
                crew.wait(TICK_SECONDS)

    def _publish_blobs(self, queue: WorkQueue) -> None:
        count = sum(self._publish_blob(job, queue) for job in queue.publishable())
        if drafts := queue.drafts():
            self._check_stop()
            self._ask_fence()
            self._room.publish_drafts({job.file.oid: job.draft for job in drafts if job.draft})
            queue.named(drafts)
        if count or drafts:
            self._room.sync_blobs()

    def _publish_blob(self, job: Job, queue: WorkQueue) -> bool:
        """Whether it is done; it waits a little for a standard client that holds its own lock on the blob."""
        if job.partial is None:
            return False
        try:
            with self._room.lock(job.file.oid).acquire(blocking=False):
                self._name_blob(job, job.partial)
        except filelock.Timeout:
            if time.monotonic() - job.verified_at < LOCK_SECONDS:
                return False
            # It downloads for hours, or froze. Where it will put its file, ours may stand already.
            self._name_blob(job, job.partial)
        queue.done(job)
        job.partial.remove()
        job.lock.release()
        return True

    def _name_blob(self, job: Job, partial: Partial) -> None:
        self._check_stop()
        self._ask_fence()
        if not self._room.has_blob(job.file.oid, job.file.size):
            self._room.publish_blob(partial, job.file.oid)

    def _publish(self) -> None:
        self._is_publishing = True
        self._check_stop()
        self._ask_fence()
        self._room.link(self._manifest.files)
        self._check_stop()
        if not published_files(
            self._room.root, self._manifest.repo, self._manifest.commit, self._manifest.files
        ):
            raise DownloadFailed("Files were removed from the cache while the download ran.")
        self._ask_fence()
        self._room.write_ref(self._manifest.revision)

    def _leave(self) -> None:
        """End every thread, close every half file, and take away what must not stay."""
        if self._crew:
            self._crew.dismiss()
        for job in self._jobs:
            if job.draft:
                job.draft.unlink(missing_ok=True)
            if job.partial and job.stage is not Stage.DONE:
                # Wrong twice: the next transfer must not build on it. Empty: it would only take room.
                is_of_use = job.partial.held and job.mismatches < 2
                end = job.partial.close if is_of_use else job.partial.remove
                end()
            job.lock.release()
        if named := {job.file.oid for job in self._jobs if job.is_small and job.stage is Stage.DONE}:
            self._room.drop_drafts(named)
        remove_empty(self._room.partials)
        self._room.tidy()

    def _ask_fence(self) -> None:
        try:
            self._still_mine()
        except BaseException as error:
            self._fenced_by = error
            raise

    def _check_stop(self) -> None:
        if self._is_stopping:
            raise TransferStopped

    def _storage_problem(self, error: OSError) -> WeighbridgeError:
        if error.errno in _DISK_FULL:
            return self._disk_full()
        place = error.filename or self._room.root
        if error.errno in _NOT_ALLOWED:
            return CachePermissionDenied(f"The worker can't write to {place} ({error.strerror}).")
        return DownloadFailed(f"The cache at {place} failed: {error.strerror or type(error).__name__}.")

    def _disk_full(self, reserved: int = 0) -> InsufficientDisk:
        needed, free = self._needed_bytes(), self._free_bytes()
        kept_free = self._reserve_bytes
        return InsufficientDisk(
            f"{needed:,} bytes are needed and {free:,} are free on the volume, of which {reserved:,} are "
            f"reserved for running downloads and {kept_free:,} are to stay free.",
            needed_bytes=needed,
            free_bytes=free,
            reserved_bytes=reserved,
            reserve_bytes=kept_free,
        )
