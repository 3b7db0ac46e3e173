"""Verify and update over HTTP: who may ask, what is refused, and what the Hub is asked for."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from shared import attempts
from shared.database import Database
from shared.errors import HubUnavailable
from shared.hub import Hub
from shared.integrity import Damage, Problem
from shared.manifests import as_json, freeze
from shared.progress import Progress
from shared.settings import Settings
from shared.tables import Model, Result
from tests.api_service.routes.test_hub import api_with
from tests.conftest import HOSTED, Api
from tests.hub_server import HubServer

REPO = "owner/name"
OLD = {"config.json": b"{}", "gone.txt": b"gone", "model.safetensors": b"s" * 700, "twin.bin": b"t" * 50}
NEW = {
    "added.bin": b"a" * 30,
    "again.bin": b"a" * 30,  # the same bytes under two names
    "config.json": b"{1}",
    "model.safetensors": b"s" * 700,
    "renamed.bin": b"t" * 50,
    "twin.bin": b"t" * 50,
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


@pytest.fixture
def asking(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Api]:
    """The API, with our Hub as its own."""
    with api_with(settings, HF_ENDPOINT=hub.url) as found:
        yield found


def _register(api: Api, **fields: Any) -> dict[str, Any]:
    body = {"type": "local", "name": f"m {uuid.uuid4()}", "hfRepo": REPO, **fields}
    answer = api.post("/api/models", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def _downloaded(api: Api, hub: HubServer, database: Database, **fields: Any) -> int:
    """A model that a worker has downloaded as the Hub has it now."""
    model = _register(api, **fields, downloadNow=True)
    told = {"repo": REPO, "revision": model["revision"], "model_file": model["modelFile"]}
    manifest = as_json(freeze(Hub(hub.url, fields.get("hfToken"), False), **told))
    operation_id = uuid.UUID(model["activeOperation"]["taskId"])
    with database.session() as session:
        begun = attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        assert begun is not None
        size = sum(file["size"] for file in manifest["files"])
        facts = {"commit_hash": manifest["commit"], "manifest": manifest, "file_size_bytes": size}
        attempts.complete_download(session, operation_id, 1, progress=Progress(), columns=facts)
    return int(model["id"])


def _updated(api: Api, database: Database, model_id: int, manifest: dict[str, Any]) -> None:
    """A worker has updated the model to this manifest."""
    task = api.post(f"/api/models/{model_id}/update").json["taskId"]
    with database.session() as session:
        attempts.begin(session, uuid.UUID(task), worker="w", lease_seconds=30)
        facts = {"commit_hash": manifest["commit"], "manifest": manifest, "file_size_bytes": 1000}
        attempts.complete_update(session, uuid.UUID(task), 1, progress=Progress(), columns=facts)


# What would change


def test_a_revision_that_has_not_moved_changes_nothing(
    asking: Api, hub: HubServer, database: Database
) -> None:
    commit = hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    assert asking.get(f"/api/models/{model_id}/update").json == {
        "revision": "main",
        "commitHash": commit,
        "latestCommit": commit,
        "hasMoved": False,
        "bytesToFetch": 0,
        "files": [],
        "former": None,
    }


def test_what_has_changed_is_told_by_file_and_bytes_that_are_here_do_not_count(
    asking: Api, hub: HubServer, database: Database
) -> None:
    old = hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    new = hub.add_repo(REPO, NEW)
    body = asking.get(f"/api/models/{model_id}/update").json
    assert (body["commitHash"], body["latestCommit"], body["hasMoved"]) == (old, new, True)
    assert body["bytesToFetch"] == 30 + 3
    assert body["files"] == [
        {"path": "added.bin", "change": "added", "sizeBytes": 30},
        {"path": "again.bin", "change": "added", "sizeBytes": 30},
        {"path": "config.json", "change": "changed", "sizeBytes": 3},
        {"path": "gone.txt", "change": "removed", "sizeBytes": 4},
        {"path": "renamed.bin", "change": "added", "sizeBytes": 50},
    ]
    assert hub.bytes_served() == 0


def test_of_one_file_only_that_counts(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database, modelFile="model.safetensors")
    hub.add_repo(REPO, NEW)
    body = asking.get(f"/api/models/{model_id}/update").json
    assert (body["hasMoved"], body["bytesToFetch"], body["files"]) == (True, 0, [])


def test_what_an_update_replaced_is_told_with_the_way_back(
    asking: Api, hub: HubServer, database: Database
) -> None:
    old = hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    assert asking.get(f"/api/models/{model_id}").json["formerCommit"] is None
    new = hub.add_repo(REPO, NEW)
    _updated(asking, database, model_id, as_json(freeze(Hub(hub.url, None, False), repo=REPO, revision=new)))
    model = asking.get(f"/api/models/{model_id}").json
    assert (model["commitHash"], model["formerCommit"], model["downloadStatus"]) == (new, old, "Downloaded")
    former = asking.get(f"/api/models/{model_id}/update").json["former"]
    assert (former["commitHash"], former["sizeBytes"]) == (old, 756)
    assert former["replacedAt"].endswith("+00:00")


@pytest.mark.parametrize(
    ("then", "status", "code"),
    [
        ("gone", 404, "REPO_NOT_FOUND"),
        ("no such branch", 404, "REVISION_NOT_FOUND"),
        ("file removed", 404, "FILE_NOT_FOUND"),
        ("away", 503, "HUB_UNAVAILABLE"),
        ("rate limited", 503, "HUB_RATE_LIMITED"),
        ("gated", 424, "GATED_MODEL_NO_TOKEN"),
    ],
)
def test_what_the_hub_refuses_is_told_with_its_own_code(
    asking: Api, hub: HubServer, database: Database, then: str, status: int, code: str
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database, modelFile="model.safetensors")
    if then == "gone":
        del hub.repos[REPO]
    elif then == "no such branch":
        hub.repos[REPO].refs.clear()
    elif then == "file removed":
        hub.add_repo(REPO, {"other.txt": b"x"})
    else:
        statuses: dict[str, dict[str, Any]] = {
            "away": {"status": 502},
            "rate limited": {"status": 429, "retry_after": 7},
            "gated": {"status": 401, "error_code": "GatedRepo"},
        }
        hub.fault("status", where="api", times=None, **statuses[then])
    refused = asking.get(f"/api/models/{model_id}/update")
    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert refused.json["remedy"]
    model = asking.get(f"/api/models/{model_id}").json
    assert (model["downloadStatus"], model["error"]) == ("Downloaded", None)


def test_an_offline_installation_does_not_ask(
    settings: Settings, asking: Api, hub: HubServer, database: Database
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    with api_with(settings, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1") as offline:
        before = len(hub.requests)
        refused = offline.get(f"/api/models/{model_id}/update")
    assert (refused.status_code, refused.json["code"]) == (503, "HUB_OFFLINE")
    assert len(hub.requests) == before


def test_the_models_own_token_is_used(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, OLD, private=True)
    hub.add_token("hf_own", REPO)
    model_id = _downloaded(asking, hub, database, hfToken="hf_own")
    hub.requests.clear()
    assert asking.get(f"/api/models/{model_id}/update").status_code == 200
    assert {request.headers["authorization"] for request in hub.requests} == {"Bearer hf_own"}


def test_looks_at_the_hub_are_limited_together_and_stand_behind_the_breaker(
    settings: Settings, asking: Api, hub: HubServer, database: Database
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    path = f"/api/models/{model_id}/update"
    with api_with(settings, HF_ENDPOINT=hub.url, WEIGHBRIDGE_HUB_LIMIT="2 per minute") as limited:
        assert limited.get(path).status_code == 200
        assert limited.get(f"/api/hub/repo?repo={REPO}").status_code == 200
        assert limited.get(path).json["code"] == "RATE_LIMITED"
    with api_with(settings, HF_ENDPOINT=hub.url, WEIGHBRIDGE_HUB_FAILURE_THRESHOLD="1") as careful:
        hub.fault("status", where="api", times=1, status=500)
        assert careful.get(path).json["code"] == HubUnavailable.code
        asked = len(hub.requests)
        assert careful.get(path).json["code"] == HubUnavailable.code
        assert len(hub.requests) == asked


# Asking for it


@pytest.mark.parametrize("what", ["verify", "update"])
def test_it_is_asked_for_once_and_the_model_stays_downloaded(
    asking: Api, hub: HubServer, database: Database, redis: Any, what: str
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    redis.delete("weighbridge:downloads")
    path = f"/api/models/{model_id}/{what}"
    started, again = asking.post(path), asking.post(path)
    assert (started.status_code, again.status_code) == (202, 200)
    assert (started.json["operation"], started.json["status"], started.json["result"]) == (
        what,
        "pending",
        None,
    )
    assert again.json["taskId"] == started.json["taskId"]
    assert redis.llen("weighbridge:downloads") == 1, "a verify is nothing that `control` may wait behind"
    model = asking.get(f"/api/models/{model_id}").json
    assert (model["downloadStatus"], model["downloaded"]) == ("Downloaded", True)
    assert (model["activeOperation"]["operation"], model["activeOperation"]["status"]) == (what, "pending")
    other = "update" if what == "verify" else "verify"
    refused = asking.post(f"/api/models/{model_id}/{other}")
    assert (refused.status_code, refused.json["code"]) == (409, "OPERATION_CONFLICT")
    assert refused.json["operation"] == what
    refused = asking.delete(f"/api/models/{model_id}?deleteLocalFile=true&confirm=true")
    assert (refused.status_code, refused.json["code"]) == (409, "OPERATION_CONFLICT")
    canceled = asking.post(f"/api/models/{model_id}/cancel-download")
    assert (canceled.status_code, canceled.json["status"], canceled.json["operation"]) == (
        202,
        "canceled",
        what,
    )
    assert asking.get(f"/api/models/{model_id}").json["downloadStatus"] == "Downloaded"


@pytest.mark.parametrize(("method", "what"), [("POST", "verify"), ("POST", "update"), ("GET", "update")])
def test_only_files_from_the_hub_that_are_here_can_be_held_against_anything(
    api: Api, database: Database, settings: Settings, method: str, what: str
) -> None:
    def code(model_id: int) -> tuple[int, str]:
        refused = api.call(method, f"/api/models/{model_id}/{what}")
        return refused.status_code, refused.json["code"]

    assert code(12345) == (404, "MODEL_NOT_FOUND")
    assert code(_register(api)["id"]) == (409, "MODEL_NOT_DOWNLOADED")
    assert code(api.post("/api/models", HOSTED).json["id"]) == (409, "NOT_A_LOCAL_MODEL")
    (root,) = settings.local_path_roots
    folder = Path(root) / "mine"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"x")
    body = {"type": "local", "name": "mine", "source": "path", "localPath": str(folder)}
    assert code(api.post("/api/models", body).json["id"]) == (409, "NOT_FROM_THE_HUB")


def test_a_viewer_looks_and_an_operator_asks(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    tokens = {
        role: asking.post("/api/tokens", {"name": role, "role": role}).json["token"]
        for role in ("viewer", "operator")
    }
    for what in ("verify", "update"):
        path = f"/api/models/{model_id}/{what}"
        assert asking.post(path, token=tokens["viewer"]).status_code == 403
        assert asking.post(path, token=tokens["operator"]).status_code == 202
        asking.post(f"/api/models/{model_id}/cancel-download")
    assert asking.get(f"/api/models/{model_id}/update", token=tokens["viewer"]).status_code == 200


@pytest.mark.parametrize("commit", ["main", "abc", "A" * 40, "", "../" + "a" * 37, 5])
def test_a_commit_has_the_form_of_one(api: Api, commit: Any) -> None:
    refused = api.post(f"/api/models/{_register(api)['id']}/update", {"commitHash": commit})
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")
    assert set(refused.json["errors"]) == {"commitHash"}


def test_a_model_of_one_commit_is_not_moved_to_another(
    asking: Api, hub: HubServer, database: Database
) -> None:
    commit = hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database, revision=commit)
    refused = asking.post(f"/api/models/{model_id}/update", {"commitHash": "a" * 40})
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"commitHash"}


def test_the_commit_that_was_asked_for_is_in_the_log(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    asking.post(f"/api/models/{model_id}/update", {"commitHash": "a" * 40})
    (last, *_) = asking.get("/api/audit").json
    assert (last["action"], last["details"]) == ("model.update_requested", {"commit_hash": "a" * 40})


# What is shown of it


def test_damage_is_shown_at_the_model_and_a_download_is_a_repair(
    asking: Api, hub: HubServer, database: Database
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    verified = asking.get(f"/api/models/{model_id}").json
    assert verified["verifiedAt"] is not None
    assert verified["damagedFiles"] is None
    task = asking.post(f"/api/models/{model_id}/verify").json["taskId"]
    with database.session() as session:
        attempts.begin(session, uuid.UUID(task), worker="w", lease_seconds=30)
        commit = str(session.get_one(Model, model_id).commit_hash)
        damage = Damage(REPO, commit, {"config.json": Problem.CORRUPT}, {})
        attempts.complete_verify(session, uuid.UUID(task), 1, progress=Progress(), damage=damage)
    done = asking.get(f"/api/tasks/{task}").json
    assert (done["status"], done["result"], done["error"]) == ("completed", "damaged", None)
    model = asking.get(f"/api/models/{model_id}").json
    assert (model["downloaded"], model["downloadStatus"]) == (False, "Failed")
    assert model["damagedFiles"] == [{"path": "config.json", "problem": "corrupt"}]
    assert model["error"]["code"] == "CHECKSUM_MISMATCH"
    assert model["verifiedAt"] == verified["verifiedAt"]
    status = asking.get(f"/api/models/{model_id}/download-status").json
    assert (status["status"], status["error"]["code"]) == ("Failed", "CHECKSUM_MISMATCH")
    repair = asking.post(f"/api/models/{model_id}/download")
    assert repair.status_code == 202
    assert (repair.json["bytesDownloaded"], repair.json["bytesTotal"]) == (754, 756)
    assert asking.get(f"/api/models/{model_id}").json["downloadStatus"] == "Pending"


def test_an_update_stands_in_the_queue_and_a_verify_does_not(
    asking: Api, hub: HubServer, database: Database
) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)

    def queued() -> list[str]:
        return [item["operation"] for item in asking.get("/api/downloads/queue").json["queued"]]

    asking.post(f"/api/models/{model_id}/verify")
    assert queued() == []
    asking.post(f"/api/models/{model_id}/cancel-download")
    task = asking.post(f"/api/models/{model_id}/update", {"commitHash": "a" * 40}).json["taskId"]
    assert queued() == ["update"]
    assert asking.delete(f"/api/downloads/{task}").status_code == 204
    assert queued() == []
    again = asking.post(f"/api/downloads/{task}/retry").json
    assert (again["operation"], again["taskId"] != task) == ("update", True)
    same = asking.post(f"/api/models/{model_id}/update", {"commitHash": "a" * 40})
    assert (same.status_code, same.json["taskId"]) == (200, again["taskId"])


def test_an_update_that_found_nothing_new_is_no_news(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, OLD)
    model_id = _downloaded(asking, hub, database)
    task = asking.post(f"/api/models/{model_id}/update").json["taskId"]
    with database.session() as session:
        attempts.begin(session, uuid.UUID(task), worker="w", lease_seconds=30)
        attempts.complete(session, uuid.UUID(task), 1, progress=Progress(), result=Result.UP_TO_DATE)
    assert asking.get(f"/api/tasks/{task}").json["result"] == "up_to_date"
    done = [item["taskId"] for item in asking.get("/api/downloads/queue").json["completed"]]
    assert task not in done


def test_a_list_of_models_does_not_read_what_they_stood_for(
    asking: Api, hub: HubServer, database: Database
) -> None:
    hub.add_repo(REPO, OLD)
    _downloaded(asking, hub, database)
    with database.session() as session:
        former = {"commit": "c" * 40, "manifest": {"commit": "c" * 40, "files": []}}
        session.execute(update(Model).values(former=former))
    statements: list[str] = []
    engine = asking.client.application.extensions["weighbridge"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    (model,) = asking.get("/api/models").json
    assert model["formerCommit"] == "c" * 40
    assert not [text for text in statements if "models.former," in text or "models.former \n" in text]
