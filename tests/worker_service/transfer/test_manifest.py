import pytest

from shared.errors import FileNotFound, HubUnavailable, RevisionNotFound
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import REPO, Workshop

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "original/consolidated.pth": b"old",
    "q4/m-00001-of-00002.gguf": b"1",
    "q4/m-00002-of-00002.gguf": b"2",
    "broken-00001-of-00002.gguf": b"1",
}


@pytest.fixture(autouse=True)
def commit(hub: HubServer) -> str:
    return hub.add_repo(REPO, FILES)


def names(shop: Workshop, **choice: object) -> list[str]:
    return [file.path for file in shop.manifest(**choice).files]


def test_a_manifest_holds_every_file_at_the_commit(shop: Workshop, commit: str) -> None:
    manifest = shop.manifest()
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert (manifest.repo, manifest.revision, manifest.commit) == (REPO, "main", commit)


def test_a_manifest_knows_its_bytes_and_counts_a_shared_blob_once(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, {"a.bin": b"12345", "b.bin": b"12345", "c.bin": b"123"})
    assert shop.manifest().total_bytes == 8


def test_one_file_can_be_chosen(shop: Workshop) -> None:
    assert names(shop, model_file="config.json") == ["config.json"]


@pytest.mark.parametrize("part", ["q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"])
def test_any_part_brings_all_parts(shop: Workshop, part: str) -> None:
    assert names(shop, model_file=part) == ["q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"]


def test_a_missing_part_is_named(shop: Workshop) -> None:
    with pytest.raises(FileNotFound, match=r"broken-00002-of-00002\.gguf"):
        shop.manifest(model_file="broken-00001-of-00002.gguf")


def test_a_missing_file_is_named(shop: Workshop) -> None:
    with pytest.raises(FileNotFound, match=r"Config\.json"):
        shop.manifest(model_file="Config.json")


@pytest.mark.parametrize(
    ("allow", "ignore", "found"),
    [
        (["*.json", "*.safetensors"], None, ["config.json", "model.safetensors"]),
        (["q4/"], None, ["q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"]),
        (None, ["*.gguf", "original/*"], ["config.json", "model.safetensors"]),
        (["*.gguf"], ["q4/*"], ["broken-00001-of-00002.gguf"]),
        ([], [], sorted(FILES)),
    ],
)
def test_patterns_choose(shop: Workshop, allow, ignore, found) -> None:
    assert names(shop, allow_patterns=allow, ignore_patterns=ignore) == found


def test_patterns_that_match_nothing_are_refused(shop: Workshop) -> None:
    with pytest.raises(FileNotFound):
        shop.manifest(allow_patterns=["*.onnx"])


def test_a_frozen_commit_stays_what_it_was(hub: HubServer, shop: Workshop, commit: str) -> None:
    hub.add_repo(REPO, {"new.json": b"{}"})
    manifest = shop.manifest(commit=commit)
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert (manifest.revision, manifest.commit) == ("main", commit)


def test_a_commit_that_does_not_exist_is_not_found(shop: Workshop) -> None:
    with pytest.raises(RevisionNotFound):
        shop.manifest(commit="0" * 40)


def test_a_listing_with_a_name_that_leads_out_is_refused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, {"../../evil": b"x"})
    with pytest.raises(HubUnavailable):
        shop.manifest()
