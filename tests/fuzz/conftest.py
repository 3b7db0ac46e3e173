"""What the fuzzers share: how a run is told apart, and a service that is watched."""

import dataclasses
import logging
import socket
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpcore2
import pytest
import structlog
from flask import Flask
from sqlalchemy import select

from api_service import create_app
from shared.database import Database
from shared.hub_names import path_problem, repo_id_problem, revision_problem
from shared.outbound import Door
from shared.settings import Settings
from shared.tables import Model, ModelSource
from tests.conftest import make_settings
from tests.fuzz.form import HOW, THROWN
from tests.fuzz.watch import Watch
from tests.hub_server import HubServer

REPO = "owner/name"
FILES = {"config.json": b"{}", "m-Q4_0.gguf": b"4" * 400, "sub/m-00001-of-00001.gguf": b"1" * 20}
_PLENTY = "1000000 per minute"
_A_LIST = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"data": [{"id": "m"}]}'


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Every report of a fuzzer names the seed that repeats it."""
    report = yield
    report.sections.append(("how to repeat it", HOW))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A run that succeeded tells its seed too."""
    thrown = ", ".join(f"{count:,} {what}" for what, count in THROWN.items())
    terminalreporter.write_line(f"fuzzers: {HOW}{': ' if thrown else ''}{thrown}")


class Provider(httpcore2.NetworkBackend):
    """Instead of the network behind the outbound door: notes who is dialled, answers as told."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self.answer = _A_LIST

    def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        self.dialled.append(host)
        return httpcore2.MockStream([self.answer])


@dataclass(frozen=True)
class Service:
    """The API on real stores, and who watches it."""

    app: Flask
    watch: Watch
    provider: Provider
    hub: HubServer
    folder: Path  # for models of source=path


@pytest.fixture
def _errors_only() -> Iterator[None]:
    """A failure must not drown in the log of ten thousand requests; traces of surprises stay."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def service(
    _errors_only: None, settings: Settings, redis: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A watched API, with a Hub of its own and a door behind which there is no network.

    It must still be well once the test is over, and nothing may have been noticed meanwhile.
    """
    folder = tmp_path / "local"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "weights.bin").write_bytes(b"w")
    (folder / "out").symlink_to("/etc")
    assert settings.database_url
    assert settings.redis_url
    database_url = settings.database_url.get_secret_value()
    _know_numbers_only(monkeypatch)
    with HubServer() as hub:
        hub.add_repo(REPO, FILES)
        app = create_app(
            make_settings(
                DATABASE_URL=database_url,
                REDIS_URL=settings.redis_url.get_secret_value(),
                WEIGHBRIDGE_DATA_DIR=str(tmp_path / "data"),
                WEIGHBRIDGE_LOCAL_PATH_ROOTS=str(folder),
                WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS="",
                WEIGHBRIDGE_TRUSTED_PROXIES="1",  # so that forged headers of proxies are looked at
                WEIGHBRIDGE_SIGN_IN_LIMIT=_PLENTY,
                WEIGHBRIDGE_TEST_CONNECTION_LIMIT=_PLENTY,
                WEIGHBRIDGE_HUB_LIMIT=_PLENTY,
                HF_ENDPOINT=hub.url,
            )
        )
        provider = Provider()
        parts = app.extensions["weighbridge"]
        app.extensions["weighbridge"] = dataclasses.replace(parts, door=Door(dialler=provider))
        watch = Watch(app, database_url=database_url, may_write=tmp_path / "data")
        app.wsgi_app = watch  # type: ignore[method-assign]
        yield Service(app, watch, provider, hub, folder)
        is_well = app.test_client().get("/healthz").status_code == 200
        unsound = _unsound_models(parts.database, folder)
        watch.close()
        parts.database.dispose()
    assert is_well
    assert not watch.breaches, "\n".join(watch.breaches)
    assert not unsound, "\n".join(unsound)


def _unsound_models(database: Database, folder: Path) -> list[str]:
    """Models that should not have been registered: the API itself would refuse what they say."""
    with database.session() as session:
        found = [model for model in session.scalars(select(Model)) if not _is_sound(model, folder)]
        return [f"{each.name!r} {each.hf_repo!r} {each.revision!r} {each.model_file!r}" for each in found]


def _is_sound(model: Model, folder: Path) -> bool:
    texts = [model.name, model.hf_repo, model.revision, model.model_file, model.local_path]
    texts += [*(model.allow_patterns or ()), *(model.ignore_patterns or ())]
    is_plain = not any(unicodedata.category(each) in ("Cc", "Cs") for text in texts for each in text or "")
    if not is_plain or not model.name.strip():
        return False
    if model.source is ModelSource.PATH:
        return Path(str(model.local_path)).is_relative_to(folder.resolve())
    if model.source is None:
        return True
    problems = (repo_id_problem(str(model.hf_repo)), revision_problem(str(model.revision)))
    return not any(problems) and (model.model_file is None or not path_problem(model.model_file))


def _know_numbers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the door no name is asked of a name server; addresses in every spelling are still understood."""

    def answer(host: str, port: int, **kwargs: Any) -> Any:
        return socket.getaddrinfo(host, port, **kwargs, flags=socket.AI_NUMERICHOST)

    known = SimpleNamespace(getaddrinfo=answer, SOCK_STREAM=socket.SOCK_STREAM)
    monkeypatch.setattr("shared.outbound.socket", known)
