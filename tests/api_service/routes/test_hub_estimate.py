import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from shared import fleet
from shared.fleet import Device, Machine
from shared.settings import Settings
from tests.api_service.routes.test_hub import api_with
from tests.conftest import Api
from tests.hub_server import HubServer
from tests.shared.test_hub_facts import CONFIG, QWEN3, gguf

REPO = "owner/Qwen3-GGUF"
HEADER = gguf(QWEN3, words=1000)
FILES = {
    "Qwen3-Q4_K_M.gguf": HEADER + bytes(3_000_000),
    "BF16/Qwen3-BF16-00001-of-00002.gguf": HEADER + bytes(5_000_000),
    "BF16/Qwen3-BF16-00002-of-00002.gguf": bytes(4_000_000),
    "mmproj-F16.gguf": bytes(1000),
    "README.md": b"#",
}
Q4 = "Qwen3-Q4_K_M.gguf"
OVERHEAD = 512 * (1000 + 1024) * 4
# Bytes that a token leaves in 28 layers of 8 heads: keys and values of 128 numbers of 16 bits.
TOKEN = 2 * 28 * 8 * 128 * 2


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES, info={"gguf": {"total": 596_049_920, "architecture": "qwen3"}})
        yield found


@pytest.fixture
def asking(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Api]:
    with api_with(settings, HF_ENDPOINT=hub.url) as found:
        yield found


def _estimate(api: Api, repo: str = REPO, **query: Any) -> TestResponse:
    return api.get(f"/api/hub/estimate-memory?{urlencode({'repo': repo, **query})}")


def test_a_file_has_one_estimate_and_the_machines_where_it_fits(asking: Api, redis: Any) -> None:
    total = len(FILES[Q4]) + 8192 * TOKEN + OVERHEAD
    devices = (Device("cpu", "x86_64", 2 * total, total), Device("gpu", "Small", total, total - 1))
    fleet.note(redis, Machine("worker@host", devices))
    body = _estimate(asking, filename=Q4).json
    assert body.pop("fetchedAt")
    assert body == {
        "repo": REPO,
        "revision": "main",
        "filename": Q4,
        "contextLength": 8192,
        "cacheType": "f16",
        "parameterCount": 596_049_920,
        "estimates": [
            {
                "precision": "Q4_K_M",
                "weightsBytes": len(FILES[Q4]),
                "kvCacheBytes": 8192 * TOKEN,
                "overheadBytes": OVERHEAD,
                "totalBytes": total,
                "unknown": [],
                "fits": True,
                "fitsOn": [
                    {
                        "worker": "worker@host",
                        "device": "cpu",
                        "name": "x86_64",
                        "totalBytes": 2 * total,
                        "availableBytes": total,
                        "fits": True,
                    },
                    {
                        "worker": "worker@host",
                        "device": "gpu",
                        "name": "Small",
                        "totalBytes": total,
                        "availableBytes": total - 1,
                        "fits": False,
                    },
                ],
            }
        ],
        "stale": False,
    }


def test_context_and_cache_type_are_those_that_were_asked_for(asking: Api) -> None:
    for cache_type, of_32 in (("f16", 64), ("q8_0", 34), ("q4_0", 18)):
        body = _estimate(asking, filename=Q4, contextLength=32000, cacheType=cache_type).json
        [estimate] = body["estimates"]
        assert (body["contextLength"], body["cacheType"]) == (32000, cache_type)
        assert estimate["kvCacheBytes"] == 32000 * TOKEN // 2 // 32 * of_32
        assert (estimate["fits"], estimate["fitsOn"]) == (None, [])


def test_parts_of_a_file_are_one(asking: Api) -> None:
    parts = [name for name in FILES if "-of-" in name]
    for name in parts:
        [estimate] = _estimate(asking, filename=name).json["estimates"]
        assert (estimate["precision"], estimate["weightsBytes"]) == (
            "BF16",
            sum(len(FILES[each]) for each in parts),
        )
        assert estimate["kvCacheBytes"] == 8192 * TOKEN


def test_a_projector_has_what_its_file_has(asking: Api) -> None:
    [estimate] = _estimate(asking, filename="mmproj-F16.gguf").json["estimates"]
    assert (estimate["precision"], estimate["weightsBytes"]) == ("F16", 1000)
    assert "kvCache" in estimate["unknown"]


def test_a_repository_is_estimated_at_three_precisions(asking: Api, hub: HubServer) -> None:
    info = {"safetensors": {"parameters": {"BF16": 596_049_920}, "total": 596_049_920}}
    hub.add_repo(
        "Qwen/Qwen3", {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": b"w"}, info=info
    )
    body = _estimate(asking, "Qwen/Qwen3", contextLength=40960).json
    assert (body["filename"], body["parameterCount"]) == (None, 596_049_920)
    found = {each["precision"]: each for each in body["estimates"]}
    assert found.keys() == {"q4", "q8", "fp16"}
    assert found["fp16"]["weightsBytes"] == 2 * 596_049_920
    assert {each["kvCacheBytes"] for each in found.values()} == {40960 * TOKEN}
    assert found["q4"]["totalBytes"] < found["q8"]["totalBytes"] < found["fp16"]["totalBytes"]


def test_quantized_weights_are_estimated_as_they_are_stored(asking: Api, hub: HubServer) -> None:
    config = CONFIG | {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
    hub.add_repo("o/gptq", {"config.json": json.dumps(config).encode(), "model.safetensors": bytes(900)})
    [estimate] = _estimate(asking, "o/gptq").json["estimates"]
    assert (estimate["precision"], estimate["weightsBytes"]) == ("GPTQ", 900)


def test_of_what_nothing_is_known_there_is_no_estimate(asking: Api, hub: HubServer) -> None:
    hub.add_repo("o/nothing", {"README.md": b"#"})
    assert _estimate(asking, "o/nothing").json["estimates"] == []


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"filename": "absent-Q4_0.gguf"}, 404, "FILE_NOT_FOUND"),
    ({"filename": "README.md"}, 422, "VALIDATION_ERROR"),
    ({"filename": "../x.gguf"}, 422, "VALIDATION_ERROR"),
    ({"filename": Q4, "contextLength": 0}, 422, "VALIDATION_ERROR"),
    ({"filename": Q4, "contextLength": 10**9}, 422, "VALIDATION_ERROR"),
    ({"filename": Q4, "cacheType": "q2"}, 422, "VALIDATION_ERROR"),
    ({"repo": "a/b/c"}, 422, "VALIDATION_ERROR"),
    ({"repo": "owner/absent"}, 404, "REPO_NOT_FOUND"),
    ({"revision": "absent"}, 404, "REVISION_NOT_FOUND"),
]


def test_what_can_not_be_estimated_is_refused(asking: Api) -> None:
    for query, status, code in REFUSED:
        refused = _estimate(asking, **query)
        assert (refused.status_code, refused.json["code"]) == (status, code), query


def test_behind_a_gate_a_file_is_estimated_by_what_the_page_tells(asking: Api, hub: HubServer) -> None:
    hub.add_repo(REPO, FILES, gated="manual")
    [estimate] = _estimate(asking, filename=Q4).json["estimates"]
    assert (estimate["weightsBytes"], estimate["kvCacheBytes"]) == (len(FILES[Q4]), None)
    assert not hub.bytes_served()


def test_a_gate_that_hides_the_list_of_files_is_told(asking: Api, hub: HubServer) -> None:
    hub.add_repo(REPO, FILES, gated="manual")
    hub.fault("status", "*/tree/*", where="api", status=401, error_code="GatedRepo")
    refused = _estimate(asking, filename=Q4)
    assert (refused.status_code, refused.json["code"]) == (424, "GATED_MODEL_NO_TOKEN")
