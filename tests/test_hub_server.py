"""The test Hub is good enough when the real, unmodified client cannot tell the difference."""

import contextlib
import fnmatch
import hashlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub_server import Fault, HubServer

WEIGHTS = random.Random(1).randbytes(300_000)
FILES = {
    "README.md": b"# a model\n",
    "config.json": b'{"hidden_size": 8}',
    "model.safetensors": WEIGHTS,
    "onnx/model file.onnx": WEIGHTS[:5000],
    "onnx/deep/empty.txt": b"",
}
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
REPO = "acme/tiny"


@pytest.fixture(autouse=True)
def quiet_client(monkeypatch, tmp_path):
    """No token of the developer's, no Xet, no telemetry, no socket that leaves loopback."""
    for name in ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setattr(constants, name, True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    connect = socket.socket.connect

    def only_loopback(sock, address):
        assert sock.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"), address
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", only_loopback)


@pytest.fixture
def hub():
    with HubServer() as server:
        server.add_repo(REPO, FILES)
        yield server


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.url, token=False)


def fetch(base, path, method="GET", **headers):
    """Status, headers and body of one plain request, whatever the body turns out to be."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=5)
    body = headers.pop("body", None)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        try:
            content = answer.read()
        except http.client.IncompleteRead as short:
            content = short.partial
        return answer.status, answer.headers, content


def signed_path(hub, file="model.safetensors", repo=REPO):
    location = fetch(hub.url, f"/{repo}/resolve/main/{file}")[1]["Location"]
    return location.removeprefix(hub.cdn_url)


def download(hub, tmp_path, file="model.safetensors", **options):
    path = hf_hub_download(REPO, file, cache_dir=tmp_path / "cache", endpoint=hub.url, **options)
    return Path(path).read_bytes()


def until(condition, seconds=3):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


# The protocol, through the client


def test_a_snapshot_arrives_whole_and_passes_the_clients_own_check(hub, api, tmp_path):
    folder = snapshot_download(REPO, cache_dir=tmp_path, endpoint=hub.url, token=False)
    assert {p: (Path(folder) / p).read_bytes() for p in FILES} == FILES
    checked = api.verify_repo_checksums(REPO, cache_dir=tmp_path)
    assert checked.checked_count == len(FILES)
    assert not checked.mismatches
    assert not checked.missing_paths
    assert [repo.nb_files for repo in scan_cache_dir(tmp_path).repos] == [len(FILES)]


def test_the_client_names_its_blobs_after_the_sha256_or_gits_own_hash(hub, tmp_path):
    snapshot_download(REPO, cache_dir=tmp_path, endpoint=hub.url, token=False)
    config = FILES["config.json"]
    git = hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()
    names = {blob.name for blob in tmp_path.glob("*/blobs/*")}
    assert {SHA256, git} <= names


def test_files_given_as_paths_are_served_like_bytes(hub, tmp_path):
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    for name in ("model.safetensors", "sub/config.json"):
        (folder / name).write_bytes(WEIGHTS)
    commit = hub.add_repo("acme/disk", folder)
    assert commit == hub.add_repo("acme/bytes", {"model.safetensors": WEIGHTS, "sub/config.json": WEIGHTS})
    copy = snapshot_download("acme/disk", cache_dir=tmp_path / "cache", endpoint=hub.url, token=False)
    assert (Path(copy) / "model.safetensors").read_bytes() == WEIGHTS
    assert (Path(copy) / "sub/config.json").read_bytes() == WEIGHTS


def test_model_info_with_files_metadata_tells_sizes_and_hashes(hub, api):
    info = api.model_info(REPO, files_metadata=True)
    files = {sibling.rfilename: sibling for sibling in info.siblings}
    assert files.keys() == FILES.keys()
    weights = files["model.safetensors"]
    assert (weights.lfs.sha256, weights.lfs.size, weights.size) == (SHA256, len(WEIGHTS), len(WEIGHTS))
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize 300000\n".encode()
    assert weights.lfs.pointer_size == len(pointer)
    assert weights.blob_id == hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
    assert files["config.json"].lfs is None
    assert files["config.json"].size == len(FILES["config.json"])
    assert api.model_info(REPO).siblings[0].size is None


def test_model_info_shows_what_the_repository_says_about_itself(hub, api):
    card = {"license": "mit", "tags": ["tiny"]}
    weights = {"parameters": {"F32": 75_000}, "total": 75_000}
    facts = {"cardData": card, "tags": ["tiny"], "safetensors": weights, "config": {"model_type": "bert"}}
    hub.add_repo(REPO, FILES, gated="manual", info=facts)
    info = api.model_info(REPO)
    assert (info.gated, info.private, info.tags, info.safetensors.total) == (
        "manual",
        False,
        ["tiny"],
        75_000,
    )
    assert info.card_data.license == "mit"
    assert info.config == {"model_type": "bert"}


def test_expand_returns_only_what_was_asked_for(hub, api):
    info = api.model_info(REPO, expand=["sha", "gated"])
    assert re.fullmatch("[0-9a-f]{40}", info.sha)
    assert info.gated is False
    assert info.siblings is None
    assert info.tags is None


def test_a_repository_without_an_owner_is_found(hub, api, tmp_path):
    hub.add_repo("gpt2", {"config.json": b"{}", "sub/a.bin": b"1"})
    assert api.model_info("gpt2", revision="main").id == "gpt2"
    assert [f.path for f in api.list_repo_tree("gpt2")] == ["config.json", "sub"]
    path = hf_hub_download("gpt2", "sub/a.bin", cache_dir=tmp_path, endpoint=hub.url, token=False)
    assert Path(path).read_bytes() == b"1"


def test_the_tree_is_listed_over_many_pages(hub, api):
    many = {f"shard/{n:03}.txt": str(n).encode() for n in range(57)}
    hub.add_repo("acme/many", many)
    hub.page_size = 10
    paths = [f.path for f in api.list_repo_tree("acme/many", recursive=True)]
    assert paths == ["shard", *many]
    assert len([r for r in hub.requests if "/tree/" in r.path]) == 6


def test_a_folder_of_the_tree_is_listed_without_its_depths(hub, api):
    assert [f.path for f in api.list_repo_tree(REPO)] == [
        "README.md",
        "config.json",
        "model.safetensors",
        "onnx",
    ]
    assert [f.path for f in api.list_repo_tree(REPO, "onnx")] == ["onnx/deep", "onnx/model file.onnx"]
    entry = next(f for f in api.list_repo_tree(REPO, "onnx", expand=True) if f.path.endswith(".onnx"))
    assert entry.last_commit.oid == api.model_info(REPO).sha
    assert entry.lfs.size == 5000
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "nowhere"))


def test_paths_info_skips_what_does_not_exist(api):
    found = api.get_paths_info(REPO, ["model.safetensors", "onnx", "nowhere"], expand=True)
    assert [entry.path for entry in found] == ["model.safetensors", "onnx"]
    assert found[0].lfs.sha256 == SHA256


def test_refs_name_branches_tags_and_pull_requests(hub, api):
    hub.add_tag(REPO, "v1")
    hub.add_repo(REPO, {"a": b"1"}, revision="dev")
    request = hub.add_repo(REPO, {"a": b"2"}, revision="refs/pr/1")
    refs = api.list_repo_refs(REPO, include_pull_requests=True)
    assert [ref.name for ref in refs.branches] == ["main", "dev"]
    assert [ref.ref for ref in refs.tags] == ["refs/tags/v1"]
    assert [(ref.ref, ref.target_commit) for ref in refs.pull_requests] == [("refs/pr/1", request)]
    assert api.list_repo_refs(REPO).pull_requests is None


@pytest.mark.parametrize("revision", ["dev", "v1", "refs/pr/1", "commit"])
def test_a_file_is_found_by_branch_tag_pull_request_and_commit(hub, tmp_path, revision):
    commit = hub.add_repo(REPO, {"a.txt": b"new"}, revision="dev")
    hub.add_repo(REPO, {"a.txt": b"new"}, revision="refs/pr/1")
    hub.add_tag(REPO, "v1", "dev")
    revision = commit if revision == "commit" else revision
    assert download(hub, tmp_path, "a.txt", revision=revision, token=False) == b"new"


def test_a_new_commit_moves_the_branch_and_leaves_the_old_one_readable(hub, api, tmp_path):
    old = api.model_info(REPO).sha
    new = hub.add_repo(REPO, {"config.json": b"second"})
    assert api.model_info(REPO).sha == new != old
    assert download(hub, tmp_path, "config.json", revision=old) == FILES["config.json"]
    assert download(hub, tmp_path, "config.json") == b"second"
    assert hub.add_repo(REPO, FILES) == old


def test_models_are_searched_by_name_and_private_ones_stay_hidden(hub, api):
    hub.add_repo("acme/other", FILES)
    hub.add_repo("acme/tiny-secret", FILES, private=True)
    assert [model.id for model in api.list_models(search="TINY")] == [REPO]
    hub.page_size = 1
    assert [model.id for model in api.list_models(author="acme")] == [REPO, "acme/other"]


# Refusals


def test_an_unknown_repository_is_not_found(hub, api, tmp_path):
    for status in (404, 401):
        hub.missing_status = status
        with pytest.raises(RepositoryNotFoundError) as caught:
            api.model_info("acme/nothing")
        assert caught.value.response.status_code == status
        with pytest.raises(RepositoryNotFoundError):
            snapshot_download("acme/nothing", cache_dir=tmp_path, endpoint=hub.url, token=False)


def test_a_private_repository_exists_only_for_a_token_that_was_granted_it(hub):
    hub.add_repo("acme/secret", FILES, private=True)
    hub.add_token("hf_in", "acme/*")
    hub.add_token("hf_out")
    for token in (False, "hf_out"):
        with pytest.raises(RepositoryNotFoundError):
            HfApi(endpoint=hub.url, token=token).auth_check("acme/secret")
    assert HfApi(endpoint=hub.url, token="hf_in").model_info("acme/secret").private is True


def test_an_unknown_revision_and_an_unknown_file_have_their_own_errors(hub, api, tmp_path):
    with pytest.raises(RevisionNotFoundError):
        api.model_info(REPO, revision="nope")
    with pytest.raises(RevisionNotFoundError):
        snapshot_download(REPO, revision="nope", cache_dir=tmp_path, endpoint=hub.url, token=False)
    with pytest.raises(EntryNotFoundError):
        download(hub, tmp_path, "nope.json", token=False)
    assert fetch(hub.url, f"/{REPO}/resolve/main/nope.json")[1]["X-Repo-Commit"] == api.model_info(REPO).sha


@pytest.mark.parametrize("revision", ["%0AX-Evil:%201", "%C3%BC", "%2e%2e%2f..", "refs", ""])
def test_a_hostile_revision_is_just_unknown(hub, revision):
    status, headers, _ = fetch(hub.url, f"/{REPO}/resolve/{revision}/config.json")
    assert (status, headers["X-Error-Code"], headers["X-Evil"]) == (404, "RevisionNotFound", None)


def test_a_gated_repository_shows_its_page_to_all_and_its_files_to_the_granted(hub, tmp_path):
    hub.add_repo(REPO, FILES, gated="auto")
    hub.add_token("hf_in", REPO)
    hub.add_token("hf_out")
    for token, status in ((False, 401), ("hf_out", 403)):
        api = HfApi(endpoint=hub.url, token=token)
        assert api.model_info(REPO).gated == "auto"
        with pytest.raises(GatedRepoError) as caught:
            api.auth_check(REPO)
        assert caught.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            download(hub, tmp_path, token=token)
    HfApi(endpoint=hub.url, token="hf_in").auth_check(REPO)
    assert download(hub, tmp_path, token="hf_in") == WEIGHTS


def test_an_invalid_token_is_refused_even_for_a_public_repository(hub):
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi(endpoint=hub.url, token="hf_wrong").model_info(REPO)
    assert caught.value.response.status_code == 401
    assert "Invalid credentials" in str(caught.value)
    assert not isinstance(caught.value, RepositoryNotFoundError)
    hub.add_token("hf_right")
    assert HfApi(endpoint=hub.url, token="hf_right").whoami()["name"] == "tester"


# Redirects, signed addresses, ranges


def test_an_lfs_file_comes_from_another_origin_that_never_sees_the_token(hub, tmp_path):
    hub.add_token("hf_good")
    assert download(hub, tmp_path, token="hf_good") == WEIGHTS
    assert [r.origin for r in hub.requests] == ["hub", "cdn"]
    assert hub.requests[0].headers["authorization"] == "Bearer hf_good"
    assert not hub.authorization_at_cdn
    fetch(hub.cdn_url, signed_path(hub), Authorization="Bearer hf_good")
    assert hub.authorization_at_cdn


def test_the_redirect_carries_the_facts_about_the_file(hub, api):
    status, headers, _ = fetch(hub.url, f"/{REPO}/resolve/main/model.safetensors", "HEAD")
    assert (status, headers["X-Linked-Etag"], headers["X-Linked-Size"]) == (302, f'"{SHA256}"', "300000")
    assert headers["X-Repo-Commit"] == api.model_info(REPO).sha
    assert headers["Location"].startswith(f"{hub.cdn_url}/blob/{SHA256}?X-Signature=")


def test_small_files_may_come_by_a_relative_redirect(hub, tmp_path):
    hub.resolve_cache = True
    assert download(hub, tmp_path, "config.json", token=False) == FILES["config.json"]
    assert any(r.path.startswith("/api/resolve-cache/") and r.file == "config.json" for r in hub.requests)


def test_signed_addresses_expire_by_time_by_use_and_on_demand(hub):
    hub.url_uses = 2
    path = signed_path(hub)
    assert [fetch(hub.cdn_url, path)[0] for _ in range(3)] == [200, 200, 403]
    hub.url_uses, hub.url_seconds = None, 60
    path = signed_path(hub)
    assert fetch(hub.cdn_url, path)[0] == 200
    hub.url_seconds = 0  # the age is judged when the address is used
    assert fetch(hub.cdn_url, path)[0] == 403
    hub.url_seconds = None
    path = signed_path(hub)
    hub.expire_urls()
    assert fetch(hub.cdn_url, path)[0] == 403


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=123456-234567", 123456, 234567),
        ("bytes=299990-", 299990, 299999),
        ("bytes=-12", 299988, 299999),
        ("bytes=-999999", 0, 299999),
        ("bytes=5-999999", 5, 299999),
    ],
)
def test_a_range_is_answered_with_exactly_those_bytes(hub, asked, first, last):
    status, headers, body = fetch(hub.cdn_url, signed_path(hub), Range=asked)
    assert (status, headers["Content-Range"]) == (206, f"bytes {first}-{last}/300000")
    assert body == WEIGHTS[first : last + 1]
    assert headers["Content-Length"] == str(len(body))
    assert hub.requests[-1].range == (first, last)


def test_a_range_behind_the_end_is_416_and_a_malformed_one_is_no_range(hub):
    for asked in ("bytes=300000-", "bytes=999999-1000000", "bytes=-0"):
        status, headers, _ = fetch(hub.cdn_url, signed_path(hub), Range=asked)
        assert (status, headers["Content-Range"]) == (416, "bytes */300000")
    for asked in ("bytes=5-4", "bytes=-", "lines=1-2", "bytes=0-1,4-5"):
        assert fetch(hub.cdn_url, signed_path(hub), Range=asked)[0] == 200


def test_if_range_gives_the_part_only_of_the_same_version(hub):
    path = f"/{REPO}/resolve/main/config.json"
    etag = fetch(hub.url, path, "HEAD")[1]["ETag"]
    status, _, body = fetch(hub.url, path, Range="bytes=2-5", If_Range=etag)
    assert (status, body) == (206, FILES["config.json"][2:6])
    status, _, body = fetch(hub.url, path, Range="bytes=2-5", If_Range='"old"')
    assert (status, body) == (200, FILES["config.json"])


def test_an_opaque_cdn_etag_says_nothing_about_the_content(hub):
    hub.opaque_cdn_etags = True
    assert SHA256 not in fetch(hub.cdn_url, signed_path(hub))[1]["ETag"]


# Faults


def test_a_cut_ends_the_body_and_the_client_goes_on(hub, tmp_path):
    fault = hub.fault("cut", "*.safetensors", where="cdn", after_bytes=100_000)
    assert download(hub, tmp_path, token=False) == WEIGHTS
    assert fault.fired == 1
    assert next(r.bytes_sent for r in hub.requests if r.origin == "cdn") == 100_000


def test_a_reset_in_mid_body_is_an_error_for_the_client(hub, tmp_path):
    hub.fault("cut", where="cdn", after_bytes=100_000, reset=True)
    with pytest.raises(httpx2.ReadError):
        download(hub, tmp_path, token=False)


def test_a_connection_can_end_before_the_status_line(hub):
    hub.fault("cut", where="resolve", after_bytes=-1)
    with pytest.raises(http.client.RemoteDisconnected):
        fetch(hub.url, f"/{REPO}/resolve/main/config.json")
    assert hub.requests[-1].status == 0


def test_a_fault_fires_as_often_as_it_says_and_only_where_it_aims(hub):
    fault = hub.fault(Fault("status", "*.json", times=2, where="resolve", method="GET", status=500))
    path = f"/{REPO}/resolve/main/"
    assert fetch(hub.url, path + "README.md")[0] == 200
    assert fetch(hub.url, path + "config.json", "HEAD")[0] == 200
    assert [fetch(hub.url, path + "config.json")[0] for _ in range(3)] == [500, 500, 200]
    assert fault.fired == 2
    hub.fault("status", f"{REPO}/*", times=None)
    assert [fetch(hub.url, path + "config.json")[0] for _ in range(2)] == [503, 503]
    hub.clear_faults()
    assert fetch(hub.url, path + "config.json")[0] == 200
    with pytest.raises(ValueError, match="unknown fault"):
        hub.fault("meteorite")


def test_concurrent_requests_share_a_faults_turns(hub):
    fault = hub.fault("status", times=7, where="resolve")
    statuses = []
    get = lambda: statuses.append(fetch(hub.url, f"/{REPO}/resolve/main/config.json")[0])  # noqa: E731
    threads = [threading.Thread(target=get) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(503), statuses.count(200), fault.fired) == (7, 33, 7)


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
def test_any_status_can_be_answered_by_api_hub_and_cdn(hub, status):
    path = signed_path(hub)
    targets = {"api": (hub.url, f"/api/models/{REPO}"), "cdn": (hub.cdn_url, path)}
    targets["resolve"] = (hub.url, f"/{REPO}/resolve/main/config.json")
    for where, (base, target) in targets.items():
        hub.fault("status", where=where, status=status, retry_after=7, message="not now")
        answer, headers, _ = fetch(base, target)
        assert (answer, headers["Retry-After"], headers["X-Error-Message"]) == (status, "7", "not now")
        assert fetch(base, target)[0] == 200


def test_the_client_waits_for_retry_after_and_then_succeeds(hub, tmp_path):
    hub.fault("status", where="cdn", status=429, retry_after=0)
    assert download(hub, tmp_path, token=False) == WEIGHTS


def test_a_503_from_the_cdn_fails_the_client_at_once(hub, tmp_path):
    hub.fault("status", where="cdn", status=503)
    with pytest.raises(HfHubHTTPError) as caught:
        download(hub, tmp_path, token=False)
    assert caught.value.response.status_code == 503


def test_a_stall_lasts_until_it_is_released(hub, tmp_path):
    hub.fault("stall", where="cdn", after_bytes=1000)
    got = []
    thread = threading.Thread(target=lambda: got.append(download(hub, tmp_path, token=False)))
    thread.start()
    until(lambda: hub.bytes_served() == 1000)
    time.sleep(0.05)
    assert hub.bytes_served() == 1000
    assert not got
    hub.release()
    thread.join(5)
    assert got == [WEIGHTS]


def test_a_hold_answers_only_when_released_or_after_its_time(hub):
    hub.fault("hold", where="api", seconds=0.1)
    began = time.monotonic()
    assert fetch(hub.url, f"/api/models/{REPO}")[0] == 200
    assert time.monotonic() - began >= 0.1
    hub.fault("hold", where="api")
    thread = threading.Thread(target=fetch, args=(hub.url, f"/api/models/{REPO}"))
    thread.start()
    until(lambda: len(hub.requests) == 2)
    time.sleep(0.05)
    assert hub.requests[1].status == 0
    hub.release()
    thread.join(5)
    assert hub.requests[1].status == 200


def test_slow_and_throttle_pace_each_connection_by_itself(hub):
    hub.throttle = 300_000  # the file's bytes: a second for each, four if they shared one rate
    paths = [signed_path(hub) for _ in range(4)]
    began = time.monotonic()
    threads = [threading.Thread(target=fetch, args=(hub.cdn_url, path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.9 <= time.monotonic() - began < 3
    hub.throttle = None
    hub.fault("slow", where="cdn", bytes_per_second=1_000_000, latency=0.1)
    began = time.monotonic()
    assert fetch(hub.cdn_url, paths[0])[2] == WEIGHTS
    assert time.monotonic() - began >= 0.35


def test_latency_delays_every_answer(hub):
    hub.latency = 0.1
    began = time.monotonic()
    fetch(hub.url, f"/api/models/{REPO}")
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("from_disk", [False, True])
def test_one_wrong_bit_passes_the_client_unnoticed(hub, tmp_path, from_disk):
    if from_disk:
        (tmp_path / "weights").write_bytes(WEIGHTS)
        hub.add_repo(REPO, {"model.safetensors": tmp_path / "weights"})
    hub.fault("wrong_bytes", where="cdn", offset=200_000)
    got = download(hub, tmp_path, token=False)
    assert [n for n in range(len(WEIGHTS)) if got[n] != WEIGHTS[n]] == [200_000]


def test_a_wrong_bit_waits_for_the_range_that_holds_it(hub):
    fault = hub.fault("wrong_bytes", where="cdn", offset=200_000)
    path = signed_path(hub)
    assert fetch(hub.cdn_url, path, Range="bytes=0-99999")[2] == WEIGHTS[:100_000]
    assert fault.fired == 0
    got = fetch(hub.cdn_url, path, Range="bytes=199999-200001")[2]
    assert got == bytes([WEIGHTS[199_999], WEIGHTS[200_000] ^ 1, WEIGHTS[200_001]])


@pytest.mark.parametrize(("delta", "got"), [(10, 300_000), (-10, 299_990)])
def test_the_length_can_be_a_lie_in_both_directions(hub, delta, got):
    hub.fault("wrong_length", where="cdn", delta=delta)
    status, headers, body = fetch(hub.cdn_url, signed_path(hub))
    assert (status, headers["Content-Length"], len(body)) == (200, str(300_000 + delta), got)


def test_a_range_can_be_ignored_or_answered_with_another(hub):
    path = signed_path(hub)
    hub.fault("range_ignored", where="cdn")
    hub.fault("wrong_content_range", where="cdn", delta=7)
    assert fetch(hub.cdn_url, path)[0] == 200
    status, headers, body = fetch(hub.cdn_url, path, Range="bytes=10-19")
    assert (status, headers["Content-Range"], body) == (200, None, WEIGHTS)
    status, headers, _ = fetch(hub.cdn_url, path, Range="bytes=10-19")
    assert (status, headers["Content-Range"]) == (206, "bytes 17-26/300000")


def test_a_wrong_etag_names_the_clients_blob(hub, tmp_path):
    hub.fault("wrong_etag", where="resolve")
    assert download(hub, tmp_path, token=False) == WEIGHTS
    assert [blob.name for blob in tmp_path.glob("cache/*/blobs/*")] == [SHA256[::-1]]
    hub.fault("wrong_etag", where="resolve", etag="../../x")
    assert fetch(hub.url, f"/{REPO}/resolve/main/model.safetensors")[1]["X-Linked-Etag"] == "../../x"


def test_faults_can_hit_the_api_body_too(hub):
    hub.fault("cut", where="api", after_bytes=5)
    assert len(fetch(hub.url, f"/api/models/{REPO}")[2]) == 5


# What can be seen, from inside and outside, and the end


def test_bytes_are_counted_by_file_over_both_origins(hub, tmp_path):
    snapshot_download(REPO, cache_dir=tmp_path, endpoint=hub.url, token=False)
    sizes = {path: len(content) for path, content in FILES.items()}
    assert {path: hub.bytes_served(path) for path in FILES} == sizes
    assert hub.bytes_served() == sum(sizes.values())
    assert hub.bytes_served(f"{REPO}/onnx/*") == sum(
        n for p, n in sizes.items() if fnmatch.fnmatch(p, "onnx/*")
    )
    before = hub.bytes_served("*.safetensors")
    fetch(hub.cdn_url, signed_path(hub), Range="bytes=0-99")
    assert hub.bytes_served("*.safetensors") == before + 100


def test_connections_are_kept_alive(hub):
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc)
    for method, path in (
        ("GET", "config.json"),
        ("HEAD", "README.md"),
        ("GET", "nope"),
        ("GET", "README.md"),
    ):
        connection.request(method, f"/{REPO}/resolve/main/{path}")
        connection.getresponse().read()
    connection.close()
    assert len({record.client for record in hub.requests}) == 1
    assert len(hub.requests) == 4


def test_close_frees_stalled_answers_and_leaves_no_thread_and_no_socket(tmp_path):
    threads, sockets = set(threading.enumerate()), open_files()
    hub = HubServer()
    hub.add_repo(REPO, FILES)
    hub.fault("stall", where="cdn", after_bytes=1000)
    hub.fault("hold", where="api")
    idle = http.client.HTTPConnection(urlsplit(hub.url).netloc)
    idle.request("HEAD", f"/{REPO}/resolve/main/config.json")
    idle.getresponse().read()
    outcomes = []
    clients = [
        threading.Thread(target=swallow, args=(outcomes, hub.cdn_url, signed_path(hub))),
        threading.Thread(target=swallow, args=(outcomes, hub.url, f"/api/models/{REPO}")),
    ]
    for client in clients:
        client.start()
    until(lambda: hub.bytes_served() == 1000 and len(hub.requests) == 4)
    began = time.monotonic()
    hub.close()
    assert time.monotonic() - began < 5
    for client in clients:
        client.join(2)
    idle.close()
    assert len(outcomes) == 2
    assert set(threading.enumerate()) == threads
    assert open_files() == sockets
    for url in (hub.url, hub.cdn_url):
        with pytest.raises(ConnectionRefusedError):
            fetch(url, "/")


def swallow(outcomes, base, path):
    try:
        outcomes.append(len(fetch(base, path)[2]))
    except (OSError, http.client.HTTPException) as error:
        outcomes.append(error)


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_from_the_command_line_it_serves_folders_and_obeys_its_control_endpoints(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(WEIGHTS)
    script = Path(__file__).with_name("hub_server.py")
    options = ["--repo", f"{REPO}={folder}", "--gated", REPO, "--token", f"hf_t={REPO}", "--latency-ms", "1"]
    server = subprocess.Popen([sys.executable, script, *options], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        post = lambda name, **fields: fetch(url, f"/_control/{name}", "POST", body=json.dumps(fields))  # noqa: E731
        path = hf_hub_download(REPO, "model.gguf", cache_dir=tmp_path / "cache", endpoint=url, token="hf_t")
        assert Path(path).read_bytes() == WEIGHTS
        stats = json.loads(fetch(url, "/_control/stats")[2])
        assert stats["bytes_served"] == {f"{REPO}/model.gguf": len(WEIGHTS)}
        assert [r["origin"] for r in stats["requests"]] == ["hub", "cdn"]
        assert not stats["authorization_at_cdn"]
        assert post("fault", kind="status", where="api", status=418)[0] == 200
        assert fetch(url, f"/api/models/{REPO}")[0] == 418
        post("settings", page_size=3)
        assert post("release")[0] == 200
        (folder / "more.txt").write_bytes(b"more")
        post("repo", repo_id=REPO, files=str(folder))
        assert len(HfApi(endpoint=url, token=False).model_info(REPO).siblings) == 2
        assert [post("fault", kind="meteorite")[0], post("nonsense")[0]] == [400, 400]
        post("reset")
        stats = json.loads(fetch(url, "/_control/stats")[2])
        assert (stats["requests"], stats["faults"]) == ([], [])
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(5) == 0
        server.stdout.close()
