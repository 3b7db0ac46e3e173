"""Out of the register, with and without the files."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from shared import events
from tests.hub_server import Fault
from tests.stack import TERMINAL, Stack, wait_for

MB = 1_000_000


@pytest.fixture
def stack_redis(stack: Stack) -> Iterator[Redis]:
    """The stack's own Redis."""
    client: Redis = Redis.from_url(stack.env["REDIS_URL"], decode_responses=True)
    yield client
    client.close()


def _delete(stack: Stack, model_id: int) -> dict[str, object]:
    started = stack.call("DELETE", f"/api/models/{model_id}?deleteLocalFile=true")
    assert started.status_code == 202, started.text
    path = f"/api/tasks/{started.json()['taskId']}"

    def probe() -> dict[str, object] | None:
        task: dict[str, object] = stack.get(path)
        return task if task["status"] in TERMINAL else None

    found: dict[str, object] = wait_for("the delete", probe)
    return found


def test_without_the_files_only_the_row_goes(stack: Stack) -> None:
    repo = stack.add_repo({"keep.gguf": os.urandom(MB)})
    model = stack.register(repo, "keep.gguf", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    path = Path(stack.get(f"/api/models/{model['id']}")["localPath"])
    assert stack.call("DELETE", f"/api/models/{model['id']}").status_code == 204
    assert path.is_file()
    again = stack.register(repo, "keep.gguf", downloadNow=True)
    done = stack.wait_status(again, "Downloaded")
    assert done["bytesReused"] == MB
    assert stack.hub.bytes_served("keep.gguf") == MB


def test_with_the_files_nothing_of_the_repository_stays(stack: Stack) -> None:
    repo = stack.add_repo({"go.gguf": os.urandom(MB), "config.json": b"{}"})
    model = stack.register(repo, downloadNow=True)
    stack.wait_status(model, "Downloaded")
    folder = stack.cache / f"models--{repo.replace('/', '--')}"
    assert folder.is_dir()
    usage = stack.get(f"/api/models/{model['id']}/usage")
    assert (usage["sizeOnDiskBytes"], usage["estimatedFreedBytes"]) == (MB + 2, MB + 2)
    done = _delete(stack, model["id"])
    assert (done["status"], done["result"], done["bytesFreed"]) == ("completed", "removed", MB + 2)
    assert not folder.exists()
    assert not list((stack.cache / ".weighbridge" / "trash").glob("*"))
    assert stack.call("GET", f"/api/models/{model['id']}").status_code == 404


def test_what_another_model_needs_stays(stack: Stack) -> None:
    repo = stack.add_repo({"shared.gguf": os.urandom(MB), "only.gguf": os.urandom(MB)})
    one = stack.register(repo, "shared.gguf", downloadNow=True)
    whole = stack.register(repo, downloadNow=True)
    stack.wait_status(one, "Downloaded")
    stack.wait_status(whole, "Downloaded")
    assert stack.get(f"/api/models/{whole['id']}/usage")["estimatedFreedBytes"] == MB
    assert _delete(stack, whole["id"])["bytesFreed"] == MB
    kept = Path(stack.get(f"/api/models/{one['id']}")["localPath"])
    assert kept.is_file()
    assert not (kept.parent / "only.gguf").exists()
    assert len(list((stack.cache / f"models--{repo.replace('/', '--')}" / "blobs").iterdir())) == 1


def test_a_model_that_was_never_downloaded_is_deleted_without_a_fuss(stack: Stack) -> None:
    model = stack.register(stack.add_repo({"never.gguf": b"x"}), "never.gguf")
    done = _delete(stack, model["id"])
    assert (done["error"], done["result"], done["bytesFreed"]) == (None, "not_installed", 0)
    assert stack.call("GET", f"/api/models/{model['id']}").status_code == 404


def test_files_that_somebody_removed_by_hand_are_no_error(stack: Stack) -> None:
    repo = stack.add_repo({"gone.gguf": os.urandom(MB)})
    model = stack.register(repo, "gone.gguf", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    shutil.rmtree(stack.cache / f"models--{repo.replace('/', '--')}")
    done = _delete(stack, model["id"])
    assert (done["status"], done["error"], done["result"]) == ("completed", None, "not_installed")


def test_a_model_that_a_service_needs_stays_until_it_is_given_up(stack: Stack) -> None:
    model = stack.register(stack.add_repo({"used.gguf": os.urandom(MB)}), "used.gguf", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    path = f"/api/models/{model['id']}"
    reference = f"{path}/references/search/docs"
    assert stack.call("PUT", reference, {"policy": "block"}).status_code == 201
    refused = stack.call("DELETE", f"{path}?deleteLocalFile=true&confirm=true")
    assert (refused.status_code, refused.json()["code"]) == (409, "MODEL_IN_USE")
    assert Path(stack.get(path)["localPath"]).is_file()
    assert stack.call("PUT", reference, {"policy": "warn"}).status_code == 200
    refused = stack.call("DELETE", f"{path}?deleteLocalFile=true")
    assert refused.json()["warnings"] == ["1 use by search would break."]
    assert stack.call("DELETE", reference).status_code == 204
    assert _delete(stack, model["id"])["result"] == "removed"


def test_a_hundred_deletes_at_once_make_one_operation(stack: Stack) -> None:
    model = stack.register(stack.add_repo({"many.gguf": os.urandom(MB)}), "many.gguf", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    path = f"/api/models/{model['id']}?deleteLocalFile=true"
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: stack.call("DELETE", path), range(100)))
    # Once the one has ended, the model is gone for those who come later.
    assert {answer.status_code for answer in answers} <= {202, 404}
    assert len({answer.json()["taskId"] for answer in answers if answer.ok}) == 1
    wait_for("the row to go", lambda: stack.call("GET", f"/api/models/{model['id']}").status_code == 404)
    history = stack.get(f"/api/operations?modelId={model['id']}&kind=delete")
    assert [one["result"] for one in history] == ["removed"]


def test_of_two_models_that_share_a_file_one_is_deleted_while_the_other_arrives(stack: Stack) -> None:
    shared = os.urandom(MB)
    repo = stack.add_repo({"shared.gguf": shared, "only.gguf": os.urandom(MB)})
    for _ in range(5):
        whole, one = stack.register(repo, downloadNow=True), stack.register(repo, "shared.gguf")
        stack.wait_status(whole, "Downloaded")
        task = stack.call("DELETE", f"/api/models/{whole['id']}?deleteLocalFile=true").json()["taskId"]
        stack.download(one)
        stack.wait_status(one, "Downloaded")
        wait_for("the delete", lambda task=task: stack.get(f"/api/tasks/{task}")["status"] == "completed")
        kept = Path(stack.get(f"/api/models/{one['id']}")["localPath"])
        assert kept.read_bytes() == shared
        assert not (kept.parent / "only.gguf").exists()
        assert _delete(stack, one["id"])["bytesFreed"] == MB


def test_partial_bytes_go_with_the_model(stack: Stack) -> None:
    stack.hub.throttle = MB
    repo = stack.add_repo({"part.gguf": os.urandom(40 * MB)})
    model = stack.register(repo, "part.gguf", downloadNow=True)
    stack.wait_bytes(model, MB)
    partials = set((stack.cache / ".weighbridge" / "partials").glob("*.part"))
    stack.cancel(model)
    stack.wait_status(model, "Canceled")
    _delete(stack, model["id"])
    assert not partials & set((stack.cache / ".weighbridge" / "partials").glob("*.part"))


def test_a_link_planted_in_the_cache_leads_no_delete_outside(stack: Stack, tmp_path: Path) -> None:
    repo = stack.add_repo({"sub/file.gguf": os.urandom(MB)})
    model = stack.register(repo, "sub/file.gguf", downloadNow=True)
    stack.wait_status(model, "Downloaded")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file.gguf").write_bytes(b"mine")
    folder = Path(stack.get(f"/api/models/{model['id']}")["localPath"]).parent
    (folder / "file.gguf").unlink()
    folder.rmdir()
    folder.symlink_to(precious)
    _delete(stack, model["id"])
    assert (precious / "file.gguf").read_bytes() == b"mine"


def test_a_download_that_runs_is_not_deleted_under_its_feet(stack: Stack) -> None:
    repo = stack.add_repo({"busy.gguf": os.urandom(MB)})
    stack.hub.fault(Fault("hold", "busy.gguf", times=None))
    model = stack.register(repo, "busy.gguf", downloadNow=True)
    stack.wait_status(model, "Downloading")
    refused = stack.call("DELETE", f"/api/models/{model['id']}?deleteLocalFile=true")
    assert (refused.status_code, refused.json()["code"]) == (409, "OPERATION_CONFLICT")
    stack.cancel(model)
    stack.wait_status(model, "Canceled")


def test_a_canceled_repository_leaves_nothing_behind_when_it_is_deleted(stack: Stack) -> None:
    """Its small files were published as blobs before the cancel, but no snapshot names them."""
    big = os.urandom(40 * MB)
    repo = stack.add_repo({"config.json": b"{}", "tiny.txt": b"x", "big.gguf": big})
    stack.hub.throttle = MB
    model = stack.register(repo, downloadNow=True)
    folder = stack.cache / f"models--{repo.replace('/', '--')}"
    wait_for("the small blobs", lambda: len(list((folder / "blobs").glob("*"))) == 2)
    stack.cancel(model)
    stack.wait_status(model, "Canceled")
    _delete(stack, model["id"])
    assert not folder.exists()
    assert not list((stack.cache / ".weighbridge").rglob(f"{hashlib.sha256(big).hexdigest()}*"))


def _told(redis: Redis, since: str, model_id: int) -> list[str]:
    """What was told of the model; that its download has ended may still come."""
    told = [note.type.value for note in events.since(redis, since) if note.model_id == model_id]
    return [word for word in told if word.startswith("model.")]


def test_those_who_watch_see_a_delete_asked_for_and_the_model_gone(stack: Stack, stack_redis: Redis) -> None:
    model = stack.register(stack.add_repo({"watched.gguf": os.urandom(MB)}), downloadNow=True)
    stack.wait_status(model, "Downloaded")
    seen = events.last_id(stack_redis)
    _delete(stack, model["id"])
    told = wait_for("the end to be told", lambda: _told(stack_redis, seen, model["id"])[1:])
    assert told == ["model.deleted"]
    assert _told(stack_redis, seen, model["id"])[0] == "model.updated"


def test_those_who_watch_see_that_a_delete_has_failed(stack: Stack, stack_redis: Redis) -> None:
    repo = stack.add_repo({"kept.gguf": os.urandom(MB)})
    model = stack.register(repo, downloadNow=True)
    stack.wait_status(model, "Downloaded")
    folder = stack.cache / f"models--{repo.replace('/', '--')}"
    folder.joinpath("refs").rename(folder / "elsewhere")
    folder.joinpath("refs").symlink_to("elsewhere")
    seen = events.last_id(stack_redis)
    failed = _delete(stack, model["id"])
    assert failed["status"] == "failed"
    told = wait_for("the failure to be told", lambda: _told(stack_redis, seen, model["id"])[1:])
    assert told == ["model.updated"]
    assert stack.get(f"/api/models/{model['id']}")["activeOperation"] is None
