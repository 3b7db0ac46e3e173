import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from shared import audit
from shared.audit import Action
from shared.database import Database
from shared.tables import AuditEvent, Model, Volume
from tests.api_service.routes.test_cache import scanned
from tests.conftest import HOSTED, LOCAL, Api

PASSWORD = "correct horse battery"
ADA = {"name": "ada", "role": "viewer", "password": PASSWORD}


def _events(api: Api, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/audit?{query}").json
    return found


def _model(api: Api, body: dict[str, Any] = LOCAL) -> int:
    return int(api.post("/api/models", body).json["id"])


def _reference(api: Api) -> str:
    path = f"/api/models/{_model(api)}/references/search/docs"
    api.call("PUT", path, json={"policy": "block"})
    return path


def _downloaded(api: Api) -> int:
    model_id = _model(api)
    with api.client.application.extensions["weighbridge"].database.session() as session:
        session.execute(update(Model).values(downloaded=True, download_status="Downloaded"))
    return model_id


def _cached(api: Api) -> str:
    """The name of a repository that a worker has seen in the cache."""
    scanned(api.client.application.extensions["weighbridge"].database, "org/theirs")
    return "org/theirs"


def _lost_volume(api: Api) -> str:
    """The name of a volume that no worker has looked at for long."""
    _cached(api)
    with api.client.application.extensions["weighbridge"].database.session() as session:
        long_ago = func.now() - timedelta(hours=1)
        session.execute(update(Volume).values(name="lost", seen_at=long_ago))
    return "lost"


def _clean_up(api: Api) -> Any:
    body = {"items": [f"repo:{_cached(api)}"], "confirm": True}
    return api.post("/api/cache/clean-up", body)


def _user(api: Api) -> int:
    return int(api.post("/api/users", ADA).json["id"])


def _operation(api: Api) -> str:
    return str(api.post(f"/api/models/{_model(api)}/download").json["taskId"])


def _sign_in(api: Api) -> dict[str, str]:
    _user(api)
    me = api.post("/api/auth/login", {"name": "ada", "password": PASSWORD}, token=None).json
    return {"X-CSRF-Token": me["csrfToken"]}


def _change_password(api: Api) -> Any:
    body = {"currentPassword": PASSWORD, "newPassword": "another good password"}
    return api.post("/api/auth/password", body, token=None, headers=_sign_in(api))


def _retry(api: Api) -> Any:
    operation = _operation(api)
    api.delete(f"/api/downloads/{operation}")
    return api.post(f"/api/downloads/{operation}/retry")


# Each route that writes, by its endpoint: how it is called, and what the log says last.
WRITES: dict[str, tuple[Callable[[Api], Any], Action]] = {
    "auth.login": (_sign_in, Action.SIGNED_IN),
    "auth.logout": (
        lambda api: api.post("/api/auth/logout", token=None, headers=_sign_in(api)),
        Action.SIGNED_OUT,
    ),
    "auth.change_password": (_change_password, Action.PASSWORD_CHANGED),
    "users.create_user": (_user, Action.USER_CREATED),
    "users.change_user": (
        lambda api: api.patch(f"/api/users/{_user(api)}", {"role": "admin"}),
        Action.USER_CHANGED,
    ),
    "users.delete_user": (lambda api: api.delete(f"/api/users/{_user(api)}"), Action.USER_DELETED),
    "tokens.create_token": (
        lambda api: api.post("/api/tokens", {"name": "ci", "role": "viewer"}),
        Action.TOKEN_CREATED,
    ),
    "tokens.revoke_token": (
        lambda api: api.delete(f"/api/tokens/{api.post('/api/tokens', {'name': 'ci'}).json['id']}"),
        Action.TOKEN_REVOKED,
    ),
    "models.create_model": (_model, Action.MODEL_CREATED),
    "models.change_model": (
        lambda api: api.patch(f"/api/models/{_model(api)}", {"name": "x"}),
        Action.MODEL_CHANGED,
    ),
    "models.delete_model": (
        lambda api: api.delete(f"/api/models/{_model(api)}?confirm=true"),
        Action.MODEL_DELETED,
    ),
    "models.test_connection": (
        lambda api: api.post(
            "/api/models/test-connection", {"provider": "openai", "baseUrl": "http://10.0.0.1"}
        ),
        Action.CONNECTION_TESTED,
    ),
    "references.set_reference": (_reference, Action.REFERENCE_SET),
    "references.remove_reference": (lambda api: api.delete(_reference(api)), Action.REFERENCE_REMOVED),
    "downloads.start_download": (_operation, Action.DOWNLOAD_REQUESTED),
    "downloads.cancel_download": (
        lambda api: api.post(f"/api/models/{_operation(api) and 1}/cancel-download"),
        Action.DOWNLOAD_CANCELED,
    ),
    "updates.verify": (
        lambda api: api.post(f"/api/models/{_downloaded(api)}/verify"),
        Action.VERIFY_REQUESTED,
    ),
    "updates.update": (
        lambda api: api.post(f"/api/models/{_downloaded(api)}/update"),
        Action.UPDATE_REQUESTED,
    ),
    "cache.delete_repo": (
        lambda api: api.delete(f"/api/cache/repos?repo={_cached(api)}&confirm=true"),
        Action.CLEAN_UP_REQUESTED,
    ),
    "cache.adopt": (
        lambda api: api.post("/api/cache/adopt", {"repo": _cached(api)}),
        Action.REPOSITORY_ADOPTED,
    ),
    "storage.forget_volume": (
        lambda api: api.delete(f"/api/storage/volumes?name={_lost_volume(api)}"),
        Action.VOLUME_FORGOTTEN,
    ),
    "cache.ask_for_clean_up": (_clean_up, Action.CLEAN_UP_REQUESTED),
    "queue.ask": (
        lambda api: api.post("/api/downloads", {"repo": "a/b"}),
        Action.DOWNLOAD_REQUESTED,
    ),
    "queue.change": (
        lambda api: api.patch(f"/api/downloads/{_operation(api)}", {"maxBytesPerSecond": 20_000}),
        Action.DOWNLOAD_CHANGED,
    ),
    "queue.retry": (_retry, Action.DOWNLOAD_REQUESTED),
    "queue.clear": (lambda api: api.delete(f"/api/downloads/{_operation(api)}"), Action.DOWNLOAD_CANCELED),
}


# A POST for the sake of its body.
READS = {"compatibility.check"}


def test_every_route_that_writes_has_its_test_here(api: Api) -> None:
    writes = {
        rule.endpoint
        for rule in api.client.application.url_map.iter_rules()
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert writes - READS == WRITES.keys()


@pytest.mark.parametrize("endpoint", WRITES)
def test_what_somebody_does_is_in_the_log(api: Api, endpoint: str) -> None:
    do, action = WRITES[endpoint]
    do(api)
    last = _events(api)[0]
    assert last["action"] == action
    by_ada = action in (Action.SIGNED_IN, Action.SIGNED_OUT, Action.PASSWORD_CHANGED)
    assert last["actor"] == ("ada" if by_ada else "admin")
    assert last["address"] == "127.0.0.1"
    assert last["requestId"]


def test_an_event_names_the_model_and_what_was_changed_but_no_secret(api: Api) -> None:
    model = _model(api, HOSTED)
    api.patch(f"/api/models/{model}", {"apiKey": "sk-canary-new", "baseUrl": "https://example.com/v1"})
    changed, created = _events(api)
    assert (changed["modelId"], changed["modelName"]) == (model, "GPT")
    assert changed["details"] == {"api_key": "set", "base_url": "https://example.com/v1"}
    assert created["details"]["api_key"] == "set"
    api.patch(f"/api/models/{model}", {"apiKey": None})
    assert _events(api)[0]["details"] == {"api_key": "removed"}
    assert "canary" not in api.get("/api/audit").text + api.get("/api/audit?format=csv").text


def test_a_refused_request_leaves_no_event_of_a_change(api: Api) -> None:
    api.post("/api/models", LOCAL | {"name": ""})
    api.post("/api/models", LOCAL)
    api.post("/api/models", LOCAL)  # a duplicate
    assert [event["action"] for event in _events(api)] == ["model.created"]


def test_an_event_tells_which_token_was_used(api: Api) -> None:
    made = api.post("/api/tokens", {"name": "ci", "role": "operator"}).json
    model = _model(api)
    api.post(f"/api/models/{model}/download", token=made["token"])
    event = _events(api)[0]
    assert (event["actor"], event["role"], event["token"]) == ("ci", "operator", f"ci ({made['prefix']}…)")


def test_a_refused_sign_in_and_a_refused_role_are_in_the_log(api: Api) -> None:
    api.post("/api/auth/login", {"name": "eva", "password": "wrong wrong wrong"}, token=None)
    viewer = api.post("/api/tokens", {"name": "v", "role": "viewer"}).json["token"]
    api.post("/api/models", LOCAL, token=viewer)
    denied, _made, refused = _events(api)
    assert (denied["action"], denied["actor"]) == ("auth.access_denied", "v")
    assert denied["details"] == {"method": "POST", "path": "/api/models", "needed": "admin"}
    assert (refused["action"], refused["actor"], refused["role"]) == ("auth.sign_in_refused", "eva", None)
    assert "wrong" not in json.dumps([denied, refused])


def test_the_log_is_filtered_and_paged(api: Api, database: Database) -> None:
    model = _model(api)
    api.patch(f"/api/models/{model}", {"name": "Renamed"})
    _model(api, HOSTED)
    with database.session() as session:
        old = update(AuditEvent).where(AuditEvent.action == Action.MODEL_CHANGED)
        session.execute(old.values(at=func.now() - timedelta(days=2)))
    assert len(_events(api, "action=model.created")) == 2
    assert len(_events(api, f"modelId={model}")) == 2
    assert len(_events(api, "actor=nobody")) == 0
    assert len(_events(api, "q=gpt")) == 1
    # ("Qwen" is the name that the first event keeps.)
    assert len(_events(api, "q=renamed")) == 1
    day = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [event["action"] for event in _events(api, f"until={day}")] == ["model.changed"]
    assert len(_events(api, f"since={day}")) == 2
    page = api.get("/api/audit?page=2&pageSize=2")
    assert (len(page.json), json.loads(page.headers["X-Pagination"])["total"]) == (1, 3)
    assert api.get("/api/audit?action=nothing").status_code == 422


def test_the_log_is_exported_whole_with_its_filters_and_the_export_is_logged(api: Api) -> None:
    for number in range(60):
        api.post("/api/tokens", {"name": f"t{number}", "role": "viewer"})
    exported = api.get("/api/audit?format=json&action=token.created&page=3&pageSize=10")
    assert exported.headers["Content-Disposition"] == 'attachment; filename="weighbridge-audit.json"'
    assert len(exported.json) == 60
    assert exported.json[0]["details"]["name"] == "t59"
    table = api.get("/api/audit?format=csv&action=token.created")
    assert table.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["id"] for row in rows] == [str(event["id"]) for event in exported.json]
    assert json.loads(rows[0]["details"])["name"] == "t59"
    last = _events(api)[0]
    assert last["action"] == "audit.exported"
    assert last["details"] == {"format": "csv", "filters": {"action": "token.created"}}


def test_a_name_that_a_spreadsheet_would_compute_stays_a_name(api: Api) -> None:
    _model(api, LOCAL | {"name": '=HYPERLINK("http://x")'})
    rows = list(csv.DictReader(io.StringIO(api.get("/api/audit?format=csv").text)))
    assert rows[-1]["modelName"].startswith("'=")


def test_old_events_are_dropped(api: Api, database: Database) -> None:
    _model(api)
    _model(api, HOSTED)
    with database.session() as session:
        first = update(AuditEvent).where(AuditEvent.model_name == "GPT")
        session.execute(first.values(at=func.now() - timedelta(days=400, seconds=1)))
        audit.forget_before(session, timedelta(days=400))
    assert [event["modelName"] for event in _events(api)] == ["Qwen"]
