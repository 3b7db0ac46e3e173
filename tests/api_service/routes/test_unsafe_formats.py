from pathlib import Path
from typing import Any

import pytest

from api_service import create_app
from shared.settings import Settings
from tests.conftest import LOCAL, Api

PATH_MODEL = {"type": "local", "source": "path", "name": "here"}


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A folder inside the roots, with a pickle and a safe file."""
    found = Path(settings.local_path_roots[0]) / "model"
    found.mkdir(parents=True)
    for name in ("weights.pt", "model.safetensors"):
        (found / name).write_bytes(b"x" * 10)
    return found


@pytest.fixture
def strict(settings: Settings, redis: Any) -> Api:
    """The API of an installation that takes safe formats only."""
    return Api(create_app(settings.model_copy(update={"safetensors_only": True})).test_client())


def test_a_local_path_tells_which_of_its_files_may_run_code(api: Api, folder: Path) -> None:
    made = api.post("/api/models", PATH_MODEL | {"localPath": str(folder)}).json
    assert made["unsafeFiles"] == ["weights.pt"]
    safe = api.post("/api/models", PATH_MODEL | {"name": "s", "localPath": str(folder / "model.safetensors")})
    assert safe.json["unsafeFiles"] == []


def test_what_is_not_here_yet_is_not_judged(api: Api) -> None:
    assert api.post("/api/models", LOCAL).json["unsafeFiles"] is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/models", LOCAL | {"modelFile": "pytorch_model.bin"}),
        ("POST", "/api/downloads", {"repo": "a/b", "filename": "model.ckpt"}),
    ],
)
def test_a_pickle_is_refused_and_leaves_no_row(strict: Api, method: str, path: str, body: Any) -> None:
    refused = strict.call(method, path, json=body)
    assert (refused.status_code, refused.json["code"]) == (409, "UNSAFE_FORMAT")
    assert refused.json["files"] == [body.get("modelFile") or body["filename"]]
    assert strict.get("/api/models").json == []


def test_a_local_path_with_a_pickle_is_refused(strict: Api, folder: Path) -> None:
    refused = strict.post("/api/models", PATH_MODEL | {"localPath": str(folder)})
    assert (refused.status_code, refused.json["code"]) == (409, "UNSAFE_FORMAT")
    assert strict.get("/api/models").json == []


def test_a_model_can_not_be_pointed_at_a_pickle_later(strict: Api) -> None:
    made = strict.post("/api/models", LOCAL).json
    refused = strict.patch(f"/api/models/{made['id']}", {"modelFile": "x.pkl"})
    assert refused.json["code"] == "UNSAFE_FORMAT"
    assert strict.get(f"/api/models/{made['id']}").json["modelFile"] == LOCAL["modelFile"]
