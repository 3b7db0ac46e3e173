import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_service import create_app
from shared import attempts
from shared.catalog import load
from shared.database import Database
from shared.progress import Progress
from shared.settings import Settings
from tests.conftest import HOSTED, LOCAL, Api

SEEDED = "qwen3-0.6b"  # what LOCAL is
WHOLE = "bge-small-en-v1.5"
OTHER = {"type": "local", "name": "Other", "hfRepo": "owner/other", "modelFile": "other.gguf"}


@pytest.fixture
def strict(settings: Settings, redis: Any) -> Iterator[Api]:
    """The API on the same stores, where only the catalog is allowed."""
    app = create_app(settings.model_copy(update={"catalog_only": True}))
    yield Api(app.test_client())
    app.extensions["weighbridge"].database.dispose()


def _entry(api: Api, entry_id: str) -> dict[str, Any]:
    return next(entry for entry in api.get("/api/catalog").json if entry["id"] == entry_id)


def _ids(api: Api, query: str) -> list[str]:
    return [entry["id"] for entry in api.get(f"/api/catalog?{query}").json]


def _finish(database: Database, task: dict[str, Any], *, size: int = 5) -> None:
    """As a worker ends a download."""
    operation_id = uuid.UUID(task["taskId"])
    manifest = {"commit": "c" * 40, "files": [{"path": "f", "size": size, "oid": "a" * 64}]}
    facts = {"manifest": manifest, "file_size_bytes": size}
    with database.session() as session:
        attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        attempts.complete_download(session, operation_id, 1, progress=Progress(), columns=facts)


def test_the_catalog_lists_every_entry_in_its_order_and_says_all_of_it(api: Api) -> None:
    entries = api.get("/api/catalog").json
    assert [entry["id"] for entry in entries] == [entry.id for entry in load().entries]
    assert _entry(api, WHOLE) == {
        "id": WHOLE,
        "name": "BGE small English v1.5",
        "description": "Search in English with little memory; queries want a prefix.",
        "category": "embedding",
        "repo": "BAAI/bge-small-en-v1.5",
        "filename": None,
        "revision": "main",
        "allowPatterns": ["*.json", "*.txt", "*.model", "*.safetensors"],
        "ignorePatterns": ["onnx/*", "openvino/*"],
        "license": "mit",
        "family": "BGE",
        "parameterCount": 33360000,
        "downloadBytes": 134000000,
        "memoryMb": {"fp32": 161, "fp16": 81, "q8": 43, "q4": 23},
        "dimension": 384,
        "maxSequenceLength": 512,
        "pooling": "cls",
        "isAsymmetric": True,
        "queryPrefix": "Represent this sentence for searching relevant passages: ",
        "documentPrefix": None,
        "defaultInstruction": None,
        "contextWindow": None,
        "tags": ["english", "search", "small"],
        "links": {
            "huggingface": "https://huggingface.co/BAAI/bge-small-en-v1.5",
            "paper": "https://arxiv.org/abs/2309.07597",
            "homepage": "https://github.com/FlagOpen/FlagEmbedding",
        },
        "ratings": None,
        "source": "built-in",
        "installed": False,
        "downloadStatus": None,
        "sizeOnDiskBytes": 0,
        "modelId": None,
        "activeOperation": None,
    }


def test_the_catalog_is_filtered_by_category_by_text_and_by_what_is_here(
    api: Api, database: Database
) -> None:
    assert {entry["category"] for entry in api.get("/api/catalog?category=splade").json} == {"splade"}
    assert _ids(api, "q=bge-reranker&category=reranker") == [
        "bge-reranker-base",
        "bge-reranker-large",
        "bge-reranker-v2-m3",
    ]
    assert _ids(api, "q=nothing-like-it") == []
    _finish(database, api.post("/api/downloads", {"catalogId": WHOLE}).json)
    assert _ids(api, "installed=true") == [WHOLE]
    assert WHOLE not in _ids(api, "installed=false")
    assert len(_ids(api, "installed=false")) == len(load().entries) - 1
    assert api.get("/api/catalog?category=vision").status_code == 422


def test_one_click_registers_an_entry_with_all_that_it_says_and_starts(api: Api, redis: Any) -> None:
    asked = api.post("/api/downloads", {"catalogId": WHOLE})
    assert (asked.status_code, asked.json["status"]) == (202, "pending")
    model = api.get(f"/api/models/{asked.json['modelId']}").json
    said = _entry(api, WHOLE)
    assert (model["name"], model["category"], model["catalogId"]) == (said["name"], "embedding", WHOLE)
    assert (model["hfRepo"], model["modelFile"], model["revision"]) == (said["repo"], None, "main")
    assert (model["allowPatterns"], model["ignorePatterns"]) == (
        said["allowPatterns"],
        said["ignorePatterns"],
    )
    assert redis.llen("weighbridge:downloads") == 1
    again = api.post("/api/downloads", {"catalogId": WHOLE})
    assert (again.status_code, again.json["taskId"]) == (200, asked.json["taskId"])
    assert len(api.get("/api/models").json) == 1


def test_an_entry_shows_its_model_from_the_request_until_its_files_are_here(
    api: Api, database: Database
) -> None:
    task = api.post("/api/downloads", {"catalogId": SEEDED}).json
    shown = _entry(api, SEEDED)
    assert (shown["installed"], shown["downloadStatus"], shown["modelId"]) == (
        False,
        "Pending",
        task["modelId"],
    )
    assert shown["activeOperation"]["taskId"] == task["taskId"]
    assert (shown["activeOperation"]["status"], shown["sizeOnDiskBytes"]) == ("Pending", 0)
    _finish(database, task, size=382)
    shown = _entry(api, SEEDED)
    assert (shown["installed"], shown["downloadStatus"], shown["activeOperation"]) == (
        True,
        "Downloaded",
        None,
    )
    assert shown["sizeOnDiskBytes"] == 382
    done = api.post("/api/downloads", {"catalogId": SEEDED})
    assert (done.status_code, done.json["status"]) == (200, "completed")


def test_a_model_of_another_revision_counts_and_is_not_fetched_again(api: Api, database: Database) -> None:
    task = api.post(
        "/api/downloads", {"repo": LOCAL["hfRepo"], "filename": LOCAL["modelFile"], "revision": "v1"}
    ).json
    assert api.get(f"/api/models/{task['modelId']}").json["catalogId"] == SEEDED
    _finish(database, task)
    shown = _entry(api, SEEDED)
    assert (shown["installed"], shown["modelId"]) == (True, task["modelId"])
    done = api.post("/api/downloads", {"catalogId": SEEDED})
    assert (done.status_code, done.json["modelId"]) == (200, task["modelId"])


def test_of_several_revisions_the_one_that_is_here_is_shown_else_that_of_the_entry(
    api: Api, database: Database
) -> None:
    at = {
        revision: api.post("/api/models", LOCAL | {"name": revision, "revision": revision}).json["id"]
        for revision in ("v1", "main", "v2")
    }
    assert _entry(api, SEEDED)["modelId"] == at["main"]
    _finish(database, api.post(f"/api/models/{at['v2']}/download").json)
    assert _entry(api, SEEDED)["modelId"] == at["v2"]


def test_another_file_of_a_curated_repository_is_no_entry(api: Api) -> None:
    model = api.post("/api/models", LOCAL | {"modelFile": "Qwen3-0.6B-Q8_0.gguf"}).json
    assert model["catalogId"] is None
    assert _entry(api, SEEDED)["modelId"] is None
    assert api.post("/api/models", HOSTED).json["catalogId"] is None


def test_an_entry_whose_name_is_taken_gets_its_repository_before_it(api: Api) -> None:
    api.post("/api/models", HOSTED | {"name": "Qwen3 0.6B"})
    task = api.post("/api/downloads", {"catalogId": SEEDED}).json
    assert api.get(f"/api/models/{task['modelId']}").json["name"] == f"{LOCAL['hfRepo']} Qwen3 0.6B"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"catalogId": WHOLE, "repo": "a/b"}, "catalogId"),
        ({"catalogId": WHOLE, "filename": "a.gguf"}, "catalogId"),
        ({"catalogId": WHOLE, "filename": None}, "catalogId"),
        ({"catalogId": WHOLE, "revision": "main"}, "catalogId"),
        ({"catalogId": None}, "catalogId"),
        ({"catalogId": ""}, "catalogId"),
        ({"catalogId": 3}, "catalogId"),
        ({"filename": "a.gguf"}, "repo"),
        ({}, "repo"),
    ],
)
def test_a_request_means_an_entry_or_a_repository(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.post("/api/downloads", body)
    assert refused.status_code == 422
    assert field in refused.json["errors"]
    assert api.get("/api/models").json == []


def test_an_unknown_entry_is_not_found(api: Api) -> None:
    refused = api.post("/api/downloads", {"catalogId": "nothing"})
    assert (refused.status_code, refused.json["code"]) == (404, "CATALOG_ENTRY_NOT_FOUND")


def test_one_click_is_written_into_the_audit_log(api: Api) -> None:
    task = api.post("/api/downloads", {"catalogId": WHOLE}).json
    requested, created = api.get("/api/audit").json[:2]
    assert (created["action"], created["modelId"]) == ("model.created", task["modelId"])
    assert created["details"]["catalog_id"] == WHOLE
    assert created["details"]["hf_repo"] == "BAAI/bge-small-en-v1.5"
    assert (requested["action"], requested["modelId"]) == ("download.requested", task["modelId"])


def test_the_featured_models_say_what_a_card_shows(api: Api, database: Database) -> None:
    before = api.get("/api/featured-models").json
    assert before["lastUpdated"] == load().last_updated
    assert [model["id"] for model in before["models"]] == [one.entry.id for one in load().featured]
    assert not any(model["installed"] for model in before["models"])
    _finish(database, api.post("/api/downloads", {"catalogId": SEEDED}).json)
    found = {model["id"]: model for model in api.get("/api/featured-models").json["models"]}
    model = found[SEEDED]
    assert model["modelId"] is not None
    assert model == {
        "id": SEEDED,
        "name": "Qwen3 0.6B",
        "description": "Very small; answers on any machine, with or without thinking first.",
        "category": "llm",
        "tags": ["chat", "small"],
        "sizeCategory": "0.6B",
        "repo": LOCAL["hfRepo"],
        "filename": LOCAL["modelFile"],
        "downloadBytes": 382000000,
        "metadata": {"downloads": None, "likes": None, "modelType": "llm", "family": "Qwen"},
        "links": {
            "huggingface": f"https://huggingface.co/{LOCAL['hfRepo']}",
            "paper": "https://arxiv.org/abs/2505.09388",
            "homepage": "https://qwen.ai",
        },
        "installed": True,
        "downloadStatus": "Downloaded",
        "modelId": model["modelId"],
        "activeOperation": None,
    }


def test_the_operators_entries_are_offered(settings: Settings, redis: Any, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text("entries: [{id: ours, name: Ours, category: llm, repo: us/ours}]")
    app = create_app(settings.model_copy(update={"catalog_dir": tmp_path}))
    api = Api(app.test_client())
    try:
        assert _entry(api, "ours")["source"] == "ours.yaml"
        task = api.post("/api/downloads", {"catalogId": "ours"}).json
        assert api.get(f"/api/models/{task['modelId']}").json["catalogId"] == "ours"
    finally:
        app.extensions["weighbridge"].database.dispose()


def _assert_refused(answer: Any, detail: str = "The catalog has no owner/other, other.gguf.") -> None:
    assert (answer.status_code, answer.json["code"]) == (409, "NOT_IN_CATALOG")
    assert answer.json["detail"] == detail
    assert "WEIGHBRIDGE_CATALOG_DIR" in answer.json["remedy"]


def test_the_health_says_whether_only_the_catalog_is_allowed(api: Api, strict: Api) -> None:
    assert api.get("/api/health").json["catalogOnly"] is False
    assert strict.get("/api/health").json["catalogOnly"] is True


def test_only_the_catalog_refuses_to_register_another_model(strict: Api) -> None:
    _assert_refused(strict.post("/api/models", OTHER))
    _assert_refused(strict.post("/api/downloads", {"repo": "owner/other", "filename": "other.gguf"}))
    whole = {"repo": LOCAL["hfRepo"]}
    _assert_refused(
        strict.post("/api/downloads", whole), f"The catalog has no {LOCAL['hfRepo']}, the whole repository."
    )
    assert strict.get("/api/models").json == []


def test_only_the_catalog_takes_its_entries_by_id_and_by_name_and_hosted_models(strict: Api) -> None:
    assert strict.post("/api/downloads", {"catalogId": WHOLE}).status_code == 202
    assert strict.post("/api/models", LOCAL | {"downloadNow": True}).status_code == 201
    assert strict.post("/api/models", HOSTED).status_code == 201


@pytest.mark.parametrize("revision", ["v1", "refs/pr/1", "c" * 40])
def test_only_the_catalog_takes_a_repository_at_the_revision_of_its_entry(strict: Api, revision: str) -> None:
    """A pull request of a curated repository is anybody's."""
    detail = f"The catalog has {LOCAL['hfRepo']} at main only, not at {revision}."
    _assert_refused(strict.post("/api/models", LOCAL | {"revision": revision}), detail)


def test_only_the_catalog_refuses_to_point_a_model_at_another_file(strict: Api) -> None:
    model = strict.post("/api/models", LOCAL).json
    path = f"/api/models/{model['id']}"
    _assert_refused(strict.patch(path, {"hfRepo": "owner/other", "modelFile": "other.gguf"}))
    _assert_refused(
        strict.patch(path, {"revision": "v1"}), f"The catalog has {LOCAL['hfRepo']} at main only, not at v1."
    )
    assert strict.patch(path, {"name": "Renamed", "revision": "main"}).status_code == 200
    assert strict.get(path).json["hfRepo"] == LOCAL["hfRepo"]


def test_only_the_catalog_refuses_to_download_what_was_registered_before(
    api: Api, strict: Api, database: Database
) -> None:
    model = api.post("/api/models", OTHER).json
    path = f"/api/models/{model['id']}"
    _assert_refused(strict.post(f"{path}/download"))
    _assert_refused(strict.patch(path, {"name": "Renamed", "downloadNow": True}))
    _assert_refused(strict.post("/api/downloads", {"repo": "owner/other", "filename": "other.gguf"}))
    task = api.post(f"{path}/download").json
    api.post(f"{path}/cancel-download")
    _assert_refused(strict.post(f"/api/downloads/{task['taskId']}/retry"))
    assert strict.get(path).json["name"] == "Other"
    assert strict.get(path).json["activeOperation"] is None
    assert strict.patch(path, {"name": "Renamed"}).status_code == 200
    events = [event["action"] for event in strict.get("/api/audit").json]
    assert events.count("download.requested") == 1


def test_only_the_catalog_leaves_what_is_here_and_what_runs_alone(
    api: Api, strict: Api, database: Database
) -> None:
    task = api.post(f"/api/models/{api.post('/api/models', OTHER).json['id']}/download").json
    running = strict.post(f"/api/models/{task['modelId']}/download")
    assert (running.status_code, running.json["taskId"]) == (200, task["taskId"])
    _finish(database, task)
    done = strict.post(f"/api/models/{task['modelId']}/download")
    assert (done.status_code, done.json["status"]) == (200, "completed")


def test_only_the_catalog_allows_local_paths(strict: Api, tmp_path: Path) -> None:
    folder = tmp_path / "local" / "model"
    folder.mkdir(parents=True)
    (folder / "a.gguf").write_bytes(b"x")
    model = {"type": "local", "source": "path", "name": "Here", "localPath": str(folder)}
    assert strict.post("/api/models", model).status_code == 201
