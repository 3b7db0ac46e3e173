from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from api_service import create_app
from api_service.blueprint import Blueprint
from shared.database import Database
from shared.settings import Settings
from shared.tables import DownloadStatus, Model
from tests.conftest import Api, make_settings
from tests.hub_server import HubServer

REPO = "owner/Qwen3-0.6B-GGUF"
GGUF = {
    "README.md": b"# Qwen",
    "Qwen3-0.6B-Q4_K_M.gguf": b"4" * 400,
    "Qwen3-0.6B-UD-IQ2_XXS.gguf": b"2" * 200,
    "BF16/Qwen3-0.6B-BF16-00001-of-00003.gguf": b"a" * 700,
    "BF16/Qwen3-0.6B-BF16-00002-of-00003.gguf": b"b" * 700,
    "BF16/Qwen3-0.6B-BF16-00003-of-00003.gguf": b"c" * 100,
    "mmproj-F16.gguf": b"p" * 50,
    "imatrix_unsloth.dat": b"m" * 20,
}
FIRST_PART = "BF16/Qwen3-0.6B-BF16-00001-of-00003.gguf"
Q4 = "Qwen3-0.6B-Q4_K_M.gguf"
NO_DIMENSIONS = dict.fromkeys(
    ("contextLength", "hiddenSize", "layers", "heads", "kvHeads", "headDim", "vocabSize")
)
GGUF_INFO = {
    "tags": ["gguf", "en", "license:apache-2.0"],
    "likes": 12,
    "downloads": 3456,
    "cardData": {
        "license": "apache-2.0",
        "summary": "A small one.\nGood.",
        "base_model": ["Qwen/Qwen3-0.6B"],
    },
    "gguf": {"total": 596049920, "architecture": "qwen3", "context_length": 40960},
    "library_name": "transformers",
    "pipeline_tag": "text-generation",
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


@contextmanager
def api_with(settings: Settings, **changed: str) -> Iterator[Api]:
    """The API on the test's own stores, with other settings."""
    assert settings.database_url
    assert settings.redis_url
    same = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
    }
    with pytest.MonkeyPatch.context() as undocumented:  # as the `api` of all tests
        undocumented.setattr(Blueprint, "register_views_in_doc", lambda *_args, **_kwargs: None)
        app = create_app(make_settings(**(same | changed)))
    yield Api(app.test_client())
    app.extensions["weighbridge"].database.dispose()


@pytest.fixture
def asking(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Api]:
    """The API, with our Hub as its own."""
    with api_with(settings, HF_ENDPOINT=hub.url) as found:
        yield found


@pytest.fixture
def forget(redis: Any) -> Callable[[], None]:
    """Lets the Hub be asked anew."""
    return lambda: redis.flushdb()


def preview(api: Api, repo: str = REPO, **query: Any) -> TestResponse:
    return api.get(f"/api/hub/repo?{urlencode({'repo': repo, **query})}")


@pytest.mark.parametrize("path", ["resolve?input=a/b", "repo?repo=a/b"])
def test_both_want_a_caller(asking: Api, hub: HubServer, path: str) -> None:
    assert asking.get(f"/api/hub/{path}", token=None).status_code == 401
    assert hub.requests == []


def test_a_gguf_repository_is_shown_with_its_choices(asking: Api, hub: HubServer) -> None:
    commit = hub.add_repo(REPO, GGUF, info=GGUF_INFO)
    body = preview(asking).json
    variants, sizes, fetched_at = (body.pop(name) for name in ("variants", "estimatedSizes", "fetchedAt"))
    assert abs(datetime.now(UTC) - datetime.fromisoformat(fetched_at)) < timedelta(minutes=1)
    assert sizes["fp16"]["diskBytes"] == 2 * 596049920
    assert body == {
        "repo": REPO,
        "revision": "main",
        "commitHash": commit,
        "name": "Qwen3-0.6B-GGUF",
        "description": "A small one. Good.",
        "license": "apache-2.0",
        "tags": ["gguf", "en", "license:apache-2.0"],
        "likes": 12,
        "downloads": 3456,
        "lastModified": "2026-01-01T00:00:00+00:00",
        "baseModel": "Qwen/Qwen3-0.6B",
        "gated": False,
        "private": False,
        "libraryName": "transformers",
        "pipelineTag": "text-generation",
        "requiresTrustRemoteCode": False,
        "architecture": "qwen3",
        "family": "Qwen",
        "parameterCount": 596049920,
        "contextLength": 40960,
        "dimensions": NO_DIMENSIONS | {"contextLength": 40960},
        "quantization": None,
        "dtype": None,
        "estimateContextLength": 8192,
        "stale": False,
        "totalBytes": sum(map(len, GGUF.values())),
        "fileCount": len(GGUF),
        "extras": [
            {"filename": "imatrix_unsloth.dat", "sizeBytes": 20, "kind": "imatrix"},
            {"filename": "mmproj-F16.gguf", "sizeBytes": 50, "kind": "projector"},
        ],
    }
    assert [
        (each["filename"], each["files"], each["sizeBytes"], each["quantization"], each["recommended"])
        for each in variants
    ] == [
        ("Qwen3-0.6B-UD-IQ2_XXS.gguf", 1, 200, {"method": "UD-IQ2_XXS", "bits": 2}, False),
        (Q4, 1, 400, {"method": "Q4_K_M", "bits": 4}, True),
        (FIRST_PART, 3, 1500, {"method": "BF16", "bits": 16}, False),
    ]
    assert variants[2]["fileNames"] == sorted(name for name in GGUF if name.startswith("BF16/"))
    for each in variants:
        assert (each["kind"], each["status"], each["modelId"]) == ("gguf", "available", None)
        assert (each["fits"], each["fitsMemory"], each["fitsDisk"]) == (None, None, None)


def test_a_safetensors_repository_is_one_choice(asking: Api, hub: HubServer) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"w" * 100, "tokenizer.json": b"[]"}
    info = {
        "config": {
            "architectures": ["PhiForCausalLM"],
            "model_type": "phi",
            "auto_map": {"AutoModel": "modeling.Phi"},
            "max_position_embeddings": 2048,
        },
        "safetensors": {"parameters": {"BF16": 50}, "total": 50},
    }
    hub.add_repo("owner/phi", files, info=info)
    body = preview(asking, "owner/phi").json
    facts = ("architecture", "family", "parameterCount", "contextLength", "requiresTrustRemoteCode")
    assert [body[name] for name in facts] == ["PhiForCausalLM", "Phi", 50, 2048, True]
    assert body["variants"] == [
        {
            "kind": "repository",
            "filename": None,
            "files": 3,
            "fileNames": sorted(files),
            "sizeBytes": 104,
            "quantization": None,
            "recommended": False,
            "fits": None,
            "fitsMemory": None,
            "fitsDisk": None,
            "memoryBytes": 120,  # a fifth more than the weights: nothing is known of its dimensions
            "memoryUnknown": ["kvCache", "overhead"],
            "ratings": None,
            "status": "available",
            "modelId": None,
        }
    ]
    assert body["extras"] == []


def test_a_tag_and_a_commit_are_shown_as_they_were(asking: Api, hub: HubServer) -> None:
    old = hub.add_repo(REPO, {"a-Q8_0.gguf": b"old"})
    hub.add_tag(REPO, "v1")
    hub.add_repo(REPO, {"a-Q8_0.gguf": b"newer"})
    for revision, size in (("main", 5), ("v1", 3), (old, 3)):
        body = preview(asking, revision=revision).json
        assert (body["revision"], body["totalBytes"]) == (revision, size)
        assert (body["commitHash"] == old) == (size == 3)


@pytest.mark.parametrize("gated", ["auto", "manual"])
def test_a_gated_repository_is_shown_without_a_token(asking: Api, hub: HubServer, gated: str) -> None:
    hub.add_repo(REPO, GGUF, gated=gated)
    body = preview(asking).json
    assert (body["gated"], len(body["variants"])) == (gated, 3)


def test_a_gated_repository_that_hides_its_files_is_shown_without_choices(
    asking: Api, hub: HubServer
) -> None:
    hub.add_repo(REPO, GGUF, gated="manual", info=GGUF_INFO)
    hub.fault("status", "*/tree/*", where="api", status=401, error_code="GatedRepo")
    answer = preview(asking)
    assert answer.status_code == 200
    assert (answer.json["gated"], answer.json["architecture"]) == ("manual", "qwen3")
    assert (answer.json["variants"], answer.json["extras"]) == ([], [])
    assert (answer.json["totalBytes"], answer.json["fileCount"]) == (None, None)


def test_a_refused_list_of_an_open_repository_is_a_refusal(asking: Api, hub: HubServer) -> None:
    hub.add_repo(REPO, GGUF)
    hub.fault("status", "*/tree/*", where="api", status=403)
    refused = preview(asking)
    assert (refused.status_code, refused.json["code"]) == (424, "GATED_MODEL_NO_TOKEN")


@pytest.mark.parametrize("missing", [401, 404])
def test_what_the_hub_does_not_have_is_not_found(asking: Api, hub: HubServer, missing: int) -> None:
    hub.missing_status = missing
    hub.add_repo("owner/private", GGUF, private=True)
    hub.add_repo(REPO, GGUF)
    for repo in ("owner/unknown", "owner/private"):
        refused = preview(asking, repo)
        assert (refused.status_code, refused.json["code"]) == (404, "REPO_NOT_FOUND")
    refused = preview(asking, revision="unknown")
    assert (refused.status_code, refused.json["code"]) == (404, "REVISION_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"repo": "a/b/c"}, "repo"),
        ({"repo": "../../etc"}, "repo"),
        ({"repo": "https://huggingface.co/a/b"}, "repo"),
        ({"repo": "a/b\x00"}, "repo"),
        ({"repo": ""}, "repo"),
        ({"repo": "a/b", "revision": "../.."}, "revision"),
        ({"repo": "a/b", "revision": ""}, "revision"),
        ({"repo": "a/b", "revision": "a b"}, "revision"),
        ({"repo": "a/b", "modelId": "x"}, "modelId"),
        ({"repo": "a/b", "modelId": "0"}, "modelId"),
        ({"repo": "a/b", "modelId": str(2**63)}, "modelId"),
        ({}, "repo"),
    ],
)
def test_a_bad_question_is_refused_by_field_and_never_asked(
    asking: Api, hub: HubServer, query: dict[str, str], field: str
) -> None:
    refused = asking.get(f"/api/hub/repo?{urlencode(query)}")
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")
    assert refused.json["errors"].keys() == {field}
    assert hub.requests == []


def test_a_hub_that_is_away_is_said_so_with_a_time_to_come_back(api: Api) -> None:
    answer = preview(api)
    assert (answer.status_code, answer.json["code"]) == (503, "HUB_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("status", "code"), [(429, "HUB_RATE_LIMITED"), (500, "HUB_UNAVAILABLE"), (504, "HUB_UNAVAILABLE")]
)
@pytest.mark.parametrize("path", ["*/revision/*", "*/tree/*"])
def test_a_hub_that_fails_is_said_so(asking: Api, hub: HubServer, path: str, status: int, code: str) -> None:
    hub.add_repo(REPO, GGUF)
    hub.fault("status", path, where="api", status=status)
    answer = preview(asking)
    assert (answer.status_code, answer.json["code"]) == (503, code)


def test_a_hub_that_fails_again_and_again_is_left_alone_for_a_while(
    settings: Settings, hub: HubServer, redis: Any
) -> None:
    hub.add_repo(REPO, GGUF)
    hub.fault("status", "*", where="api", status=500, times=None)
    with api_with(
        settings,
        HF_ENDPOINT=hub.url,
        WEIGHBRIDGE_HUB_FAILURE_THRESHOLD="3",
        WEIGHBRIDGE_HUB_RECOVERY_SECONDS="40",
    ) as found:
        for _ in range(3):
            assert preview(found).status_code == 503
        asked = len(hub.requests)
        answer = preview(found)
        assert (answer.status_code, answer.json["code"]) == (503, "HUB_UNAVAILABLE")
        assert 30 < int(answer.headers["Retry-After"]) <= 40
        assert len(hub.requests) == asked
        breaker = found.get("/api/health").json["hub"]["circuitBreaker"]
        assert (breaker["state"], breaker["failures"]) == ("OPEN", 3)


def test_offline_the_hub_is_never_asked(settings: Settings, hub: HubServer, redis: Any) -> None:
    hub.add_repo(REPO, GGUF)
    with api_with(settings, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1") as offline:
        answer = preview(offline)
        assert (answer.status_code, answer.json["code"]) == (503, "HUB_OFFLINE")
        assert offline.get("/api/hub/resolve?input=owner/name").status_code == 200
    assert hub.requests == []


WRONG: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "\x00\x1b[31m\ud800\n",
    [],
    [None, 7, {"id": {"id": []}}, ["\x00"]],
    {},
    {"total": "many", "license": {"a": 1}, "architectures": {"0": 1}, "models": {"id": 1}},
    {"total": True, "license": [[]], "architectures": [7], "models": [{"id": 7}], "context_length": -5},
    {
        "description": ["x"],
        "auto_map": 7,
        "max_position_embeddings": "long",
        "model_type": [],
        "model_name": 3,
    },
    "9999-12-31T23:59:59-23:00",
    "x" * 100_000,
]
FACTS = (
    "baseModels",
    "cardData",
    "config",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "tags",
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:30])
def test_values_of_a_wrong_kind_count_as_not_said(
    asking: Api, hub: HubServer, forget: Callable[[], None], wrong: Any
) -> None:
    for facts in ({name: wrong} for name in FACTS):
        hub.add_repo(REPO, GGUF, info=facts)
        forget()
        assert preview(asking).status_code == 200, facts
    hub.add_repo(REPO, GGUF, info=dict.fromkeys(FACTS, wrong))
    forget()
    answer = preview(asking)
    assert answer.status_code == 200
    assert not any(bad in answer.text for bad in ("\\u0000", "\\u001b", "\\ud800", "x" * 2001))
    assert len(answer.json["variants"]) == 3


@pytest.mark.parametrize("name", ["a\x00.gguf", "a\n.gguf", "a\\b.gguf", "../a.gguf", "/a.gguf"])
def test_a_file_that_could_not_be_kept_makes_the_answer_unusable(
    asking: Api, hub: HubServer, name: str
) -> None:
    hub.add_repo(REPO, GGUF | {name: b"x"})
    answer = preview(asking)
    assert (answer.status_code, answer.json["code"]) == (503, "HUB_UNAVAILABLE")


@pytest.mark.parametrize("sha", [None, 7, "main", "../" * 5, "A" * 40])
def test_a_commit_that_is_none_makes_the_answer_unusable(asking: Api, hub: HubServer, sha: Any) -> None:
    hub.add_repo(REPO, GGUF, info={"sha": sha})
    assert preview(asking).json["code"] == "HUB_UNAVAILABLE"
    assert len(hub.requests) == 1


def register(api: Api, name: str, **fields: Any) -> int:
    created = api.post("/api/models", {"type": "local", "name": name, "hfRepo": REPO} | fields)
    assert created.status_code == 201
    return int(created.json["id"])


def test_each_choice_tells_of_its_registered_model(asking: Api, hub: HubServer, database: Database) -> None:
    hub.add_repo(REPO, GGUF)
    ids = {
        FIRST_PART: register(asking, "Parts", modelFile=FIRST_PART),
        Q4: register(asking, "Small", modelFile=Q4),
    }
    register(asking, "Elsewhere", modelFile="Qwen3-0.6B-UD-IQ2_XXS.gguf", revision="v2")
    expected = {
        DownloadStatus.DOWNLOADED: "downloaded",
        DownloadStatus.PENDING: "downloading",
        DownloadStatus.DOWNLOADING: "downloading",
    }
    for status in DownloadStatus:
        with database.session() as session:
            session.execute(update(Model).where(Model.id == ids[Q4]).values(download_status=status))
        shown = {each["filename"]: each for each in preview(asking).json["variants"]}
        assert {name: each["modelId"] for name, each in shown.items() if each["modelId"]} == ids
        assert shown[Q4]["status"] == expected.get(status, "available")
        assert shown[FIRST_PART]["status"] == "available"


def test_a_repository_registered_as_a_whole_is_told_of(asking: Api, hub: HubServer) -> None:
    hub.add_repo(REPO, {"model.safetensors": b"w"})
    whole = register(asking, "Whole", downloadNow=True)
    [variant] = preview(asking).json["variants"]
    assert (variant["modelId"], variant["status"]) == (whole, "downloading")


CANARY = "hf_canary-of-the-model"


def test_the_token_of_the_model_is_used_and_never_shown(
    asking: Api, hub: HubServer, forget: Callable[[], None]
) -> None:
    hub.add_repo(REPO, GGUF, private=True)
    hub.add_token(CANARY, REPO)
    model = register(asking, "Mine", hfToken=CANARY)
    answer = preview(asking, modelId=model)
    assert (answer.status_code, answer.json["private"]) == (200, True)
    assert CANARY not in answer.text
    assert preview(asking).status_code == 404
    hub.tokens.clear()
    forget()
    refused = preview(asking, modelId=model)
    assert (refused.status_code, refused.json["code"]) == (424, "INVALID_HF_TOKEN")
    assert CANARY not in refused.text


def test_without_a_token_of_its_own_a_model_is_asked_for_with_the_common_one(
    settings: Settings, hub: HubServer, redis: Any
) -> None:
    hub.add_repo(REPO, GGUF, private=True)
    hub.add_token("hf_common", REPO)
    with api_with(settings, HF_ENDPOINT=hub.url, HF_TOKEN="hf_common") as api:
        model = register(api, "Mine")
        for answer in (preview(api), preview(api, modelId=model)):
            assert answer.status_code == 200
            assert "hf_common" not in answer.text


def test_the_token_of_an_unknown_model_is_asked_for_in_vain(asking: Api, hub: HubServer) -> None:
    refused = preview(asking, modelId=4711)
    assert (refused.status_code, refused.json["code"]) == (404, "MODEL_NOT_FOUND")
    assert hub.requests == []
