"""What is known of a model comes into its row with the download, and later where nobody had looked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from shared import model_facts
from shared.model_facts import Facts
from shared.settings import Settings
from shared.tables import Model, OperationKind
from tests.hub_server import HubServer
from tests.recorded import safetensors
from tests.worker_service.workbench import REPO, Workbench, workbench
from worker_service import facts

CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "max_position_embeddings": 512,
    "vocab_size": 30522,
}
SAID = {"tags": ["sentence-similarity", "license:apache-2.0"], "cardData": {"license": "apache-2.0"}}


def weights(rows: int) -> bytes:
    return safetensors({"w": ("F32", [rows, 384])})


FILES = {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": weights(10)}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as found:
        found.add_repo(REPO, FILES, info=SAID)
        yield found


@pytest.fixture
def shop(settings: Settings, redis: Any, hub: HubServer) -> Iterator[Workbench]:
    with workbench(settings, hub) as found:
        yield found


def known(shop: Workbench, model_id: int) -> Facts:
    return model_facts.from_json(shop.model(model_id).facts)


def test_the_hub_says_what_a_model_is_before_its_first_byte(shop: Workbench) -> None:
    shop.hub.fault("status", "*", status=404, where="file", times=None)
    model_id = shop.add()
    asked = len(shop.hub.requests)
    assert shop.download(model_id).status == "failed"
    found = known(shop, model_id)
    assert (found.license, found.tags) == ("apache-2.0", tuple(SAID["tags"]))
    assert found.hidden_size is None
    # One question more would be one that every download waits for.
    assert [r.path for r in shop.hub.requests[asked:] if r.where == "api"] == [
        f"/api/models/{REPO}/revision/main",
        f"/api/models/{REPO}/tree/{shop.hub.repos[REPO].resolve('main')}",
    ]


def test_after_the_download_the_files_say_the_rest(shop: Workbench) -> None:
    found = known(shop, shop.here())
    assert (found.architecture, found.hidden_size, found.layers) == ("BertModel", 384, 6)
    assert (found.parameter_count, found.weights_bytes, found.dtype) == (3840, 15_360, "float32")
    assert (found.context_length, found.is_generative, found.license) == (512, False, "apache-2.0")


def test_an_update_brings_the_facts_of_the_new_files_and_back_those_of_the_old_ones(shop: Workbench) -> None:
    model_id = shop.here()
    old = known(shop, model_id)
    shop.hub.add_repo(REPO, FILES | {"model.safetensors": weights(20)})
    assert shop.update(model_id).result == "updated"
    assert known(shop, model_id).parameter_count == 7680
    former = shop.model(model_id).former
    assert former is not None
    shop.update(model_id, commit=former["commit"])
    assert known(shop, model_id) == old


def test_models_that_were_downloaded_before_facts_were_kept_are_looked_into_once(shop: Workbench) -> None:
    model_id = shop.here()
    before = known(shop, model_id)
    with shop.context.database.session() as session:
        session.execute(update(Model).values(facts=None))
    unknown = shop.model(model_id)
    facts.fill_in(shop.context)
    filled = shop.model(model_id)
    assert model_facts.from_json(filled.facts).hidden_size == before.hidden_size
    assert filled.updated_at == unknown.updated_at
    events = shop.context.redis.xlen("weighbridge:events")
    facts.fill_in(shop.context)
    assert shop.context.redis.xlen("weighbridge:events") == events


def test_files_that_are_no_weights_leave_the_download_as_good_as_it_is(shop: Workbench) -> None:
    shop.hub.add_repo(REPO, {"config.json": b"[" * 5000, "model.safetensors": b"no header at all"})
    model_id = shop.add()
    done = shop.do(OperationKind.DOWNLOAD, model_id)
    assert (done.status, known(shop, model_id).hidden_size) == ("completed", None)
