"""The head of an answer is read as http.client reads it."""

import http.client
import io
import socket
from typing import Any

import pytest

from worker_service.transfer.head import Response


class Said(socket.socket):
    """A socket on which somebody has said this."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text

    def makefile(self, *_: Any, **__: Any) -> Any:
        return io.BufferedReader(io.BytesIO(self.text))  # type: ignore[arg-type]


def head(text: bytes, kind: type[http.client.HTTPResponse]) -> http.client.HTTPResponse:
    with Said(text) as said:
        found = kind(said, method="GET")
        found.begin()
    return found


@pytest.mark.parametrize(
    "text",
    [
        b'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag: "a:b"\r\n\r\nhello',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length:5\n\nhello",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /ä?x=1:2\r\nContent-Length: 0\r\n\r\n".encode("latin-1"),
    ],
)
def test_it_says_what_http_client_would_say(text: bytes) -> None:
    ours, theirs = head(text, Response), head(text, http.client.HTTPResponse)
    told = ("status", "reason", "version", "length", "chunked", "will_close")
    assert {name: getattr(ours, name) for name in told} == {name: getattr(theirs, name) for name in told}
    for name in ("content-length", "etag", "location", "connection", "transfer-encoding", "none"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert ours.read() == theirs.read()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n", http.client.HTTPException),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n", http.client.LineTooLong),
        (b"HTTP/2 200 OK\r\n\r\n", http.client.UnknownProtocol),
        (b"nonsense\r\n\r\n", http.client.BadStatusLine),
        (b"", http.client.RemoteDisconnected),
    ],
)
def test_what_is_no_head_is_refused(text: bytes, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        head(text, Response)
