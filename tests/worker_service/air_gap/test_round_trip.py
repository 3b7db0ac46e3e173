"""What one installation exports, another one has: without a network, and right to the last byte."""

import io
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir
from sqlalchemy import select, update

from shared.errors import ChecksumMismatch, ModelNotDownloaded, ModelNotFound
from shared.tables import Model
from tests.conftest import ROOT
from tests.hub_server import HubServer
from tests.worker_service.air_gap.conftest import FILES, WEIGHTS, packed, published, unpacked
from tests.worker_service.workbench import REPO, Workbench
from worker_service.air_gap import keys
from worker_service.air_gap.__main__ import _written, main
from worker_service.transfer.partial import kept_bytes


def _models(bench: Workbench) -> dict[str, Model]:
    with bench.context.database.session() as session:
        return {model.name: model for model in session.scalars(select(Model))}


def test_exported_models_are_downloaded_where_they_are_imported(
    here: Workbench, there: Workbench, hub: HubServer
) -> None:
    here.here("whole", category="llm", facts={"license": "mit", "tags": ["small"]})
    here.here("file", model_file="model.safetensors")
    with here.context.database.session() as session:
        session.execute(update(Model).values(hf_token_encrypted="canary"))
    here.here("copy", hf_repo="org/copy")
    archive = packed(here, REPO, "copy")
    assert b"canary" not in archive
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
    assert names[:2] == ["manifest.json", "manifest.sig"]
    assert len(names) == 2 + 4, "each content once"
    requests = len(hub.requests)
    assert {outcome.what for outcome in unpacked(there, archive)} == {"brought in"}
    found = _models(there)
    assert {name: str(model.download_status) for name, model in found.items()} == dict.fromkeys(
        ("whole", "file", "copy"), "Downloaded"
    )
    assert there.is_whole(found["whole"].id, FILES)
    assert there.verify(found["copy"].id).result == "intact"
    assert (found["whole"].category, found["whole"].facts["license"]) == ("llm", "mit")
    assert Path(str(found["file"].local_path)).read_bytes() == WEIGHTS
    assert len(hub.requests) == requests
    info = scan_cache_dir(there.cache)
    assert (info.warnings, {repo.repo_id for repo in info.repos}) == ([], {REPO, "org/copy"})
    copies = [path for path in there.cache.glob("models--*/blobs/*") if path.stat().st_size == len(WEIGHTS)]
    assert [path.stat().st_nlink for path in copies] == [2, 2], "one file with two names"


def test_what_is_there_is_not_written_twice(here: Workbench, there: Workbench) -> None:
    here.here("m")
    archive = packed(here, "m")
    unpacked(there, archive)
    before = {path: path.stat().st_ino for path in there.cache.glob("models--*/blobs/*")}
    assert [outcome.what for outcome in unpacked(there, archive)] == ["was here already"]
    assert {path: path.stat().st_ino for path in there.cache.glob("models--*/blobs/*")} == before


def test_an_interrupted_import_goes_on_from_its_bytes(here: Workbench, there: Workbench) -> None:
    model_id = here.here("m", model_file="model.safetensors")
    archive, oid = packed(here, "m"), here.blob(model_id, "model.safetensors").name
    with pytest.raises(Exception, match="too early"):
        unpacked(there, archive[: len(archive) // 2])
    assert published(there) == []
    assert _models(there) == {}
    assert len(WEIGHTS) // 3 < kept_bytes(there.cache, oid) < len(WEIGHTS)
    assert [outcome.what for outcome in unpacked(there, archive)] == ["brought in"]
    assert there.is_whole(_models(there)["m"].id, {"model.safetensors": WEIGHTS})
    assert kept_bytes(there.cache, oid) == 0


def test_an_archive_of_a_newer_commit_updates_the_model(
    here: Workbench, there: Workbench, hub: HubServer
) -> None:
    model_id = here.here("m")
    unpacked(there, packed(here, "m"))
    newer = FILES | {"config.json": b"{}"}
    hub.add_repo(REPO, newer)
    here.update(model_id)
    assert [outcome.what for outcome in unpacked(there, packed(here, "m"))] == ["updated"]
    model = there.model(_models(there)["m"].id)
    assert there.is_whole(model.id, newer)
    assert model.former is not None, "the way back"


def test_a_model_that_is_registered_gets_its_files_and_keeps_its_name(
    here: Workbench, there: Workbench
) -> None:
    there.add("their word for it")
    here.here("m")
    unpacked(there, packed(here, "m"))
    assert {name: model.downloaded for name, model in _models(there).items()} == {"their word for it": True}


def test_only_whole_downloaded_models_are_exported(here: Workbench) -> None:
    here.add("absent", hf_repo="org/copy")
    with pytest.raises(ModelNotDownloaded):
        packed(here, "absent")
    with pytest.raises(ModelNotFound, match="nobody"):
        packed(here, "nobody")
    model_id = here.here("m")
    here.flip(model_id, "model.safetensors")
    with pytest.raises(ChecksumMismatch, match=r"model\.safetensors of a/b is damaged"):
        packed(here, str(model_id))


def test_the_command_makes_keys_exports_shows_and_imports(
    here: Workbench, there: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here.here("m")
    key, archive = tmp_path / "air-gap.key", tmp_path / "models.tar"
    assert main(["keygen", str(key)]) == main(["keygen", str(tmp_path / "other")]) == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    exported = _run(here, "export", "--key", key, "--to", archive, "m")
    assert exported.returncode == 0, exported.stderr
    with pytest.raises(FileExistsError), _written(str(archive)):
        pass
    capsys.readouterr()
    assert main(["show", "--key", f"{key}.pub", str(archive)]) == 0
    assert f"m: {REPO} at " in capsys.readouterr().out
    assert main(["show", "--key", str(tmp_path / "other.pub"), str(archive)]) == 1
    assert capsys.readouterr().err.startswith("ARCHIVE_UNTRUSTED: ")
    imported = _run(there, "import", "--key", f"{key}.pub", archive)
    assert (imported.returncode, imported.stdout) == (0, f"m ({REPO}) brought in\n"), imported.stderr
    assert _models(there)["m"].downloaded


def test_half_an_export_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), _written(str(tmp_path / "models.tar")) as out:
        out.write(b"half" * (1 // 0))
    assert list(tmp_path.iterdir()) == []


def _run(bench: Workbench, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    settings = bench.context.settings
    assert settings.database_url
    assert settings.redis_url
    assert settings.secret_keys
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "WEIGHBRIDGE_SECRET_KEYS": settings.secret_keys.get_secret_value(),
        "HF_HUB_CACHE": str(bench.cache),
        "HF_HUB_OFFLINE": "1",
        "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
    }
    command = [sys.executable, "-m", "worker_service.air_gap", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_a_key_that_others_can_read_signs_nothing(tmp_path: Path) -> None:
    keys.make(tmp_path / "key", tmp_path / "key.pub")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(keys.KeyProblem, match="chmod 600"):
        keys.private_key(tmp_path / "key")
    with pytest.raises(keys.KeyProblem, match="no public Ed25519 key"):
        keys.public_key(tmp_path / "key")
    with pytest.raises(keys.KeyProblem, match="can't be made"):
        keys.make(tmp_path / "key", tmp_path / "key.pub")
