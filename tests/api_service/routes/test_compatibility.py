from typing import Any

import pytest

from shared.database import Database
from shared.tables import Model
from tests.conftest import HOSTED, LOCAL, Api

KNOWN = {
    "architecture": "qwen3",
    "family": "Qwen",
    "context_length": 40_960,
    "hidden_size": 1024,
    "license": "apache-2.0",
    "parameter_count": 596_049_920,
    "quantization": {"method": "Q4_0", "bits": 4, "bits_per_weight": 4.63},
}


def known(api: Api, database: Database, **fields: Any) -> int:
    """The id of a model of which KNOWN is known."""
    model_id = api.post("/api/models", LOCAL | fields).json["id"]
    with database.session() as session:
        session.get_one(Model, model_id).facts = KNOWN
    return int(model_id)


def test_a_model_is_held_against_each_requirement(api: Api, database: Database) -> None:
    model_id = known(api, database, category="llm")
    asked = {"category": "llm", "minContextLength": 100_000, "vocabSize": 151_936}
    answer = api.post(f"/api/models/{model_id}/compatibility", asked)
    assert answer.status_code == 200
    assert answer.json == {
        "modelId": model_id,
        "compatible": False,
        "checks": [
            {"requirement": "category", "verdict": "met", "expected": "llm", "actual": "llm"},
            {"requirement": "vocabSize", "verdict": "unknown", "expected": 151_936, "actual": None},
            {"requirement": "minContextLength", "verdict": "unmet", "expected": 100_000, "actual": 40_960},
        ],
    }


def test_a_hosted_model_has_a_category_and_else_nothing_to_judge(api: Api) -> None:
    model_id = api.post("/api/models", HOSTED | {"category": "llm"}).json["id"]
    path = f"/api/models/{model_id}/compatibility"
    assert api.post(path, {"category": "llm"}).json["compatible"] is True
    assert api.post(path, {"category": "llm", "minContextLength": 1}).json["compatible"] is None


@pytest.mark.parametrize(
    "body", [{}, {"contextLength": 4096}, {"minContextLength": 0}, {"formats": []}, {"colour": "blue"}]
)
def test_a_request_that_asks_for_nothing_or_nonsense_is_refused(api: Api, body: dict[str, Any]) -> None:
    model_id = api.post("/api/models", LOCAL).json["id"]
    refused = api.post(f"/api/models/{model_id}/compatibility", body)
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")


def test_a_model_that_is_not_there_is_compatible_with_nothing(api: Api) -> None:
    assert api.post("/api/models/7/compatibility", {"downloaded": True}).json["code"] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    ("selects", "leaves_out"),
    [
        ("minContextLength=40960", "minContextLength=40961"),
        ("architecture=QWEN3", "architecture=llama"),
        ("family=qwen", "family=llama"),
        ("quantization=q4_0", "quantization=q8_0"),
        ("license=Apache-2.0", "license=mit"),
        ("hiddenSize=1024", "hiddenSize=384"),
        ("minParameterCount=500000000&maxParameterCount=600000000", "maxParameterCount=500000000"),
    ],
)
def test_services_select_models_by_what_is_known_of_them(
    api: Api, database: Database, selects: str, leaves_out: str
) -> None:
    model_id = known(api, database)
    api.post("/api/models", LOCAL | {"name": "Unknown", "hfRepo": "org/unknown"})
    assert [model["id"] for model in api.get(f"/api/models?{selects}").json] == [model_id]
    assert api.get(f"/api/models?{leaves_out}").json == []


def test_what_is_known_stands_in_the_model_and_goes_when_it_is_pointed_elsewhere(
    api: Api, database: Database
) -> None:
    model_id = known(api, database)
    metadata = api.get(f"/api/models/{model_id}").json["metadata"]
    assert (metadata["hiddenSize"], metadata["quantization"]) == (1024, {"method": "Q4_0", "bits": 4})
    assert (metadata["layers"], metadata["tags"]) == (None, [])
    changed = api.patch(f"/api/models/{model_id}", {"modelFile": "other.gguf"}).json
    assert changed["metadata"]["hiddenSize"] is None
