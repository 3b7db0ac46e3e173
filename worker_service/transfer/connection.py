"""One thread's kept-alive connections, one to each origin, that another thread can cut at any moment."""

import contextlib
import errno
import http.client
import io
import os
import select
import socket
import ssl
import threading
import time
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from shared.errors import DownloadFailed, DownloadStalled, UnusableAnswer, WeighbridgeError
from shared.hub_refusals import unreachable
from worker_service.transfer.halt import Halt
from worker_service.transfer.head import Response

# How long a connection that is being made may be deaf to the halt.
POLL_SECONDS = 0.05
# A longer error page is not worth its connection.
DRAIN_BYTES = 64 << 10
_PORTS = {"http": 80, "https": 443}
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


class Origin(NamedTuple):
    """Whom a token may be shown to: scheme, host and port."""

    scheme: str
    host: str
    port: int


@lru_cache(maxsize=64)  # asked several times for each request
def origin_of(url: str) -> Origin:
    """The origin of an http or https URL; UnusableAnswer for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise UnusableAnswer("The Hub points to an address that is neither http nor https.") from None
    if not parts.hostname:
        raise UnusableAnswer("The Hub points to an address without a host.")
    return Origin(parts.scheme, parts.hostname.lower(), port)


class Retry(Exception):
    """This request came to nothing and another may fare better.

    `problem` is raised in its place once there were enough of them; `after`: seconds that the server asked
    us to wait.
    """

    def __init__(self, problem: WeighbridgeError, *, after: float | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.after = after


class Body:
    """The body of an answer, of which the caller knows how many bytes to expect."""

    def __init__(self, wire: "Wire", response: http.client.HTTPResponse, *, url: str) -> None:
        self._wire = wire
        self._response = response
        self._url = url
        self._early = io.DEFAULT_BUFFER_SIZE  # bytes that may have come with the head
        self._is_counted = response.length is not None and not response.chunked

    def read_into(self, view: memoryview) -> int:
        """What has arrived, at most a view full, waiting for the first byte; 0 at the end.

        Raises Retry if the connection breaks or stalls, TransferStopped if it was cut.
        """
        try:
            count = self._receive(view) if self._is_counted else self._response.readinto(view)
        except _NETWORK_ERRORS as error:
            raise self._wire.broken(error, self._url) from None
        if not count:
            self._wire.halt.check()
        return count

    def _receive(self, view: memoryview) -> int:
        """One receive, not a full view: bytes count as soon as they are here, however slow the line."""
        if self._early <= 0:
            return self._response.fp.readinto1(view)
        # readinto1 keeps what came with the head back until more comes; read1 does not, but it copies.
        early = self._response.fp.read1(min(len(view), self._early))
        view[: len(early)] = early
        self._early -= len(early)
        return len(early)

    def finish(self) -> None:
        """All expected bytes were read; Retry if more come."""
        if not self._is_counted and self.read_into(memoryview(bytearray(1))):
            raise Retry(DownloadFailed("The Hub sent more bytes than it announced."))
        self._response.close()

    def discard(self) -> None:
        """Nobody wants the body: read a short one away, so that its connection can be used again."""
        length = self._response.length
        # A chunk may claim any length, and an answer without a body may still be chunked.
        if self._is_counted and length is not None and length <= DRAIN_BYTES:
            with contextlib.suppress(*_NETWORK_ERRORS):
                self._response.read()
                return
        self.abandon()

    def abandon(self) -> None:
        """Give the rest of the body up, and the connection with it."""
        self._response.close()
        self._wire.close()


class Wire:
    """The connections of one thread. Everything but `cut` is for that thread alone."""

    def __init__(self, *, timeout: float, halt: Halt) -> None:
        """`timeout`: seconds without a connection or a byte after which a request is given up."""
        self.halt = halt
        # Set while a name is looked up, which nothing can interrupt.
        self.is_resolving = threading.Event()
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None
        self._connections: dict[Origin, _Connection] = {}

    def get(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """The answer to a GET, its body unread. Retry if none came, TransferStopped if it was cut."""
        connection, is_kept = self._connection(origin_of(url))
        try:
            return connection.ask(url, headers)
        except _NETWORK_ERRORS as error:
            # A server may end an idle connection at any time; that alone is no failure.
            is_idle_end = is_kept and isinstance(error, ConnectionError | http.client.BadStatusLine)
            problem = self.broken(error, url)
            if not is_idle_end:
                raise problem from None
        return self.get(url, headers)

    def broken(self, error: Exception, url: str) -> Retry:
        """What an exception of the network means; the connections are closed."""
        self.close()
        self.halt.check()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise unreachable(error, url) from None
        if isinstance(error, TimeoutError) and not isinstance(error, _NotConnected):
            return Retry(DownloadStalled())
        return Retry(unreachable(error, url))

    def cut(self) -> None:
        """From another thread: end every wait of this one on the network."""
        for connection in tuple(self._connections.values()):
            connection.cut()

    def close(self) -> None:
        """Close every connection; the next request makes new ones."""
        for connection in tuple(self._connections.values()):
            connection.close()
        self._connections.clear()

    def _connection(self, origin: Origin) -> tuple["_Connection", bool]:
        """A connection, and whether it was used before."""
        if origin in self._connections:
            return self._connections[origin], True
        if origin.scheme == "https" and self._tls is None:
            self._tls = ssl.create_default_context()
        made = _Connection(origin, timeout=self._timeout, tls=self._tls, wire=self)
        self._connections[origin] = made
        return made, False


class _NotConnected(TimeoutError):
    """No connection in time: the host is away, which is not a stall."""


class _Connection(http.client.HTTPConnection):
    """An HTTP(S) connection of which every wait but the name look-up can be cut short."""

    response_class = Response

    def __init__(self, origin: Origin, *, timeout: float, tls: ssl.SSLContext | None, wire: Wire) -> None:
        super().__init__(origin.host, origin.port, timeout=timeout)
        # http.client leaves the default port out of the Host header; it takes every connection for http.
        self.default_port = _PORTS[origin.scheme]
        self._seconds = timeout
        self._tls = tls if origin.scheme == "https" else None
        self._wire = wire
        # http.client forgets its socket where the server ends the connection after this answer.
        self._live: socket.socket | None = None

    def ask(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send a GET and read the answer's head."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.request("GET", target, headers=headers)
        return self.getresponse()

    def connect(self) -> None:
        """Try every address of the host in turn."""
        problem = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        for family, kind, protocol, _, address in self._addresses():
            self._wire.halt.check()
            try:
                return self._reach(socket.socket(family, kind, protocol), address)
            except OSError as error:
                self.close()
                problem = error
        raise problem

    def cut(self) -> None:
        """From another thread: end the reads, writes and TLS handshake of the socket."""
        sock = self._live
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: after that the reader would take cipher text for the body.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _addresses(self) -> list[Any]:
        self._wire.is_resolving.set()
        try:
            return socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        finally:
            self._wire.is_resolving.clear()

    def _reach(self, sock: socket.socket, address: Any) -> None:
        self.sock = self._live = sock
        sock.setblocking(False)
        error = sock.connect_ex(address)
        if error in (0, errno.EINPROGRESS):
            self._await_writable(sock)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        sock.settimeout(self._seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._secure(self._tls, sock)
        # Whoever cut the line before the socket was known here has given the signal before that.
        self._wire.halt.check()

    def _await_writable(self, sock: socket.socket) -> None:
        poll, deadline = select.poll(), time.monotonic() + self._seconds
        poll.register(sock, select.POLLOUT)
        while not poll.poll(POLL_SECONDS * 1000):
            self._wire.halt.check()
            if time.monotonic() > deadline:
                raise _NotConnected("timed out")

    def _secure(self, tls: ssl.SSLContext, sock: socket.socket) -> None:
        # Two steps, so that `cut` finds the socket while the handshake runs.
        secure = tls.wrap_socket(sock, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = self._live = secure
        self._wire.halt.check()
        secure.do_handshake()
