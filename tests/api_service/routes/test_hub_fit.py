import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update

from shared import fleet, storage
from shared.database import Database
from shared.fleet import Device, Machine
from shared.settings import Settings
from shared.storage import Look
from shared.tables import Operation
from tests.api_service.routes.test_hub import api_with, preview, register
from tests.conftest import Api
from tests.hub_server import HubServer
from tests.shared.test_hub_facts import CONFIG, QWEN3, gguf

REPO = "owner/Qwen3-0.6B-GGUF"
MB = 1_000_000
HEADER = gguf(QWEN3, words=1000)
# 28 layers of 8 heads, keys and values of 128 numbers of 2 bytes each: for 8,192 tokens.
KV_CACHE = 2 * 28 * 8 * 128 * 8192 * 2
# A micro-batch's logits and activations.
OVERHEAD = 512 * (1000 + 1024) * 4
FILES = {
    "Qwen3-Q4_K_M.gguf": HEADER + bytes(3 * MB),
    "Qwen3-Q3_K_M.gguf": HEADER + bytes(2 * MB),
    "Qwen3-Q8_0.gguf": HEADER + bytes(4 * MB),
}
SIZES = {name: len(content) for name, content in FILES.items()}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


@pytest.fixture
def asking(settings: Settings, hub: HubServer, redis: Any) -> Iterator[Api]:
    hub.add_repo(REPO, FILES)
    with api_with(settings, HF_ENDPOINT=hub.url, WEIGHBRIDGE_DISK_RESERVE_BYTES="1000") as found:
        yield found


@pytest.fixture
def has_memory(redis: Any) -> Callable[[int], None]:
    def note(available: int) -> None:
        devices = (Device("cpu", "x86_64", 2 * available, available), Device("gpu", "Small", 10, 10))
        fleet.note(redis, Machine("worker@host", devices))

    return note


@pytest.fixture
def has_disk(database: Database) -> Callable[[int], None]:
    def note(available: int) -> None:
        look = Look(total_bytes=10**12, available_bytes=available, partial_bytes=0)
        with database.session() as session:
            storage.note(session, "/cache", look)

    return note


def _variants(api: Api) -> dict[str, Any]:
    answer = preview(api, REPO)
    assert answer.status_code == 200
    return {each["filename"]: each for each in answer.json["variants"]}


def _recommended(api: Api) -> list[str]:
    return [name for name, each in _variants(api).items() if each["recommended"]]


def test_memory_is_that_of_the_file_its_cache_and_the_computation(asking: Api) -> None:
    for name, each in _variants(asking).items():
        assert each["memoryBytes"] == SIZES[name] + KV_CACHE + OVERHEAD
        assert each["memoryUnknown"] == []


def test_what_nobody_has_told_is_not_known(asking: Api) -> None:
    for each in _variants(asking).values():
        assert (each["fits"], each["fitsMemory"], each["fitsDisk"]) == (None, None, None)
    assert _recommended(asking) == ["Qwen3-Q4_K_M.gguf"]


def test_a_choice_fits_where_one_device_has_the_memory_and_the_volume_the_room(
    asking: Api, has_memory: Callable[[int], None], has_disk: Callable[[int], None]
) -> None:
    has_memory(SIZES["Qwen3-Q4_K_M.gguf"] + KV_CACHE + OVERHEAD)
    assert [each["fits"] for each in _variants(asking).values()] == [None, None, False]
    has_disk(SIZES["Qwen3-Q3_K_M.gguf"] + 1000)
    found = _variants(asking)
    assert [(each["fits"], each["fitsMemory"], each["fitsDisk"]) for each in found.values()] == [
        (True, True, True),
        (False, True, False),
        (False, False, False),
    ]


def test_of_those_that_fit_the_preferred_is_recommended_and_else_the_preferred_of_all(
    asking: Api, has_memory: Callable[[int], None]
) -> None:
    has_memory(SIZES["Qwen3-Q8_0.gguf"] + KV_CACHE + OVERHEAD)
    assert _recommended(asking) == ["Qwen3-Q4_K_M.gguf"]
    has_memory(SIZES["Qwen3-Q3_K_M.gguf"] + KV_CACHE + OVERHEAD)
    assert _recommended(asking) == ["Qwen3-Q3_K_M.gguf"]
    has_memory(MB)
    assert _recommended(asking) == ["Qwen3-Q4_K_M.gguf"]


def test_what_the_queue_will_take_is_no_room(
    asking: Api, has_disk: Callable[[int], None], database: Database
) -> None:
    has_disk(SIZES["Qwen3-Q8_0.gguf"] + 1000)
    assert _variants(asking)["Qwen3-Q8_0.gguf"]["fitsDisk"] is True
    coming = register(asking, "Coming", hfRepo="other/repo", modelFile="x.gguf", downloadNow=True)
    with database.session() as session:
        session.execute(update(Operation).where(Operation.model_id == coming).values(bytes_total=2 * MB))
    assert [each["fitsDisk"] for each in _variants(asking).values()] == [True, False, False]


def test_what_is_here_or_in_the_queue_takes_no_more_room(
    asking: Api, has_disk: Callable[[int], None], database: Database
) -> None:
    has_disk(1000)
    register(asking, "Coming", modelFile="Qwen3-Q4_K_M.gguf", downloadNow=True)
    found = _variants(asking)
    assert {name: each["fitsDisk"] for name, each in found.items()} == {
        "Qwen3-Q3_K_M.gguf": False,
        "Qwen3-Q4_K_M.gguf": True,
        "Qwen3-Q8_0.gguf": False,
    }


def test_dimensions_and_precisions_of_a_safetensors_repository_are_shown(
    asking: Api, hub: HubServer, has_memory: Callable[[int], None]
) -> None:
    files = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": bytes(1000)}
    parameters = 596_049_920
    info = {"safetensors": {"parameters": {"BF16": parameters}, "total": parameters}}
    hub.add_repo("Qwen/Qwen3-0.6B", files, info=info)
    has_memory(3 * 10**9)
    body = preview(asking, "Qwen/Qwen3-0.6B").json
    assert body["dimensions"] == {
        "contextLength": 40960,
        "hiddenSize": 1024,
        "layers": 28,
        "heads": 16,
        "kvHeads": 8,
        "headDim": 128,
        "vocabSize": 151936,
    }
    assert (body["dtype"], body["quantization"], body["parameterCount"]) == ("bfloat16", None, parameters)
    sizes = body["estimatedSizes"]
    assert sizes["fp16"]["diskBytes"] == 2 * parameters
    assert sizes["q4"]["diskBytes"] < sizes["q8"]["diskBytes"] < sizes["fp16"]["diskBytes"]
    beside = KV_CACHE + 512 * (151936 + 1024) * 4
    assert all(each["memoryBytes"] == each["diskBytes"] + beside for each in sizes.values())
    assert {name: each["fits"] for name, each in sizes.items()} == {"q4": True, "q8": True, "fp16": True}
    [variant] = body["variants"]
    assert variant["memoryBytes"] == 1000 + beside


def test_an_encoder_keeps_no_cache(asking: Api, hub: HubServer) -> None:
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": 384,
        "num_hidden_layers": 6,
    }
    hub.add_repo("o/bert", {"config.json": json.dumps(config).encode(), "model.safetensors": bytes(500)})
    body = preview(asking, "o/bert").json
    assert body["estimateContextLength"] is None
    [variant] = body["variants"]
    assert (variant["memoryBytes"], variant["memoryUnknown"]) == (600, [])


def test_quality_is_rated_by_the_bits_and_nothing_is_made_up(asking: Api) -> None:
    found = _variants(asking)
    qualities = [
        found[f"Qwen3-{method}.gguf"]["ratings"]["quality"] for method in ("Q3_K_M", "Q4_K_M", "Q8_0")
    ]
    assert qualities == sorted(qualities)
    assert qualities[0] < qualities[2]
    assert all(each["ratings"]["speed"] is each["ratings"]["memory"] is None for each in found.values())


def test_what_was_seen_is_shown_as_stale_while_the_hub_is_away(
    asking: Api, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = preview(asking, REPO).json
    asked = len(hub.requests)
    assert preview(asking, REPO).json == first
    assert len(hub.requests) == asked
    monkeypatch.setattr("api_service.hub_answers.FRESH", 0)
    hub.fault("status", where="*", status=503, times=None)
    again = preview(asking, REPO)
    assert again.status_code == 200
    assert again.json == first | {"stale": True}


def test_what_one_token_may_see_no_other_sees(asking: Api, hub: HubServer) -> None:
    hub.add_repo("owner/private", FILES, private=True)
    hub.add_token("hf_canary-one", "owner/private")
    mine = register(asking, "Mine", hfToken="hf_canary-one", hfRepo="owner/private")
    assert preview(asking, "owner/private", modelId=mine).status_code == 200
    hub.fault("status", where="*", status=503, times=None)
    assert preview(asking, "owner/private", modelId=mine).status_code == 200
    assert preview(asking, "owner/private").status_code == 503


def test_files_that_can_not_be_read_leave_the_preview_as_it_is(asking: Api, hub: HubServer) -> None:
    hub.fault("status", where="file", status=500, times=None)
    body = preview(asking, REPO).json
    assert (body["dimensions"]["layers"], len(body["variants"])) == (None, 3)
    assert body["variants"][0]["memoryUnknown"] == ["kvCache", "overhead"]
    hub.clear_faults()
    # It is tried again a minute later, and not with each look.
    asked = len(hub.requests)
    assert preview(asking, REPO).json["dimensions"] == body["dimensions"]
    assert len(hub.requests) == asked


def test_code_of_its_own_that_only_the_configuration_tells_of_is_told(asking: Api, hub: HubServer) -> None:
    config = CONFIG | {"auto_map": {"AutoModel": "modeling.Own"}}
    files = {"config.json": json.dumps(config).encode(), "model.safetensors": b"w"}
    hub.add_repo("o/own", files, info={"config": {"architectures": ["Own"], "model_type": "own"}})
    assert preview(asking, "o/own").json["requiresTrustRemoteCode"] is True
