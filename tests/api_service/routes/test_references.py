from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, text, update

from api_service import create_app
from shared import events
from shared.database import Database
from shared.settings import Settings
from shared.tables import ModelReference
from tests.conftest import HOSTED, LOCAL, Api

BLOCK = {"policy": "block", "detail": "Collection of the handbook"}


@pytest.fixture
def model(api: Api) -> str:
    """The address of a model."""
    return f"/api/models/{api.post('/api/models', LOCAL).json['id']}"


def _put(api: Api, model: str, use: str = "search/docs", body: Any = BLOCK, **kwargs: Any) -> Any:
    return api.call("PUT", f"{model}/references/{use}", json=body, **kwargs)


def _uses(api: Api, model: str) -> list[tuple[str, str]]:
    return [(one["consumer"], one["name"]) for one in api.get(f"{model}/references").json]


def _in(**kwargs: float) -> str:
    return (datetime.now(UTC) + timedelta(**kwargs)).isoformat()


def test_a_service_says_that_it_uses_a_model_and_takes_it_back(api: Api, model: str) -> None:
    said = _put(api, model)
    assert said.status_code == 201
    assert {name: said.json[name] for name in ("consumer", "name", "policy", "detail", "expiresAt")} == {
        "consumer": "search",
        "name": "docs",
        "policy": "block",
        "detail": "Collection of the handbook",
        "expiresAt": None,
    }
    until = _in(hours=1)
    again = _put(api, model, body={"policy": "warn", "expiresAt": until})
    assert (again.status_code, again.json["policy"], again.json["detail"]) == (200, "warn", None)
    assert datetime.fromisoformat(again.json["expiresAt"]) == datetime.fromisoformat(until)
    assert again.json["createdAt"] == said.json["createdAt"]
    assert api.get(f"{model}/references").json == [again.json | {"isExpired": False}]
    for _ in range(2):
        gone = api.delete(f"{model}/references/search/docs")
        assert (gone.status_code, gone.data) == (204, b"")
    assert api.get(f"{model}/references").json == []


def test_the_list_has_those_too_that_have_expired(api: Api, model: str, database: Database) -> None:
    _put(api, model)
    with database.session() as session:
        session.execute(update(ModelReference).values(expires_at=func.now()))
    assert [one["isExpired"] for one in api.get(f"{model}/references").json] == [True]
    assert api.delete(model).status_code == 204


@pytest.mark.parametrize(
    ("use", "found"),
    [
        ("search/pipelines/nightly", ("search", "pipelines/nightly")),
        ("search/pipelines%2Fnightly", ("search", "pipelines/nightly")),
        ("my%20service/a%3Fb%23c%25", ("my service", "a?b#c%")),
        ("search/%D0%B4%D0%BE%D0%BA", ("search", "док")),
        ("search/" + "n" * 255, ("search", "n" * 255)),
    ],
)
def test_names_may_be_of_any_letters_and_hold_slashes(
    api: Api, model: str, use: str, found: tuple[str, str]
) -> None:
    assert _put(api, model, use).status_code == 201
    assert _uses(api, model) == [found]
    assert api.delete(f"{model}/references/{use}").status_code == 204
    assert _uses(api, model) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    "use",
    [
        "search/a%00b",
        "search/a%09b",
        "search/%FF",
        "search/%20docs",
        "search/a/%2E%2E/b",
        "search/docs/",
        "search/" + "n" * 256,
        "c" * 101 + "/docs",
        "%7F/docs",
    ],
)
def test_names_that_say_nothing_are_refused(api: Api, model: str, use: str, method: str) -> None:
    refused = api.call(method, f"{model}/references/{use}", json=BLOCK if method == "PUT" else None)
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")
    assert refused.json["errors"].keys() <= {"consumer", "name"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "policy"),
        ({"policy": "forbid"}, "policy"),
        (BLOCK | {"detail": "x" * 501}, "detail"),
        (BLOCK | {"detail": "a\nb"}, "detail"),
        (BLOCK | {"expiresAt": "tomorrow"}, "expiresAt"),
        (BLOCK | {"expiresAt": "2030-01-01T00:00:00"}, "expiresAt"),
        (BLOCK | {"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        (BLOCK | {"name": "other"}, "name"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(api: Api, model: str, body: Any, field: str) -> None:
    refused = _put(api, model, body=body)
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])
    assert _uses(api, model) == []


def test_a_reference_to_a_model_that_is_not_there_is_not_found(api: Api) -> None:
    for model in ("/api/models/1", "/api/models/99999999999999999999"):
        answers = [_put(api, model), api.get(f"{model}/references"), api.delete(f"{model}/references/a/b")]
        assert [(one.status_code, one.json["code"]) for one in answers] == [(404, "MODEL_NOT_FOUND")] * 3


def test_a_viewer_reads_and_an_operator_writes(api: Api, model: str) -> None:
    viewer, operator = (
        api.post("/api/tokens", {"name": role, "role": role}).json["token"] for role in ("viewer", "operator")
    )
    assert _put(api, model, token=viewer).status_code == 403
    assert _put(api, model, token=operator).status_code == 201
    assert api.get(f"{model}/references", token=viewer).status_code == 200
    assert api.delete(f"{model}/references/search/docs", token=viewer).status_code == 403


def test_what_was_said_is_in_the_audit_log_but_not_what_was_not_there(api: Api, model: str) -> None:
    _put(api, model, body=BLOCK | {"expiresAt": "2099-01-01T00:00:00Z"})
    api.delete(f"{model}/references/search/docs")
    api.delete(f"{model}/references/search/docs")
    removed, said, created = api.get("/api/audit").json
    assert (removed["action"], said["action"]) == ("reference.removed", "reference.set")
    assert created["action"] == "model.created"
    assert removed["details"] == {"consumer": "search", "name": "docs"}
    assert said["details"] == removed["details"] | BLOCK | {"expires_at": "2099-01-01T00:00:00+00:00"}
    assert said["modelName"] == "Qwen"


def test_pages_that_show_the_model_learn_of_it(api: Api, model: str, redis: Any) -> None:
    seen = events.last_id(redis)
    _put(api, model)
    api.delete(f"{model}/references/search/docs")
    api.delete(f"{model}/references/search/docs")
    assert [note.type for note in events.since(redis, seen)] == ["model.updated"] * 2


@pytest.mark.parametrize("body", [LOCAL, HOSTED], ids=["local", "hosted"])
@pytest.mark.parametrize("query", ["", "deleteLocalFile=true&", "confirm=true&"])
def test_a_model_that_a_service_needs_is_not_deleted(api: Api, body: dict[str, Any], query: str) -> None:
    model = f"/api/models/{api.post('/api/models', body).json['id']}"
    _put(api, model)
    refused = api.delete(f"{model}?{query}")
    assert (refused.status_code, refused.json["code"]) == (409, "MODEL_IN_USE")
    usage = api.get(f"{model}/usage").json
    assert {name: refused.json[name] for name in usage} == usage
    assert usage["blockedBy"] == [{"consumer": "search", "name": "docs", "detail": BLOCK["detail"]}]
    assert (usage["canDelete"], usage["requiresConfirmation"]) == (False, False)
    assert refused.json["detail"] == "The model is used by search (docs)."
    api.delete(f"{model}/references/search/docs")
    assert api.delete(model).status_code == 204


def test_uses_that_would_break_want_a_confirmation(api: Api, model: str) -> None:
    for name in ("a", "b"):
        _put(api, model, f"search-service/{name}", {"policy": "warn"})
    refused = api.delete(model)
    assert (refused.status_code, refused.json["code"]) == (409, "CONFIRMATION_REQUIRED")
    assert refused.json["warnings"] == ["2 uses by search-service would break."]
    assert (refused.json["blockedBy"], refused.json["canDelete"]) == ([], True)
    assert api.delete(f"{model}?confirm=true").status_code == 204


def test_once_a_delete_takes_the_files_nobody_says_that_he_uses_them(
    api: Api, model: str, database: Database
) -> None:
    task = api.delete(f"{model}?deleteLocalFile=true").json["taskId"]
    assert _put(api, model, "search/early").status_code == 201
    with database.session() as session:
        session.execute(text('update operations set plan = \'{"was_there": true, "bytes": 1}\''))
    refused = _put(api, model, "search/late")
    assert (refused.status_code, refused.json["code"]) == (409, "OPERATION_CONFLICT")
    assert refused.json["operationId"] == task
    assert _uses(api, model) == [("search", "early")]


def test_the_defaults_of_the_settings_are_told_at_the_model_and_before_a_delete(
    settings: Settings, redis: Any
) -> None:
    named = {"default_embedding_model": "Qwen", "default_llm": "2"}
    app = create_app(settings.model_copy(update=named))
    api = Api(app.test_client())
    bodies = [LOCAL, HOSTED, HOSTED | {"name": "other"}]
    models = [api.post("/api/models", body).json for body in bodies]
    assert [model["isDefault"] for model in models] == [True, True, False]
    assert [model["isDefault"] for model in api.get("/api/models?sort=createdAt").json] == [True, True, False]
    warnings = [api.get(f"/api/models/{model['id']}/usage").json["warnings"] for model in models]
    assert warnings == [["It is the default embedding model."], ["It is the default LLM."], []]
    assert api.delete("/api/models/1").json["code"] == "CONFIRMATION_REQUIRED"
    assert api.delete("/api/models/3").status_code == 204
    app.extensions["weighbridge"].database.dispose()


def test_a_model_is_pinned_when_it_is_made_or_later(api: Api) -> None:
    pinned = api.post("/api/models", LOCAL | {"isPinned": True}).json
    assert pinned["isPinned"] is True
    path = f"/api/models/{pinned['id']}"
    assert api.patch(path, {"isPinned": False}).json["isPinned"] is False
    assert api.get(path).json["isPinned"] is False
    assert api.patch(path, {"isPinned": "yes"}).status_code == 422
    assert api.post("/api/models", HOSTED).json["isPinned"] is False
