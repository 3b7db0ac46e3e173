import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from shared import hub as hub_module
from shared.errors import (
    HubOffline,
    HubRateLimited,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
    RevisionNotFound,
)
from shared.hub import Hub
from tests.hub_server import HubServer

REPO = "owner/name"
FILES = {"config.json": b"{}", "sub/model.safetensors": b"weights"}


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


def ask(server: HubServer, repo: str = REPO, revision: str = "main", token: str | None = None):
    return Hub(server.url, token, False).files(repo, revision)[:2]


def test_files_come_with_commit_size_and_checksum(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES)
    found, files = ask(server)
    seen = {file.path: (file.size, len(file.oid), file.is_lfs) for file in files}
    assert found == commit
    assert seen == {"config.json": (2, 40, False), "sub/model.safetensors": (7, 64, True)}


def test_a_listing_of_many_pages_is_read_to_its_end(server: HubServer) -> None:
    server.page_size = 3
    server.add_repo(REPO, {f"{n}.json": b"{}" for n in range(10)})
    _, files = ask(server)
    assert len(files) == 10


def test_a_next_page_at_an_address_that_is_none_is_refused() -> None:
    with answering("[]", link='<http://[>; rel="next"') as url, pytest.raises(HubUnavailable):
        Hub(url, None, False).files(REPO, "main")


def test_the_token_does_not_follow_a_next_page_to_another_host(server: HubServer) -> None:
    server.page_size = 1
    server.add_repo(REPO, FILES)
    server.add_token("hf_good")
    with HubServer() as other:
        # The Hub claims that its pages go on somewhere else.
        own, server.url = server.url, other.url
        Hub(own, "hf_good", False).files(REPO, "main")
        assert other.requests == []


@pytest.mark.parametrize("revision", ["main", "v1", "refs/pr/2"])
def test_any_kind_of_revision_is_resolved(server: HubServer, revision: str) -> None:
    commit = server.add_repo(REPO, FILES)
    server.add_tag(REPO, "v1")
    server.add_repo(REPO, FILES, revision="refs/pr/2")
    assert ask(server, revision=revision)[0] == ask(server, revision=commit)[0] == commit


def test_without_a_token_none_is_sent_even_if_one_lies_around(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_from-the-environment")
    server.add_repo(REPO, FILES)
    ask(server)
    assert all("authorization" not in request.headers for request in server.requests)


def test_a_hub_that_is_offline_is_never_asked(server: HubServer) -> None:
    with pytest.raises(HubOffline):
        Hub(server.url, None, True).files(REPO, "main")
    assert server.requests == []


@pytest.mark.parametrize("missing", [401, 404])
@pytest.mark.parametrize("token", [None, "hf_good"])
def test_a_missing_or_private_repository_is_not_found(server: HubServer, missing: int, token) -> None:
    server.missing_status = missing
    server.add_token("hf_good", "somebody/else")
    server.add_repo("owner/private", FILES, private=True)
    for repo in ("owner/missing", "owner/private"):
        with pytest.raises(RepoNotFound):
            ask(server, repo, token=token)


def test_a_name_that_is_no_repository_is_not_asked_for(server: HubServer) -> None:
    with pytest.raises(RepoNotFound):
        ask(server, "../../etc/passwd")
    assert server.requests == []


def test_a_missing_revision_is_named(server: HubServer) -> None:
    server.add_repo(REPO, FILES)
    with pytest.raises(RevisionNotFound, match="nowhere"):
        ask(server, revision="nowhere")


@pytest.mark.parametrize(
    "token", ["hf_canary", "hf_canary with a space", "hf_canary\nline", "canary\x00", ""]
)
def test_a_wrong_token_is_invalid_and_never_repeated(server: HubServer, token: str) -> None:
    server.add_repo(REPO, FILES)
    with pytest.raises(InvalidHfToken) as caught:
        ask(server, token=token)
    assert "canary" not in repr(caught.value) + str(caught.value.as_dict()) + repr(caught.value.__cause__)


def test_a_token_without_the_right_is_told_apart(server: HubServer) -> None:
    server.add_repo(REPO, FILES)
    server.add_token("hf_good")
    server.fault("status", where="api", status=403, error_code="GatedRepo")
    with pytest.raises(LicenseNotAccepted):
        ask(server, token="hf_good")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "86400"}, 86400),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 5000}, 1e9),
        ({"Retry-After": "Thu, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"RateLimit": f'"api";r=0;t={"9" * 5000}'}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_says_how_long_it_lasts_and_is_not_slept_through(
    server: HubServer, headers: dict[str, str], seconds: float | None
) -> None:
    server.add_repo(REPO, FILES)
    server.fault("status", where="api", status=429, headers=headers, times=None)
    began = time.monotonic()
    with pytest.raises(HubRateLimited) as caught:
        ask(server)
    assert caught.value.facts["retry_after"] == seconds
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("path", ["*/revision/*", "*/tree/*"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 418])
def test_a_hub_in_trouble_is_unavailable(server: HubServer, path: str, status: int) -> None:
    server.add_repo(REPO, FILES)
    server.fault("status", path, where="api", status=status)
    with pytest.raises(HubUnavailable, match=str(status)):
        ask(server)


def test_a_hub_that_does_not_answer_is_given_up(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "METADATA_TIMEOUT", 0.2)
    server.add_repo(REPO, FILES)
    server.fault("hold", where="api")
    with pytest.raises(HubUnavailable, match="timeout"):
        ask(server)


def test_what_went_wrong_on_the_way_is_said() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(HubUnavailable, match="refused"):
        Hub(f"http://127.0.0.1:{port}", None, False).files(REPO, "main")
    with pytest.raises(HubUnavailable, match="DNS"):
        Hub("http://no-such-host.invalid", None, False).files(REPO, "main")


def test_a_connection_that_is_not_secure_is_said(server: HubServer) -> None:
    with pytest.raises(HubUnavailable, match="TLS"):
        Hub(server.url.replace("http:", "https:"), None, False).files(REPO, "main")


_ENTRY = '[{"type": "file", "path": "%s", "oid": "' + "a" * 40 + '", "size": %s}]'


@pytest.mark.parametrize(
    "answer",
    [
        *("<html>", '{"no": "list"}', "[1]", '[{"type": "file"}]', "[{"),
        _ENTRY % (r"\ud800", 1),
        _ENTRY % ("a", 2**63),
    ],
)
def test_an_answer_that_makes_no_sense_is_unavailable(
    server: HubServer, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    with answering(answer) as url, pytest.raises(HubUnavailable):
        Hub(url, None, False).files(REPO, "main")


@contextlib.contextmanager
def answering(body: str, *, link: str = "") -> Iterator[str]:
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = '{"sha": "%s"}' % ("a" * 40) if "/revision/" in self.path else body
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
