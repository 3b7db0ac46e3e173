import json
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download

from shared.hub import RemoteFile
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import published_files

FILES = {
    "config.json": b'{"model_type": "test"}',
    "empty.txt": b"",
    "empty.safetensors": b"",
    "sub/folder/vocab.txt": b"a\nb\n",
    "small.safetensors": some_bytes(1000),
    "model.safetensors": some_bytes(5 * PIECE + 17),
    "notes.md": some_bytes(3 * PIECE, seed=2),
}


def test_a_whole_repository_arrives_byte_for_byte(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest()
    shop.fetch(manifest)
    assert {path: shop.content(manifest, path) for path in FILES} == FILES


def test_every_byte_is_served_only_once(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    shop.fetch()
    assert hub.bytes_served() == sum(map(len, FILES.values()))


def test_the_standard_client_finds_the_files_offline(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    shop.fetch()
    one = hf_hub_download(REPO, "model.safetensors", cache_dir=shop.cache, local_files_only=True)
    folder = snapshot_download(REPO, cache_dir=shop.cache, local_files_only=True)
    assert Path(one).read_bytes() == FILES["model.safetensors"]
    assert json.loads((Path(folder) / "config.json").read_text()) == {"model_type": "test"}


def test_the_standard_client_scans_the_cache_without_a_warning(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    commit = shop.manifest().commit
    shop.fetch()
    found = scan_cache_dir(shop.cache)
    assert found.warnings == []
    (repo,) = found.repos
    assert (repo.repo_id, repo.nb_files, set(repo.refs)) == (REPO, len(FILES), {"main"})
    assert repo.refs["main"].commit_hash == commit


def test_the_standard_client_fetches_nothing_afterwards(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    shop.fetch()
    before = hub.bytes_served()
    for path in FILES:
        hf_hub_download(REPO, path, cache_dir=shop.cache, endpoint=hub.url, token=False)
    assert hub.bytes_served() == before


def test_what_the_standard_client_fetched_is_reused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    hf_hub_download(REPO, "model.safetensors", cache_dir=shop.cache, endpoint=hub.url, token=False)
    before = hub.bytes_served("model.safetensors")
    snapshot = shop.fetch().snapshot()
    assert hub.bytes_served("model.safetensors") == before
    assert snapshot.bytes_reused == len(FILES["model.safetensors"])


def test_a_blob_that_is_a_link_into_a_shared_store_is_reused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest(model_file="model.safetensors")
    store = shop.cache / "blobs" / "aa" / "stored"
    store.parent.mkdir(parents=True)
    store.write_bytes(FILES["model.safetensors"])
    blob = shop.cache / "models--owner--name" / "blobs" / manifest.files[0].oid
    blob.parent.mkdir(parents=True)
    blob.symlink_to(store)
    shop.fetch(manifest)
    assert hub.bytes_served() == 0
    assert shop.content(manifest, "model.safetensors") == FILES["model.safetensors"]


def test_a_second_transfer_fetches_nothing(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    shop.fetch()
    before = hub.bytes_served()
    snapshot = shop.fetch().snapshot()
    assert hub.bytes_served() == before
    assert snapshot.bytes_reused == snapshot.bytes_done == snapshot.bytes_total


def test_all_parts_of_a_sharded_model_arrive(hub: HubServer, shop: Workshop) -> None:
    parts = {f"q4/m-0000{n}-of-00003.gguf": some_bytes(2 * PIECE, seed=n) for n in (1, 2, 3)}
    hub.add_repo(REPO, {**parts, "q8/m.gguf": b"other"})
    manifest = shop.manifest(model_file="q4/m-00002-of-00003.gguf")
    shop.fetch(manifest)
    assert {path: shop.content(manifest, path) for path in parts} == parts
    assert hub.bytes_served("q8/*") == 0


def test_two_names_of_one_content_are_fetched_once(hub: HubServer, shop: Workshop) -> None:
    content = some_bytes(2 * PIECE)
    hub.add_repo(REPO, {"a.safetensors": content, "b/c.safetensors": content})
    manifest = shop.manifest()
    snapshot = shop.fetch(manifest).snapshot()
    assert hub.bytes_served() == snapshot.bytes_total == len(content)
    assert snapshot.files_done == snapshot.files_total == 2
    assert shop.content(manifest, "a.safetensors") == shop.content(manifest, "b/c.safetensors") == content


def test_names_that_need_quoting_arrive(hub: HubServer, shop: Workshop) -> None:
    files = {"a b/ü#1?.safetensors": some_bytes(5000), "100% [x]+&=.json": b"{}"}
    hub.add_repo(REPO, files)
    manifest = shop.manifest()
    shop.fetch(manifest)
    assert {path: shop.content(manifest, path) for path in files} == files


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1"])
def test_a_branch_a_tag_and_a_pull_request_get_a_ref(hub: HubServer, shop: Workshop, revision: str) -> None:
    commit = hub.add_repo(REPO, FILES, revision="refs/pr/1")
    hub.add_repo(REPO, FILES)
    hub.add_tag(REPO, "v1.0")
    shop.fetch(shop.manifest(revision=revision))
    assert (shop.cache / "models--owner--name" / "refs" / revision).read_text() == commit
    assert scan_cache_dir(shop.cache).warnings == []


def test_a_commit_gets_no_ref(hub: HubServer, shop: Workshop) -> None:
    commit = hub.add_repo(REPO, FILES)
    shop.fetch(shop.manifest(revision=commit))
    assert [path for path in shop.published() if "/refs/" in path] == []
    assert snapshot_download(REPO, revision=commit, cache_dir=shop.cache, local_files_only=True)


def test_a_branch_that_moved_on_points_to_the_new_commit(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    shop.fetch()
    commit = hub.add_repo(REPO, {**FILES, "config.json": b"{}"})
    before = hub.bytes_served()
    shop.fetch()
    assert hub.bytes_served() - before == 2
    assert (shop.cache / "models--owner--name" / "refs" / "main").read_text() == commit


def test_a_repository_with_a_one_part_name_arrives(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo("gpt2", FILES)
    shop.fetch(shop.manifest(repo="gpt2"))
    assert hf_hub_download("gpt2", "config.json", cache_dir=shop.cache, local_files_only=True)


def test_small_files_that_redirect_on_the_hub_itself_arrive_with_the_token(
    hub: HubServer, shop: Workshop
) -> None:
    hub.resolve_cache = True
    hub.add_repo(REPO, FILES, private=True)
    hub.add_token("hf_good", "*")
    shop.token = "hf_good"
    manifest = shop.manifest()
    shop.fetch(manifest)
    assert shop.content(manifest, "config.json") == FILES["config.json"]
    assert not hub.authorization_at_cdn


def test_the_snapshot_tells_where_the_transfer_stands(hub: HubServer, shop: Workshop, background) -> None:
    hub.add_repo(REPO, {"model.safetensors": some_bytes(8 * PIECE), "config.json": b"{}"})
    hub.throttle = 4e6
    transfer = shop.transfer()
    before = transfer.snapshot()
    run = background(transfer)
    seen = []
    run.until(lambda: seen.append(transfer.snapshot()) or transfer.snapshot().files_done == 2)
    assert run.end() is None
    after = transfer.snapshot()
    assert (before.bytes_done, before.phase, before.bytes_total) == (0, "transferring", 8 * PIECE + 2)
    assert (after.bytes_done, after.files_done, after.phase) == (8 * PIECE + 2, 2, "publishing")
    done = [snapshot.bytes_done for snapshot in seen]
    assert done == sorted(done)
    assert any(0 < count < 8 * PIECE for count in done)
    assert any(snapshot.current_file == "model.safetensors" for snapshot in seen)


def test_the_check_of_published_files_looks_at_names_and_sizes(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest()
    assert not published_files(shop.cache, REPO, manifest.commit, manifest.files)
    shop.fetch(manifest)
    assert published_files(shop.cache, REPO, manifest.commit, manifest.files)
    longer = RemoteFile("config.json", 999, "0" * 40, False)
    assert not published_files(shop.cache, REPO, manifest.commit, [longer])
