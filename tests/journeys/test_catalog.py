"""One click on an entry of the catalog: registered, fetched, verified, and shown as installed."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.stack import Stack

MB = 1_000_000


def _entry(stack: Stack, entry_id: str) -> dict[str, Any]:
    return next(entry for entry in stack.get("/api/catalog") if entry["id"] == entry_id)


def test_a_repository_of_the_catalog_comes_without_a_second_copy_of_its_weights(stack: Stack) -> None:
    before = _entry(stack, "bge-small-en-v1.5")
    weights = os.urandom(3 * MB)
    stack.hub.add_repo(
        before["repo"],
        {
            "config.json": b"{}",
            "1_Pooling/config.json": b"{ }",
            "vocab.txt": b"[PAD]",
            "model.safetensors": weights,
            "pytorch_model.bin": weights + b"!",
            "onnx/model.onnx": weights + b"?",
            "onnx/config.json": b"{  }",
            "README.md": b"hello",
        },
    )
    task = stack.call("POST", "/api/downloads", {"catalogId": before["id"]}).json()
    model = stack.get(f"/api/models/{task['modelId']}")
    assert (model["name"], model["category"], model["catalogId"]) == (
        before["name"],
        "embedding",
        before["id"],
    )
    done = stack.wait_status(model, "Downloaded")
    assert done["filesTotal"] == 4
    folder = Path(stack.get(f"/api/models/{model['id']}")["localPath"])
    here = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert here == {"config.json", "1_Pooling/config.json", "vocab.txt", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == weights
    after = _entry(stack, before["id"])
    assert (before["installed"], after["installed"], after["modelId"]) == (False, True, model["id"])
    assert after["sizeOnDiskBytes"] == done["bytesTotal"]


def test_many_clicks_at_once_are_one_model_and_one_download(stack: Stack) -> None:
    entry = _entry(stack, "qwen2.5-coder-7b-instruct")
    stack.hub.add_repo(entry["repo"], {entry["filename"]: os.urandom(MB)})
    body = {"catalogId": entry["id"]}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stack.call("POST", "/api/downloads", body), range(40)))
    assert {answer.status_code for answer in answers} == {200, 202}
    assert [answer.status_code for answer in answers].count(202) == 1
    assert len({answer.json()["taskId"] for answer in answers}) == 1
    (model,) = stack.get(f"/api/models?hfRepo={entry['repo']}")
    stack.wait_status(model, "Downloaded")
    featured = {one["id"]: one for one in stack.get("/api/featured-models")["models"]}
    assert featured[entry["id"]]["installed"]
