import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from shared.database import Database
from shared.settings import Settings
from tests.conftest import ADMIN_TOKEN, HOSTED, LOCAL, Api

MODEL_KEYS = {
    "id",
    "name",
    "type",
    "category",
    "isActive",
    "createdAt",
    "updatedAt",
    "lastUsedAt",
    "provider",
    "baseUrl",
    "apiVersion",
    "deployment",
    "hasApiKey",
    "connection",
    "source",
    "hfRepo",
    "revision",
    "commitHash",
    "modelFile",
    "allowPatterns",
    "ignorePatterns",
    "hasHfToken",
    "downloadStatus",
    "downloaded",
    "downloadedAt",
    "localPath",
    "fileSizeBytes",
    "checksum",
    "error",
    "activeOperation",
    "metadata",
    "runtime",
}


def test_a_hosted_model_is_registered_and_its_key_never_comes_back(api: Api, database: Database) -> None:
    created = api.post("/api/models", HOSTED)
    assert created.status_code == 201
    assert created.headers["Location"] == f"/api/models/{created.json['id']}"
    model = created.json
    assert set(model) >= MODEL_KEYS
    assert (model["hasApiKey"], model["downloaded"], model["downloadStatus"]) == (True, None, None)
    again = api.get(f"/api/models/{model['id']}")
    assert again.json == model
    assert HOSTED["apiKey"] not in created.text + again.text + api.get("/api/models").text
    with database.session() as session:
        assert HOSTED["apiKey"] not in session.execute(text("select models::text from models")).scalar_one()


def test_a_local_model_is_registered_and_waits_to_be_downloaded(api: Api) -> None:
    model = api.post("/api/models", LOCAL).json
    assert (model["source"], model["revision"], model["hfRepo"]) == ("huggingface", "main", LOCAL["hfRepo"])
    assert (model["downloaded"], model["downloadStatus"], model["activeOperation"]) == (
        False,
        "NotDownloaded",
        None,
    )
    assert model["metadata"]["tags"] == []
    assert model["runtime"]["status"] == "unloaded"


def test_what_is_null_is_as_if_it_were_not_given(api: Api) -> None:
    local = api.post("/api/models", LOCAL | {"revision": None, "category": None, "hfToken": None}).json
    assert (local["revision"], local["hasHfToken"]) == ("main", False)
    hosted = api.post("/api/models", HOSTED | {"baseUrl": None, "apiKey": None, "deployment": None}).json
    assert (hosted["baseUrl"], hosted["hasApiKey"]) == ("https://api.openai.com/v1", False)


@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/unsloth/Qwen3-0.6B-GGUF/blob/main/Qwen3-0.6B-Q4_0.gguf",
        "https://huggingface.co/unsloth/Qwen3-0.6B-GGUF/resolve/main/Qwen3-0.6B-Q4_0.gguf?download=true",
    ],
)
def test_a_file_link_is_taken_apart(api: Api, link: str) -> None:
    model = api.post("/api/models", {"type": "local", "name": "From a link", "hfRepo": link}).json
    assert (model["hfRepo"], model["revision"], model["modelFile"]) == (
        LOCAL["hfRepo"],
        "main",
        LOCAL["modelFile"],
    )


def test_a_link_that_contradicts_the_file_field_is_refused(api: Api) -> None:
    link = "https://huggingface.co/unsloth/Qwen3-0.6B-GGUF/blob/main/other.gguf"
    refused = api.post("/api/models", LOCAL | {"hfRepo": link})
    assert refused.status_code == 422
    assert "modelFile" in refused.json["errors"]


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    (LOCAL | {"surprise": 1}, "surprise"),
    (LOCAL | {"name": 7}, "name"),
    (LOCAL | {"name": ""}, "name"),
    (LOCAL | {"name": "   "}, "name"),
    (LOCAL | {"name": "a\x00b"}, "name"),
    (LOCAL | {"name": "a\nb"}, "name"),
    (LOCAL | {"name": "\ud800"}, "name"),
    (LOCAL | {"name": "x" * 256}, "name"),
    (LOCAL | {"isActive": "yes"}, "isActive"),
    (LOCAL | {"downloadNow": "true"}, "downloadNow"),
    (LOCAL | {"downloadNow": 1}, "downloadNow"),
    (LOCAL | {"category": "painting"}, "category"),
    (LOCAL | {"type": "cloud"}, "type"),
    (LOCAL | {"modelFile": "../secret.gguf"}, "modelFile"),
    (LOCAL | {"modelFile": "a/../../secret.gguf"}, "modelFile"),
    (LOCAL | {"modelFile": "/etc/passwd"}, "modelFile"),
    (LOCAL | {"modelFile": "a\\b.gguf"}, "modelFile"),
    (LOCAL | {"modelFile": "a\x00.gguf"}, "modelFile"),
    (LOCAL | {"modelFile": "x" * 256}, "modelFile"),
    (LOCAL | {"modelFile": ""}, "modelFile"),
    (LOCAL | {"allowPatterns": ["../*"]}, "allowPatterns.0"),
    (LOCAL | {"ignorePatterns": ["ok", "/abs"]}, "ignorePatterns.1"),
    (LOCAL | {"allowPatterns": "*.gguf"}, "allowPatterns"),
    (LOCAL | {"hfRepo": "a/b/c"}, "hfRepo"),
    (LOCAL | {"hfRepo": "../b"}, "hfRepo"),
    (LOCAL | {"hfRepo": "own er/name"}, "hfRepo"),
    (LOCAL | {"hfRepo": "https://huggingface.co/datasets/owner/name"}, "hfRepo"),
    (LOCAL | {"revision": "../../.."}, "revision"),
    (LOCAL | {"hfToken": "hf_with space"}, "hfToken"),
    (LOCAL | {"hfToken": "hf_new\nline"}, "hfToken"),
    (LOCAL | {"apiKey": "sk-1"}, "apiKey"),
    (LOCAL | {"provider": "openai"}, "provider"),
    (LOCAL | {"localPath": "/models"}, "localPath"),
    ({"type": "local", "name": "No repository"}, "hfRepo"),
    ({"type": "local", "name": "No path", "source": "path"}, "localPath"),
    ({"name": "No type"}, "type"),
    ({"type": "hosted-llm", "name": "No provider"}, "provider"),
    ({"type": "hosted-llm", "name": "No address", "provider": "azure-openai"}, "baseUrl"),
    (HOSTED | {"hfRepo": "a/b"}, "hfRepo"),
    (HOSTED | {"downloadNow": True}, "downloadNow"),
    (HOSTED | {"baseUrl": "ftp://example.com"}, "baseUrl"),
    (HOSTED | {"baseUrl": "https://user:secret@example.com"}, "baseUrl"),
    (HOSTED | {"baseUrl": "https://example.com:99999999"}, "baseUrl"),
    (HOSTED | {"provider": "acme"}, "provider"),
]


@pytest.mark.parametrize(("body", "field"), BAD_BODIES)
def test_bad_input_is_refused_by_field_and_changes_nothing(
    api: Api, redis: Any, body: Any, field: str
) -> None:
    refused = api.post(
        "/api/models",
        body | ({"downloadNow": True} if body.get("type") == "local" and "downloadNow" not in body else {}),
    )
    assert refused.status_code == 422
    assert refused.content_type == "application/problem+json"
    assert refused.json["code"] == "VALIDATION_ERROR"
    assert refused.json["remedy"]
    assert field in refused.json["errors"]
    assert api.get("/api/models").json == []
    assert api.get("/api/operations").json == []
    assert redis.keys() == []


def test_a_refused_secret_is_not_repeated_in_the_answer(api: Api) -> None:
    assert "canary" not in api.post("/api/models", HOSTED | {"apiKey": "sk canary"}).text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "MALFORMED_JSON"),
        (b"[" * 200_000, 400, "MALFORMED_JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", 400, "MALFORMED_JSON"),
        (b"[1]", 422, "VALIDATION_ERROR"),
        (b"x" * (1 << 20 | 1), 413, "BODY_TOO_LARGE"),
    ],
)
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes, status: int, code: str) -> None:
    refused = api.call("POST", "/api/models", data=body, content_type="application/json")
    assert (refused.status_code, refused.json["code"]) == (status, code)


@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/a/b/blob/main/c%C2%85d.gguf",
        "https://huggingface.co/a/b/tree/c%C2%85d",
        f"https://huggingface.co/a/b/blob/main/{'/'.join(['x' * 200] * 6)}",
    ],
    ids=["control character", "revision", "too long"],
)
def test_a_link_says_no_more_than_the_fields_themselves_may(api: Api, link: str) -> None:
    refused = api.post("/api/models", {"type": "local", "name": "Linked", "hfRepo": link})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["hfRepo"])


@pytest.mark.parametrize(("query", "found"), [("q=\xff", 0), ("q=G\xc3\xa4nse", 1), ("q=%ff", 0)])
def test_a_query_may_hold_any_bytes(api: Api, query: str, found: int) -> None:
    api.post("/api/models", HOSTED | {"name": "Gänse"})
    environ = EnvironBuilder(path="/api/models").get_environ() | {"QUERY_STRING": query}
    environ["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN_TOKEN}"
    # Past the client, which would send text.
    body, status, _headers = run_wsgi_app(api.client.application, environ, buffered=True)
    assert (status, len(json.loads(b"".join(body)))) == ("200 OK", found)


def test_names_are_unique(api: Api) -> None:
    first = api.post("/api/models", HOSTED).json
    refused = api.post("/api/models", LOCAL | {"name": HOSTED["name"]})
    assert (refused.status_code, refused.json["code"]) == (409, "MODEL_ALREADY_EXISTS")
    assert (refused.json["existingId"], refused.json["field"]) == (first["id"], "name")


def test_the_same_file_of_the_same_revision_is_registered_once(api: Api) -> None:
    first = api.post("/api/models", LOCAL).json
    refused = api.post("/api/models", LOCAL | {"name": "Another name"})
    assert (refused.status_code, refused.json["existingId"]) == (409, first["id"])
    assert api.post("/api/models", LOCAL | {"name": "Other revision", "revision": "v2"}).status_code == 201
    assert api.post("/api/models", LOCAL | {"name": "Whole", "modelFile": None}).status_code == 201
    assert api.post("/api/models", LOCAL | {"name": "Whole again", "modelFile": None}).status_code == 409


def test_a_patch_changes_only_what_it_names(api: Api) -> None:
    model = api.post("/api/models", HOSTED).json
    changed = api.patch(f"/api/models/{model['id']}", {"name": "New name", "isActive": False}).json
    same = {"updatedAt", "name", "isActive"}
    assert (changed["name"], changed["isActive"], changed["hasApiKey"]) == ("New name", False, True)
    assert {k: v for k, v in changed.items() if k not in same} == {
        k: v for k, v in model.items() if k not in same
    }


def test_a_secret_is_kept_replaced_or_removed_by_a_patch(api: Api, database: Database) -> None:
    path = f"/api/models/{api.post('/api/models', HOSTED).json['id']}"

    def stored() -> str | None:
        with database.session() as session:
            return session.execute(text("select api_key_encrypted from models")).scalar_one()

    first = stored()
    api.patch(path, {"category": "llm"})
    assert stored() == first
    api.patch(path, {"apiKey": "sk-another"})
    assert stored() not in (None, first)
    assert api.patch(path, {"apiKey": None}).json["hasApiKey"] is False
    assert stored() is None


@pytest.mark.parametrize(
    ("body", "field"),
    [({"hfRepo": "a/b"}, "hfRepo"), ({"type": "local"}, "type"), ({"baseUrl": None}, "baseUrl")],
)
def test_a_patch_that_does_not_fit_the_type_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    path = f"/api/models/{api.post('/api/models', HOSTED).json['id']}"
    refused = api.patch(path, body)
    assert refused.status_code == 422
    assert field in refused.json["errors"]


def test_what_is_downloaded_cannot_be_pointed_elsewhere(api: Api, database: Database) -> None:
    path = f"/api/models/{api.post('/api/models', LOCAL).json['id']}"
    assert api.patch(path, {"revision": "v2"}).status_code == 200
    with database.session() as session:
        session.execute(text("update models set downloaded = true, download_status = 'Downloaded'"))
    for field, value in {"hfRepo": "a/b", "modelFile": "other.gguf", "revision": "v3"}.items():
        refused = api.patch(path, {field: value})
        assert (refused.status_code, refused.json["code"]) == (409, "MODEL_ALREADY_DOWNLOADED")
    assert api.patch(path, {"revision": "v2", "name": "Renamed"}).status_code == 200


def test_a_model_whose_download_is_active_cannot_be_pointed_elsewhere(api: Api) -> None:
    path = f"/api/models/{api.post('/api/models', LOCAL | {'downloadNow': True}).json['id']}"
    assert api.patch(path, {"revision": "v2"}).json["code"] == "OPERATION_CONFLICT"


@pytest.mark.parametrize("model_id", ["1", "2147483648", "99999999999999999999"])
@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/usage"),
        ("POST", "/download"),
        ("POST", "/cancel-download"),
        ("GET", "/download-status"),
    ],
)
def test_an_unknown_model_is_not_found(api: Api, method: str, suffix: str, model_id: str) -> None:
    answer = api.call(
        method, f"/api/models/{model_id}{suffix}", json={} if method in ("PATCH", "POST") else None
    )
    assert (answer.status_code, answer.json["code"]) == (404, "MODEL_NOT_FOUND")


def test_a_deleted_model_is_gone(api: Api) -> None:
    path = f"/api/models/{api.post('/api/models', LOCAL).json['id']}"
    gone = api.delete(path)
    assert (gone.status_code, gone.data) == (204, b"")
    assert api.get(path).status_code == 404


def test_a_model_whose_download_is_active_is_not_deleted(api: Api) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    refused = api.delete(f"/api/models/{model['id']}")
    assert (refused.status_code, refused.json["code"]) == (409, "OPERATION_CONFLICT")
    assert refused.json["operationId"] == model["activeOperation"]["taskId"]


def test_deleting_with_files_asks_the_worker(api: Api) -> None:
    model = api.post("/api/models", LOCAL).json
    started = api.delete(f"/api/models/{model['id']}?deleteLocalFile=true")
    assert started.status_code == 202
    assert (started.json["operation"], started.json["status"]) == ("delete", "pending")
    again = api.delete(f"/api/models/{model['id']}?deleteLocalFile=true")
    assert again.json["taskId"] == started.json["taskId"]
    assert api.post(f"/api/models/{model['id']}/download").json["code"] == "OPERATION_CONFLICT"


def test_deleting_a_default_model_wants_a_confirmation(api: Api, database: Database) -> None:
    model = api.post("/api/models", LOCAL).json
    with database.session() as session:
        session.execute(text("update models set is_default = true"))
    refused = api.delete(f"/api/models/{model['id']}")
    assert (refused.status_code, refused.json["code"]) == (409, "CONFIRMATION_REQUIRED")
    usage = api.get(f"/api/models/{model['id']}/usage").json
    assert {name: refused.json[name] for name in usage} == usage
    assert (usage["isDefault"], usage["requiresConfirmation"], usage["canDelete"]) == (True, True, True)
    assert len(usage["warnings"]) == 1
    assert api.delete(f"/api/models/{model['id']}?confirm=true").status_code == 204


def test_the_confirmation_tells_of_a_download_that_is_active(api: Api, database: Database) -> None:
    model = api.post("/api/models", LOCAL | {"downloadNow": True}).json
    with database.session() as session:
        session.execute(text("update models set is_default = true"))
    refused = api.delete(f"/api/models/{model['id']}")
    assert (refused.status_code, refused.json["code"]) == (409, "CONFIRMATION_REQUIRED")
    assert refused.json["activeOperation"]["taskId"] == model["activeOperation"]["taskId"]
    assert api.delete(f"/api/models/{model['id']}?confirm=true").json["code"] == "OPERATION_CONFLICT"


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_is_json_whatever_its_header_says(api: Api, content_type: str | None) -> None:
    created = api.call("POST", "/api/models", data=json.dumps(LOCAL), content_type=content_type)
    assert created.status_code == 201
    path = f"/api/models/{created.json['id']}"
    assert api.call("PATCH", path, data=b'{"name": "New"}', content_type=content_type).json["name"] == "New"
    assert (
        api.call("PATCH", path, data=b"name=New", content_type=content_type).json["code"] == "MALFORMED_JSON"
    )


def test_names_of_local_files_need_not_be_text(api: Api, settings: Settings) -> None:
    folder = Path(settings.local_path_roots[0]) / "mine"
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.bin")).write_bytes(b"x")
    made = api.post(
        "/api/models", {"type": "local", "name": "Mine", "source": "path", "localPath": str(folder)}
    )
    assert (made.status_code, made.json["unsafeFiles"]) == (201, ["\ufffd.bin"])


def test_a_local_path_is_a_file_or_a_folder_with_a_name_that_is_text(api: Api, settings: Settings) -> None:
    root = Path(settings.local_path_roots[0])
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).mkdir(parents=True)
    (root / "link").symlink_to(os.fsdecode(b"\xff"))
    os.mkfifo(root / "pipe")
    for name in ("link", "pipe"):
        body = {"type": "local", "name": "Mine", "source": "path", "localPath": str(root / name)}
        assert api.post("/api/models", body).json["code"] == "INVALID_LOCAL_PATH"


def test_a_local_path_is_downloaded_at_once_and_never_deleted(api: Api, settings: Settings) -> None:
    folder = Path(settings.local_path_roots[0]) / "mine"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"x" * 1234)
    model = api.post(
        "/api/models", {"type": "local", "name": "Mine", "source": "path", "localPath": str(folder)}
    ).json
    assert (model["downloadStatus"], model["downloaded"], model["fileSizeBytes"]) == (
        "Downloaded",
        True,
        1234,
    )
    done = api.post(f"/api/models/{model['id']}/download")
    assert (done.status_code, done.json["status"], done.json["percent"]) == (200, "completed", 100.0)
    assert api.delete(f"/api/models/{model['id']}?deleteLocalFile=true").status_code == 204
    assert (folder / "weights.bin").exists()


@pytest.mark.parametrize(
    "path", ["relative/path", "/etc", "{root}/missing", "{root}/../escape", "{root}/link"]
)
def test_a_local_path_outside_the_roots_is_refused(api: Api, settings: Settings, path: str) -> None:
    root = Path(settings.local_path_roots[0])
    root.mkdir()
    (root.parent / "escape").mkdir()
    (root / "link").symlink_to("/etc")
    body = {"type": "local", "name": "Mine", "source": "path", "localPath": path.format(root=root)}
    refused = api.post("/api/models", body)
    assert (refused.status_code, refused.json["code"]) == (422, "INVALID_LOCAL_PATH")
    assert api.get("/api/models").json == []


def test_the_list_is_filtered_sorted_and_paged(api: Api) -> None:
    for number in range(5):
        api.post("/api/models", HOSTED | {"name": f"hosted {number}"})
        api.post(
            "/api/models",
            {"type": "local", "name": f"Local {number}", "hfRepo": f"org/repo{number}", "category": "llm"},
        )

    def names(query: str) -> list[str]:
        return [model["name"] for model in api.get(f"/api/models?{query}").json]

    assert names("type=local&sort=-name") == [f"Local {n}" for n in (4, 3, 2, 1, 0)]
    assert names("pageSize=3&page=2") == ["hosted 3", "hosted 4", "Local 0"]
    assert names("q=REPO3") == ["Local 3"]
    assert names("q=%25") == []
    assert names("hfRepo=org/repo1") == names("name=Local 1") == ["Local 1"]
    assert names(
        "category=llm&isActive=true&installed=false&status=NotDownloaded&sort=createdAt&pageSize=1"
    ) == ["Local 0"]
    assert names("page=99") == []
    header = json.loads(api.get("/api/models?pageSize=3&page=2").headers["X-Pagination"])
    assert (header["total"], header["total_pages"], header["page"]) == (10, 4, 2)
    assert (header["first_page"], header["last_page"]) == (1, 4)
    assert (header["previous_page"], header["next_page"]) == (1, 3)


@pytest.mark.parametrize(
    "query", ["page=0", "pageSize=501", "sort=secret", "type=x", "q=%00", "installed=perhaps"]
)
def test_a_bad_query_is_refused(api: Api, query: str) -> None:
    assert api.get(f"/api/models?{query}").status_code == 422
