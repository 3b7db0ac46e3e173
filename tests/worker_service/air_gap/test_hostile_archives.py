"""An archive comes from outside: what is not exactly what was signed leaves nothing under a final name."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import (
    ArchiveInvalid,
    ArchiveUntrusted,
    CachePermissionDenied,
    ChecksumMismatch,
    InsufficientDisk,
    NotInCatalog,
)
from tests.worker_service.air_gap.conftest import CONFIG, KEY, WEIGHTS, unpacked
from tests.worker_service.workbench import Workbench
from worker_service.air_gap.archive import Reader, Writer
from worker_service.air_gap.importer import fill, opened

OID = hashlib.sha256(WEIGHTS).hexdigest()
SMALL = hashlib.sha1(b"blob %d\0" % len(CONFIG) + CONFIG).hexdigest()
Change = Callable[[dict[str, Any]], object]


def _manifest() -> dict[str, Any]:
    files = [
        {"path": "config.json", "size": len(CONFIG), "oid": SMALL, "is_lfs": False},
        {"path": "model.safetensors", "size": len(WEIGHTS), "oid": OID, "is_lfs": True},
    ]
    unknown = ("category", "model_file", "allow_patterns", "ignore_patterns", "license", "base_model")
    model = {"name": "m", "repo": "a/b", "revision": "main", "commit": "c" * 40, "files": files, "tags": []}
    return {"models": [dict.fromkeys(unknown) | model]}


def _archive(change: Change = lambda manifest: None, **member: Any) -> bytes:
    """An archive with the right signature; `member`: how its large file's header differs."""
    manifest = _manifest()
    change(manifest)
    content, out = json.dumps(manifest).encode(), io.BytesIO()
    writer = Writer(out)
    writer.add("manifest.json", len(content), [content])
    writer.add("manifest.sig", 64, [KEY.sign(content)])
    writer.add(f"blobs/{SMALL}", len(CONFIG), [CONFIG])
    header = tarfile.TarInfo(f"blobs/{OID}")
    header.size = len(WEIGHTS)
    for name, value in member.items():
        setattr(header, name, value)
    out.write(header.tobuf(tarfile.GNU_FORMAT))
    out.write(WEIGHTS)
    writer.close()
    return out.getvalue()


def _fill(cache: Path, archive: bytes) -> None:
    reader, contents = opened(io.BytesIO(archive), KEY.public_key())
    fill(cache, reader, contents.needs())


def _blobs(cache: Path) -> set[str]:
    return {path.name for path in cache.glob("models--*/blobs/*")}


def test_what_these_tests_forge_is_an_archive_where_nothing_is_changed(tmp_path: Path) -> None:
    _fill(tmp_path, _archive())
    assert _blobs(tmp_path) == {SMALL, OID}
    assert (tmp_path / "models--a--b" / "blobs" / OID).read_bytes() == WEIGHTS


def test_another_key_opens_nothing() -> None:
    with pytest.raises(ArchiveUntrusted):
        opened(io.BytesIO(_archive()), Ed25519PrivateKey.generate().public_key())


def test_a_changed_manifest_is_not_believed() -> None:
    with pytest.raises(ArchiveUntrusted):
        opened(io.BytesIO(_archive().replace(b'"name": "m"', b'"name": "n"')), KEY.public_key())


@pytest.mark.parametrize("place", [0, 1_500_000, len(WEIGHTS) - 1])
def test_one_changed_byte_of_a_file_is_found_and_not_built_upon(tmp_path: Path, place: int) -> None:
    changed = bytearray(_archive())
    changed[changed.index(WEIGHTS) + place] ^= 1
    with pytest.raises(ChecksumMismatch, match=r"model\.safetensors"):
        _fill(tmp_path, bytes(changed))
    assert _blobs(tmp_path) == {SMALL}
    _fill(tmp_path, _archive())
    assert (tmp_path / "models--a--b" / "blobs" / OID).read_bytes() == WEIGHTS


def test_one_changed_byte_of_a_small_file_is_found(tmp_path: Path) -> None:
    with pytest.raises(ChecksumMismatch, match=r"config\.json"):
        _fill(tmp_path, _archive().replace(CONFIG, CONFIG.replace(b"llama", b"lLama")))
    assert list(tmp_path.glob("models--*")) == []


@pytest.mark.parametrize("length", [0, 100, 512, 1500, 2500, 4000, 2_000_000])
def test_a_cut_archive_is_told(tmp_path: Path, length: int) -> None:
    with pytest.raises(ArchiveInvalid):
        _fill(tmp_path, _archive()[:length])
    assert OID not in _blobs(tmp_path)


def test_an_archive_ends_where_its_manifest_does(tmp_path: Path) -> None:
    for wrong in (_archive()[:-1024], _archive()[:-1024] + b"more" * 256):
        with pytest.raises(ArchiveInvalid):
            _fill(tmp_path, wrong)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["models"][0]["files"][0].update(path="../../evil"),
        lambda it: it["models"][0]["files"][0].update(path="/etc/passwd"),
        lambda it: it["models"][0]["files"][0].update(path="a\x00b"),
        lambda it: it["models"][0]["files"][0].update(oid="../../../evil"),
        lambda it: it["models"][0]["files"][0].update(oid="A" * 40),
        lambda it: it["models"][0]["files"][0].update(size=-1),
        lambda it: it["models"][0]["files"][0].update(size=2**70),
        lambda it: it["models"][0]["files"][0].update(size="1"),
        lambda it: it["models"][0]["files"].append(it["models"][0]["files"][0]),
        lambda it: it["models"][0]["files"].append(it["models"][0]["files"][0] | {"path": "x", "size": 1}),
        lambda it: it["models"][0].update(files=[]),
        lambda it: it["models"][0].update(repo="../../evil"),
        lambda it: it["models"][0].update(revision="../../evil"),
        lambda it: it["models"][0].update(commit="../../evil"),
        lambda it: it["models"][0].update(commit="a" * 40 + "\n"),
        lambda it: it["models"][0].update(model_file="../evil"),
        lambda it: it["models"][0].update(local_path="/etc"),
        lambda it: it["models"][0].update(name=""),
        lambda it: it["models"][0].update(name="a\nb"),
        lambda it: it.update(version=2),
        lambda it: it.update(models=[]),
        lambda it: it.pop("models"),
    ],
)
def test_a_signed_manifest_is_looked_at_as_a_strangers(change: Change) -> None:
    with pytest.raises(ArchiveInvalid):
        opened(io.BytesIO(_archive(change)), KEY.public_key())


@pytest.mark.parametrize(
    "member",
    [
        {"name": "../../evil"},
        {"name": f"blobs/{'0' * 64}"},
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "manifest.json"},
        {"type": tarfile.XHDTYPE},
        {"type": tarfile.GNUTYPE_LONGNAME},
        {"type": tarfile.GNUTYPE_SPARSE},
        {"type": tarfile.DIRTYPE},
        {"size": len(WEIGHTS) - 512},
        {"size": 2**40},
    ],
)
def test_a_member_is_a_regular_file_of_the_name_and_size_that_the_manifest_says(
    tmp_path: Path, member: dict[str, Any]
) -> None:
    with pytest.raises(ArchiveInvalid):
        _fill(tmp_path, _archive(**member))
    assert _blobs(tmp_path) == {SMALL}


def test_bytes_that_are_no_archive_are_told() -> None:
    for content in (b"x" * 5000, bytes(5000)):
        with pytest.raises(ArchiveInvalid, match=r"manifest\.json"):
            Reader(io.BytesIO(content)).expect("manifest.json")


def test_a_planted_link_leads_no_file_out_of_the_cache(tmp_path: Path) -> None:
    outside, cache = tmp_path / "outside", tmp_path / "cache"
    outside.mkdir()
    (cache / "models--a--b").mkdir(parents=True)
    (cache / "models--a--b" / "blobs").symlink_to(outside)
    with pytest.raises(CachePermissionDenied, match="leads out of the cache"):
        _fill(cache, _archive())
    assert list(outside.iterdir()) == []


def test_an_import_that_is_refused_touches_nothing(there: Workbench) -> None:
    told = there.context.settings
    for changed, error in (
        ({"disk_reserve_bytes": 2**62}, InsufficientDisk),
        ({"catalog_only": True}, NotInCatalog),
    ):
        object.__setattr__(there.context, "settings", told.model_copy(update=changed))
        with pytest.raises(error):
            unpacked(there, _archive())
        assert not there.cache.exists()
