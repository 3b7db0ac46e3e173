import json
from collections.abc import Iterator

import pytest

from shared import hub as hub_module
from shared.errors import (
    FileNotFound,
    GatedModelNoToken,
    HubOffline,
    HubRateLimited,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
)
from shared.hub import Hub, read_found, read_look
from tests.hub_server import HubServer

REPO = "owner/name"
CONTENT = bytes(range(256)) * 40
FILES = {"config.json": b'{"model_type": "qwen3"}', "sub/a b.gguf": CONTENT, "empty.json": b""}


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


def test_the_beginning_of_a_file_comes_by_a_range_without_the_token_at_the_store(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES, private=True)
    server.add_token("hf_good", REPO)
    assert Hub(server.url, "hf_good", False).head(REPO, commit, "sub/a b.gguf", 100) == CONTENT[:100]
    assert server.bytes_served() == 100
    assert not server.authorization_at_cdn


@pytest.mark.parametrize("path", ["sub/a b.gguf", "config.json"])
def test_a_server_that_sends_all_is_not_listened_to_for_longer_than_asked(
    server: HubServer, path: str
) -> None:
    commit = server.add_repo(REPO, FILES)
    server.fault("range_ignored", times=None)
    assert Hub(server.url, None, False).head(REPO, commit, path, 10) == FILES[path][:10]


def test_a_file_that_is_shorter_or_empty_comes_whole(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES)
    hub = Hub(server.url, None, False)
    assert hub.head(REPO, commit, "config.json", 1 << 20) == FILES["config.json"]
    assert hub.head(REPO, commit, "empty.json", 10) == b""
    assert hub.json_file(REPO, commit, "config.json") == {"model_type": "qwen3"}


def test_other_bytes_than_asked_for_are_refused(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES)
    server.fault("wrong_content_range", delta=1)
    with pytest.raises(HubUnavailable, match="other bytes"):
        Hub(server.url, None, False).head(REPO, commit, "sub/a b.gguf", 10)


def test_what_the_hub_refuses_of_a_file_has_its_own_name(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES, gated="manual")
    server.add_token("hf_good")
    for token, error in (
        (None, GatedModelNoToken),
        ("hf_good", LicenseNotAccepted),
        ("hf_x", InvalidHfToken),
    ):
        with pytest.raises(error):
            Hub(server.url, token, False).head(REPO, commit, "config.json", 10)
    server.add_token("hf_good", REPO)
    with pytest.raises(FileNotFound):
        Hub(server.url, "hf_good", False).head(REPO, commit, "absent.json", 10)
    with pytest.raises(RepoNotFound):
        Hub(server.url, None, False).head("../../x", commit, "config.json", 10)


def test_a_store_that_refuses_is_no_gate(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES)
    server.fault("status", where="cdn", status=403)
    with pytest.raises(HubUnavailable, match="store"):
        Hub(server.url, None, False).head(REPO, commit, "sub/a b.gguf", 10)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b" " * (2 << 20)])
def test_a_json_file_that_is_none_or_too_long_is_unusable(server: HubServer, content: bytes) -> None:
    commit = server.add_repo(REPO, {"config.json": content})
    with pytest.raises(HubUnavailable):
        Hub(server.url, None, False).json_file(REPO, commit, "config.json")


def test_an_answer_without_end_is_given_up(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LARGEST_ANSWER", 1000)
    server.add_repo(REPO, {f"{number}.json": b"{}" for number in range(100)})
    with pytest.raises(HubUnavailable, match="no end"):
        Hub(server.url, None, False).files(REPO, "main")


def test_all_calls_together_have_the_time_that_was_given(server: HubServer) -> None:
    server.add_repo(REPO, FILES)
    server.fault("hold", "*/tree/*", where="api")
    with pytest.raises(HubUnavailable, match="in time"):
        Hub(server.url, None, False).within(0.3).look(REPO, "main")
    with pytest.raises(HubUnavailable, match="too long"):
        Hub(server.url, None, False).within(0).look(REPO, "main")


def test_a_search_finds_by_a_part_of_the_name_the_most_downloaded_first(server: HubServer) -> None:
    for name, downloads in (("o/qwen-a", 5), ("o/qwen-b", 50), ("o/phi", 500), ("x/Qwen-c", 7)):
        server.add_repo(name, FILES, info={"downloads": downloads, "pipeline_tag": "text-generation"})
    server.add_repo("o/qwen-private", FILES, private=True)
    server.add_repo("o/qwen-b", FILES, gated="manual")
    found = read_found(Hub(server.url, None, False).search("qwen", 2))
    assert [(each.repo, each.downloads, each.gated) for each in found] == [
        ("o/qwen-b", 50, "manual"),
        ("x/Qwen-c", 7, False),
    ]
    assert {each.pipeline_tag for each in found} == {"text-generation"}


def test_a_search_asks_for_no_more_than_it_shows(server: HubServer) -> None:
    server.add_repo(REPO, FILES)
    [told] = Hub(server.url, None, False).search("name", 10)
    assert "siblings" not in told


def test_of_what_was_found_only_usable_names_are_shown() -> None:
    said = json.loads(
        '[null, 7, {}, {"id": 7}, {"id": "../.."}, {"id": "a/b/c"}, {"id": "a/b", "likes": "x"}]'
    )
    [found] = read_found(said)
    assert (found.repo, found.likes) == ("a/b", None)
    with pytest.raises(HubUnavailable):
        read_found({"a": 1})


def test_a_hub_in_trouble_is_told_for_every_call(server: HubServer) -> None:
    commit = server.add_repo(REPO, FILES)
    for status, error in ((429, HubRateLimited), (500, HubUnavailable)):
        server.clear_faults()
        server.fault("status", where="*", status=status, times=None)
        hub = Hub(server.url, None, False)
        for call in (
            lambda hub=hub: hub.search("a", 1),
            lambda hub=hub: hub.access(REPO),
            lambda hub=hub: hub.head(REPO, commit, "config.json", 1),
        ):
            with pytest.raises(error):
                call()
    with pytest.raises(HubOffline):
        Hub(server.url, None, True).search("a", 1)


def test_a_repository_with_a_name_of_one_part_is_asked_as_any_other(server: HubServer) -> None:
    commit = server.add_repo("gpt2", FILES)
    hub = Hub(server.url, None, False)
    look = read_look(hub.look("gpt2", "main"), repo="gpt2", revision="main")
    assert look.preview.commit_hash == commit
    assert hub.access("gpt2").status == "ok"
    assert hub.json_file("gpt2", commit, "config.json") == {"model_type": "qwen3"}
    assert [each.repo for each in read_found(hub.search("gpt", 5))] == ["gpt2"]
