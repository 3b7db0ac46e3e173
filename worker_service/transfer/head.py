"""The head of an answer, read without the mail parser of http.client: a quarter of a small file's cost."""

import http.client
from http import HTTPStatus
from typing import BinaryIO

# As in http.client: bytes of one line, and lines.
_LONGEST, _MOST = 65_536, 100


class Response(http.client.HTTPResponse):
    """http.client's response; the names of `headers` are in lower case, and the first of a name counts."""

    def begin(self) -> None:
        """Read the head. Raises HTTPException where it is none."""
        if self.headers is not None:
            return
        version, status, reason = self._read_status()
        while status == HTTPStatus.CONTINUE:
            _read(self.fp)
            version, status, reason = self._read_status()
        if not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version == "HTTP/1.0" else 11
        headers = _read(self.fp)
        self.headers = self.msg = headers
        self.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()
        self.length = self._length(headers)
        if self.length is None and not self.chunked:
            self.will_close = True

    def _length(self, headers: dict[str, str]) -> int | None:
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) or self.status < HTTPStatus.OK:
            return 0
        told = headers.get("content-length", "")
        return int(told) if told.isascii() and told.isdigit() and not self.chunked else None


def _read(file: BinaryIO) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_MOST + 1):
        line = file.readline(_LONGEST + 1)
        if len(line) > _LONGEST:
            raise http.client.LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            return found
        name, _, value = line.decode("latin-1").partition(":")
        found.setdefault(name.lower(), value.strip())
    raise http.client.HTTPException(f"got more than {_MOST} headers")
