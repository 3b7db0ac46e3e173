import json
from typing import Any

from shared import fleet
from shared.database import Database
from shared.fleet import Device, Machine
from shared.settings import Settings
from shared.tables import Model
from tests import recorded
from tests.api_service.routes.test_cache import scanned
from tests.api_service.routes.test_compatibility import KNOWN, known
from tests.api_service.routes.test_hub import api_with
from tests.conftest import LOCAL, Api
from tests.hub_server import HubServer

GIB = 1 << 30


def listed(api: Api, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/modelfiles?{query}").json["repositories"]
    return found


def test_an_empty_register_and_volume_have_no_repositories(api: Api) -> None:
    assert api.get("/api/modelfiles").json == {"repositories": [], "storage": None}


def test_the_register_and_the_volume_are_one_list_by_repository(api: Api, database: Database) -> None:
    scanned(database, "org/theirs", LOCAL["hfRepo"])
    first = known(api, database)
    second = api.post("/api/models", LOCAL | {"name": "Q8", "modelFile": "Qwen3-0.6B-Q8_0.gguf"}).json["id"]
    theirs, ours = listed(api)
    assert (theirs["repo"], theirs["variants"], theirs["sizeOnDiskBytes"]) == ("org/theirs", [], 110)
    assert (ours["repo"], ours["isManaged"]) == (LOCAL["hfRepo"], False)
    assert [(one["modelId"], one["status"]) for one in ours["variants"]] == [
        (first, "available"),
        (second, "available"),
    ]
    assert (ours["metadata"]["family"], ours["metadata"]["license"]) == ("Qwen", "apache-2.0")


def test_a_variant_tells_how_it_stands_and_what_it_needs(api: Api, database: Database, redis: Any) -> None:
    model_id = known(api, database, downloadNow=True)
    with database.session() as session:
        session.get_one(Model, model_id).file_size_bytes = GIB
    [variant] = listed(api)[0]["variants"]
    assert (variant["status"], variant["progress"]["status"]) == ("downloading", "Pending")
    # No number of layers: the cache is not known, and not counted.
    assert variant["memoryUnknown"] == ["kvCache", "overhead"]
    assert variant["memoryBytes"] == GIB + GIB // 5
    assert variant["fitsMemory"] is None
    assert variant["ratings"]["quality"] in range(1, 6)
    fleet.note(redis, Machine("w@host", (Device("cpu", "x86_64", 4 * GIB, 2 * GIB),)))
    assert listed(api)[0]["variants"][0]["fitsMemory"] is True


def test_the_list_is_paged_by_repository_and_searched(api: Api, database: Database) -> None:
    scanned(database, "org/one", "org/three", "org/two")
    answer = api.get("/api/modelfiles?pageSize=2&page=2")
    assert [each["repo"] for each in answer.json["repositories"]] == ["org/two"]
    assert json.loads(answer.headers["X-Pagination"])["total"] == 3
    assert [each["repo"] for each in listed(api, "q=THR")] == ["org/three"]


def test_the_volume_comes_along_when_it_is_asked_for(api: Api, database: Database) -> None:
    scanned(database, "org/one")
    assert api.get("/api/modelfiles?include=storage").json["storage"] == api.get("/api/storage").json


def test_the_catalog_says_what_the_register_does_not(api: Api) -> None:
    entry = api.get("/api/catalog").json[0]
    api.post("/api/downloads", {"catalogId": entry["id"]})
    [repository] = listed(api)
    assert repository["metadata"]["description"] == entry["description"]
    assert repository["metadata"]["links"] == entry["links"]


def test_metadata_of_what_the_register_knows_asks_nobody(api: Api, database: Database) -> None:
    known(api, database)
    found = api.get(f"/api/modelfiles/metadata?repo={LOCAL['hfRepo']}").json
    assert (found["source"], found["hiddenSize"], found["parameterCount"]) == (
        "register",
        KNOWN["hidden_size"],
        KNOWN["parameter_count"],
    )
    assert found["ratings"]["quality"] in range(1, 6)


def test_metadata_of_several_files_leaves_open_how_small_they_are(api: Api, database: Database) -> None:
    known(api, database)
    other = {"quantization": {"method": "Q8_0", "bits": 8, "bits_per_weight": 8.5}}
    second = known(api, database, name="Q8", modelFile="Qwen3-0.6B-Q8_0.gguf")
    with database.session() as session:
        session.get_one(Model, second).facts = KNOWN | other
    path = f"/api/modelfiles/metadata?repo={LOCAL['hfRepo']}"
    assert api.get(path).json["quantization"] is None
    assert api.get(f"{path}&filename=Qwen3-0.6B-Q8_0.gguf").json["quantization"] == {
        "method": "Q8_0",
        "bits": 8,
    }


def test_metadata_of_what_is_not_registered_comes_from_the_hub(settings: Settings, redis: Any) -> None:
    path = f"/api/modelfiles/metadata?repo={recorded.QWEN3_GGUF.repo}"
    with HubServer() as hub, api_with(settings, HF_ENDPOINT=hub.url) as api:
        recorded.QWEN3_GGUF.add_to(hub)
        found = api.get(f"{path}&filename=Qwen3-8B-Q6_K.gguf").json
        assert (found["source"], found["stale"], found["layers"]) == ("hub", False, 36)
        assert (found["quantization"]["method"], found["ratings"]["quality"]) == ("Q6_K", 5)
        whole = api.get(path).json
        assert (whole["license"], whole["baseModel"]) == ("apache-2.0", "Qwen/Qwen3-8B")
        assert api.get(f"{path}&filename=other.gguf").json["code"] == "FILE_NOT_FOUND"
        assert api.get("/api/modelfiles/metadata?repo=org/unheard-of").json["code"] == "REPO_NOT_FOUND"
