"""Where a file's bytes come from: its address, resolved once, and what an answer must look like."""

import contextlib
import http.client
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urljoin

from shared.errors import DownloadFailed, FileNotFound, UnusableAnswer
from shared.hub import RemoteFile, request_headers
from shared.hub_calls import hub_call
from shared.hub_refusals import is_passing, refusal, retry_after
from worker_service.transfer.connection import POLL_SECONDS, Body, Origin, Retry, Wire, origin_of

MOST_REDIRECTS = 5
# A longer wait than this is not done here: the operation fails for now and is tried again later.
LONGEST_WAIT = 60.0
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
# What a store of signed addresses says of one that has expired.
_EXPIRED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")


@dataclass(frozen=True)
class Answer:
    """A body that starts at `start` of the file; `is_whole`: a range was asked for and ignored."""

    body: Body
    start: int
    is_whole: bool


class HubFiles:
    """The Hub as a place of files: its endpoint, its only reader of the token."""

    def __init__(self, *, endpoint: str, token: str | None, repo: str, commit: str) -> None:
        """InvalidHfToken if the token has a form that no token has."""
        self.origin = origin_of(endpoint)
        self.is_authenticated = token is not None
        self._base = f"{endpoint.rstrip('/')}/{repo}/resolve/{commit}"
        self._headers = {**request_headers(token), "Accept-Encoding": "identity"}

    def url(self, path: str) -> str:
        """The address of a file, whose answer is the file or a redirect to it."""
        return f"{self._base}/{quote(path)}"

    def headers(self, origin: Origin) -> dict[str, str]:
        """What to send: the token only to the Hub's own origin."""
        is_own = origin == self.origin
        return {
            name: value for name, value in self._headers.items() if is_own or name.lower() != "authorization"
        }


class Source:
    """One file at the Hub. Used by many threads; its address is resolved by one of them at a time."""

    def __init__(self, hub: HubFiles, file: RemoteFile) -> None:
        self._hub = hub
        self._file = file
        self._location: str | None = None
        self._resolving = threading.Lock()

    def open(self, wire: Wire, *, start: int, end: int) -> Answer:
        """Ask for a half-open byte range; the whole file is asked for without one.

        Retry if another request may fare better, else the domain's error for the refusal.
        """
        wire.halt.check()
        if self._location is None:
            with self._resolver(wire):
                # Whoever held the lock before has resolved it, or has failed and leaves it to us.
                if self._location is None:
                    return self._counted(wire, self._hub.url(self._file.path), start=start, end=end)
        return self._counted(wire, self._location or self._hub.url(self._file.path), start=start, end=end)

    def _counted(self, wire: Wire, url: str, *, start: int, end: int) -> Answer:
        # The file's first request is a step of the trace; those for its other pieces are too many.
        with hub_call("file", url, is_traced=self._location is None) as call:
            try:
                return self._follow(wire, url, start=start, end=end)
            except Retry as retry:
                call.outcome = retry.problem.code
                raise

    @contextlib.contextmanager
    def _resolver(self, wire: Wire) -> Iterator[None]:
        while not self._resolving.acquire(timeout=POLL_SECONDS):
            wire.halt.check()
        try:
            yield
        finally:
            self._resolving.release()

    def _follow(self, wire: Wire, url: str, *, start: int, end: int) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._ask(wire, url, start=start, end=end)
            body = Body(wire, response, url=url)
            if response.status not in _REDIRECTS:
                return self._judged(response, body, url=url, start=start, end=end)
            target = _target(url, response.headers.get("location", ""))
            body.discard()
            self._check_identity(response, url)
            self._check_target(url, target)
            url = target
        raise UnusableAnswer("The Hub redirects in a circle.")

    def _ask(self, wire: Wire, url: str, *, start: int, end: int) -> http.client.HTTPResponse:
        headers = self._hub.headers(origin_of(url))
        if (start, end) != (0, self._file.size):
            headers["Range"] = f"bytes={start}-{end - 1}"
        return wire.get(url, headers)

    def _judged(
        self, response: http.client.HTTPResponse, body: Body, *, url: str, start: int, end: int
    ) -> Answer:
        try:
            if response.status == HTTPStatus.PARTIAL_CONTENT:
                self._check_range(response, start, end)
            elif response.status == HTTPStatus.OK:
                start, end = 0, self._file.size
            else:
                self._refused(response, url)
            self._check_identity(response, url)
            self._check_length(response, end - start)
        except BaseException:
            body.discard()
            raise
        self._location = url
        return Answer(body, start, is_whole=response.status == HTTPStatus.OK)

    def _refused(self, response: http.client.HTTPResponse, url: str) -> None:
        status, headers = response.status, response.headers
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise UnusableAnswer(f"{self._file.path} is shorter at the Hub than its file list says.")
        is_elsewhere = origin_of(url) != self._hub.origin
        if is_elsewhere and status in _EXPIRED:
            if self._location == url:
                self._location = None
            raise Retry(DownloadFailed(f"The store of {self._file.path} refuses the Hub's signed address."))
        error = refusal(
            status,
            headers,  # type: ignore[arg-type]
            subject=f"{self._file.path}",
            authenticated=self._hub.is_authenticated and not is_elsewhere,
            missing=FileNotFound,
        )
        after = retry_after(headers)  # type: ignore[arg-type]
        if not is_passing(status) or (after or 0) > LONGEST_WAIT:
            raise error
        raise Retry(error, after=after)

    def _check_range(self, response: http.client.HTTPResponse, start: int, end: int) -> None:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
        if not found or tuple(map(int, found.groups())) != (start, end - 1, self._file.size):
            raise Retry(
                DownloadFailed(f"The Hub answered with other bytes of {self._file.path} than asked for.")
            )

    def _check_length(self, response: http.client.HTTPResponse, wanted: int) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Retry(
                DownloadFailed(f"The Hub sends {self._file.path} compressed, which was not asked for.")
            )
        if response.length not in (None, wanted):
            raise Retry(
                DownloadFailed(f"The Hub announces another length of {self._file.path} than its list.")
            )

    def _check_identity(self, response: http.client.HTTPResponse, url: str) -> None:
        """Only the Hub's word counts: a store may use an ETag of its own."""
        if origin_of(url) != self._hub.origin:
            return
        etag = response.headers.get("x-linked-etag") or response.headers.get("etag")
        size = response.headers.get("x-linked-size")
        if (etag and _plain(etag) != self._file.oid) or (size and size != str(self._file.size)):
            raise UnusableAnswer(f"{self._file.path} has changed at the Hub since its commit was looked up.")

    def _check_target(self, url: str, target: str) -> None:
        if origin_of(url).scheme == "https" and origin_of(target).scheme != "https":
            raise UnusableAnswer("The Hub redirects from https to plain http.")


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise UnusableAnswer("The Hub points to an address that is none.") from None


def _plain(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')
