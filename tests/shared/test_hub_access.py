from collections.abc import Iterator
from typing import Any

import pytest

from shared import hub_access
from shared.errors import HubUnavailable
from shared.hub import Hub
from tests.hub_server import HubServer

REPO = "owner/name"
FILES = {"config.json": b"{}"}


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_token("hf_granted", REPO)
        found.add_token("hf_other")
        yield found


def _status(server: HubServer, token: str | None, repo: str = REPO) -> tuple[str, Any]:
    found = Hub(server.url, token, False).access(repo)
    assert (found.remedy is None) == (found.status == "ok")
    assert found.detail
    return str(found.status), found.gated


def test_an_open_repository_can_be_fetched_by_all(server: HubServer) -> None:
    server.add_repo(REPO, FILES)
    assert _status(server, None) == ("ok", False)
    assert _status(server, "hf_other") == ("ok", False)


@pytest.mark.parametrize("gated", ["auto", "manual"])
def test_what_stands_in_the_way_at_a_gate_is_told_apart(server: HubServer, gated: str) -> None:
    server.add_repo(REPO, FILES, gated=gated)
    assert _status(server, None) == ("token_missing", gated)
    assert _status(server, "hf_other") == ("license_not_accepted", gated)
    server.asked_for["hf_other", REPO] = "pending"
    assert _status(server, "hf_other") == ("pending", gated)
    server.asked_for["hf_other", REPO] = "rejected"
    assert _status(server, "hf_other") == ("denied", gated)
    assert _status(server, "hf_granted") == ("ok", gated)


@pytest.mark.parametrize("token", ["hf_wrong", "hf_with a space"])
def test_a_token_that_is_none_is_told(server: HubServer, token: str) -> None:
    server.add_repo(REPO, FILES)
    assert _status(server, token)[0] == "token_invalid"


def test_a_fine_grained_token_that_may_not_read_gated_repositories_is_told(server: HubServer) -> None:
    server.add_repo(REPO, FILES, gated="auto")
    message = "Please enable access to public gated repositories in your fine-grained token settings."
    server.fault("status", "*/auth-check", where="api", status=403, headers={"X-Error-Message": message})
    found = Hub(server.url, "hf_other", False).access(REPO)
    assert (found.status, found.gated) == ("token_invalid", "auto")
    assert "fine-grained" in found.detail
    assert "public gated repositories" in str(found.remedy)


@pytest.mark.parametrize("missing", [401, 404])
def test_what_is_private_looks_as_if_it_were_not_there(server: HubServer, missing: int) -> None:
    server.missing_status = missing
    server.add_repo(REPO, FILES, private=True)
    for token in (None, "hf_other"):
        for repo in (REPO, "owner/absent"):
            found = Hub(server.url, token, False).access(repo)
            assert (found.status, found.gated) == ("not_found", None)
            assert "private" in found.detail
            assert ("HF_TOKEN" in str(found.remedy)) == (token is None)
    assert _status(server, "hf_granted") == ("ok", False)


@pytest.mark.parametrize("path", ["*/auth-check", "*/name"])
def test_a_hub_in_trouble_is_no_answer(server: HubServer, path: str) -> None:
    server.add_repo(REPO, FILES)
    server.fault("status", path, where="api", status=502)
    with pytest.raises(HubUnavailable):
        Hub(server.url, None, False).access(REPO)


@pytest.mark.parametrize("said", [None, [], {}, {"status": "maybe"}, {"status": "ok", "gated": 7}])
def test_what_was_kept_and_makes_no_sense_is_unusable(said: Any) -> None:
    with pytest.raises(HubUnavailable):
        hub_access.read(said)
