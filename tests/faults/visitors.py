"""People at the service while it breaks: they ask for what a page asks for, and judge every answer.

An answer is right when it says what it should or declares that it can't just now: 503 as problem+json with
the code SERVICE_UNAVAILABLE and Retry-After.
"""

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import requests

from tests.faults.fleet import Fleet

PAGES = ("/api/models", "/api/downloads/queue", "/api/storage", "/healthz", "/readyz", "/api/health")


def complaint(answer: requests.Response) -> str | None:
    """What is wrong with an answer; None for one that is right or a declared refusal."""
    asked = f"{answer.request.method} {answer.request.url}: {answer.status_code}"
    if answer.status_code < 500:
        return None
    if answer.status_code != 503:
        return f"{asked} {answer.text[:200]}"
    kind = answer.headers.get("Content-Type", "")
    if kind != "application/problem+json" or answer.json().get("code") != "SERVICE_UNAVAILABLE":
        return f"{asked} is no declared refusal: {kind} {answer.text[:200]}"
    return None if answer.headers.get("Retry-After", "").isdigit() else f"{asked} without Retry-After"


@dataclass
class Visitors:
    """A context manager: inside, a thread asks for one page after the other."""

    fleet: Fleet
    pages: tuple[str, ...] = PAGES
    pause: float = 0.1
    complaints: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    slowest: float = 0.0

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._visit, name="visitors", daemon=True)

    def __enter__(self) -> "Visitors":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(60)

    def ask(self, method: str, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        """Ask once and judge; a connection that breaks is no answer, and raises."""
        began = time.monotonic()
        answer = self.fleet.call(method, path, body, **kwargs)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
        if wrong := complaint(answer):
            self.complaints.append(wrong)
        return answer

    def _visit(self) -> None:
        while True:
            for page in self.pages:
                try:
                    self.ask("GET", page)
                except requests.RequestException as error:
                    self.complaints.append(f"GET {page}: {type(error).__name__} {error}")
                if self._ended.wait(self.pause):
                    return
