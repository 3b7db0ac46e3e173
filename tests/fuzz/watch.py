"""What may not happen, whatever is sent: looked for around every request, and around every write to disk."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psycopg2
from flask import Flask

# The Hub of a fuzzer may answer anything, so these are honest answers of ours.
HONEST_503 = frozenset({"HUB_UNAVAILABLE", "HUB_RATE_LIMITED", "HUB_OFFLINE"})
# A row that was written anew has another xmin. A token notes its use even where the request is refused then.
_ROWS = """
    SELECT (SELECT (count(*), sum(xmin::text::bigint))::text FROM models),
           (SELECT (count(*), sum(xmin::text::bigint))::text FROM operations),
           (SELECT (count(*), sum(xmin::text::bigint))::text FROM users),
           (SELECT (count(*), max(id))::text FROM api_tokens)
"""


class Watch:
    """Stands before the app, as WSGI middleware; `breaches` tells what went wrong, a line each."""

    def __init__(self, app: Flask, *, database_url: str, may_write: Path) -> None:
        """`may_write`: the only folder that requests may write to."""
        self.requests = 0
        self.breaches: list[str] = []
        self._app = app.wsgi_app
        self._may_write = may_write.resolve()
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True
        self._rows = self._look()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        self.requests += 1
        statuses: list[int] = []

        def note(status: str, headers: Any, *rest: Any) -> Any:
            statuses.append(int(status.split()[0]))
            return start_response(status, headers, *rest)

        with written() as paths:
            answer = self._app(environ, note)
        status = statuses[-1]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            answer = _read(answer)
        what = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']!r}?{environ.get('QUERY_STRING', '')!r}"
        self._judge(f"{what} -> {status}", status, answer, paths)
        return answer

    def close(self) -> None:
        """Close the connection that looks at the rows."""
        self._connection.close()

    def _judge(self, what: str, status: int, answer: Iterable[bytes], paths: list[str]) -> None:
        if status >= 500 and not (isinstance(answer, list) and _code(answer) in HONEST_503):
            self.breaches.append(f"{what}: a server error")
        rows, self._rows = self._rows, self._look()
        if 400 <= status < 500 and rows != self._rows:
            self.breaches.append(f"{what}: refused, and yet the rows have changed: {rows} -> {self._rows}")
        if strays := outside(paths, self._may_write):
            self.breaches.append(f"{what}: wrote to {strays}")

    def _look(self) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(_ROWS)
            return cursor.fetchone()


def _read(answer: Any) -> list[bytes]:
    try:
        return list(answer)
    finally:
        answer.close()


def _code(answer: list[bytes]) -> str:
    return str(json.loads(b"".join(answer))["code"])


def outside(paths: Iterable[str], folder: Path) -> list[str]:
    """Those that are not below the folder; Python's own compiled modules don't count."""
    root = folder.resolve()
    return [path for path in paths if not Path(path).is_relative_to(root) and "__pycache__" not in path]


@contextmanager
def written() -> Iterator[list[str]]:
    """The real paths that this thread writes, makes, renames, links or removes meanwhile."""
    _install()
    outer, _here.paths = getattr(_here, "paths", None), []
    try:
        yield _here.paths
    finally:
        _here.paths = outer


_here = threading.local()
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# By audit event: which of its arguments are paths, and which are the folders that these are relative to.
_EVENTS = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.link": ((1, 3),),
    "os.truncate": ((0, None),),
    "open": ((0, None),),
}


@cache
def _install() -> None:
    """Once, and for the rest of the process: an audit hook can't be taken out again."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    places = _EVENTS.get(event)
    paths = getattr(_here, "paths", None) if places else None
    if places is None or paths is None:
        return
    is_open = event == "open"
    # What is open already has been looked at.
    if isinstance(arguments[0], int) or (is_open and not arguments[2] & _WRITING):
        return
    for place, folder in places:
        found = os.fsdecode(arguments[place])
        if folder is not None and arguments[folder] not in (None, -1):
            found = os.path.join(os.readlink(f"/proc/self/fd/{arguments[folder]}"), found)
        # What is opened may be a link that leads elsewhere; anything else is done to the name itself.
        follows = is_open and not arguments[2] & os.O_NOFOLLOW
        parent, name = os.path.split(os.path.abspath(found))
        paths.append(os.path.realpath(found) if follows else os.path.join(os.path.realpath(parent), name))
