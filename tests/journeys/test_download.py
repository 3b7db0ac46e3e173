"""From a registration to verified files in the cache, through every real part."""

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import Fault
from tests.stack import TERMINAL, Stack, wait_for

MB = 1_000_000


def _from_cache(stack: Stack, code: str) -> str:
    """Run a snippet with an unmodified huggingface_hub that may not use the network."""
    env = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(stack.cache)}
    snippet = f"import huggingface_hub as hub\nprint({code})"
    ran = subprocess.run([sys.executable, "-c", snippet], env=env, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_a_registered_file_arrives_verified_where_every_hub_client_finds_it(stack: Stack) -> None:
    data = os.urandom(30 * MB)
    repo = stack.add_repo({"model.gguf": data, "README.md": b"hello"})
    model = stack.register(repo, "model.gguf", downloadNow=True)
    assert model["downloadStatus"] == "Pending"
    done = stack.wait_status(model, "Downloaded")
    assert (done["bytesDownloaded"], done["bytesTotal"], done["percent"], done["filesDone"]) == (
        len(data),
        len(data),
        100.0,
        1,
    )
    model = stack.get(f"/api/models/{model['id']}")
    assert (model["downloaded"], model["activeOperation"], model["error"]) == (True, None, None)
    assert model["fileSizeBytes"] == len(data)
    assert model["checksum"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert Path(model["localPath"]).read_bytes() == data
    found = _from_cache(stack, f"hub.hf_hub_download('{repo}', 'model.gguf')")
    assert found == model["localPath"]
    assert stack.hub.bytes_served("README.md") == 0


def test_a_whole_repository_comes_with_its_patterns(stack: Stack) -> None:
    files: dict[str, bytes | Path] = {
        "config.json": b"{}",
        "a/weights.safetensors": os.urandom(3 * MB),
        "a/weights.bin": os.urandom(MB),
        "empty.txt": b"",
        "onnx/model.onnx": os.urandom(MB),
    }
    repo = stack.add_repo(files)
    model = stack.register(
        repo, allowPatterns=["*.json", "a/*", "*.txt"], ignorePatterns=["*.bin"], downloadNow=True
    )
    done = stack.wait_status(model, "Downloaded")
    assert (done["filesDone"], done["filesTotal"]) == (3, 3)
    snapshot = Path(_from_cache(stack, f"hub.snapshot_download('{repo}')"))
    here = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.is_file()}
    assert here == {"config.json", "a/weights.safetensors", "empty.txt"}
    assert all((snapshot / name).read_bytes() == files[name] for name in here)
    assert stack.get(f"/api/models/{model['id']}")["localPath"] == str(snapshot)


def test_a_sharded_gguf_brings_all_its_parts(stack: Stack) -> None:
    shards: dict[str, bytes | Path] = {f"big-0000{n}-of-00003.gguf": os.urandom(MB) for n in (1, 2, 3)}
    repo = stack.add_repo(shards | {"other.gguf": b"x"})
    model = stack.register(repo, "big-00001-of-00003.gguf", downloadNow=True)
    done = stack.wait_status(model, "Downloaded")
    assert (done["filesTotal"], done["bytesTotal"]) == (3, 3 * MB)
    for name, data in shards.items():
        assert Path(_from_cache(stack, f"hub.hf_hub_download('{repo}', '{name}')")).read_bytes() == data


def test_a_hundred_starts_at_once_make_one_operation_and_the_file_is_served_once(stack: Stack) -> None:
    repo = stack.add_repo({"hundred.gguf": os.urandom(5 * MB)})
    model = stack.register(repo, "hundred.gguf")
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: stack.download(model), range(100)))
    assert len({answer.json()["taskId"] for answer in answers}) == 1
    assert sorted({answer.status_code for answer in answers}) == [200, 202]
    assert [answer.status_code for answer in answers].count(202) == 1
    stack.wait_status(model, "Downloaded")
    assert stack.hub.bytes_served("hundred.gguf") == 5 * MB
    assert len(stack.get(f"/api/operations?modelId={model['id']}")) == 1


def test_twenty_asks_for_a_new_file_at_once_register_one_model(stack: Stack) -> None:
    repo = stack.add_repo({"new.gguf": os.urandom(MB)})
    body = {"repo": repo, "filename": "new.gguf"}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stack.call("POST", "/api/downloads", body), range(20)))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    assert len({answer.json()["taskId"] for answer in answers}) == 1


def test_starts_against_deletes_end_in_one_effect_each_and_never_in_an_error(stack: Stack) -> None:
    repo = stack.add_repo({"race.gguf": os.urandom(MB)})
    model = stack.register(repo, "race.gguf")
    path = f"/api/models/{model['id']}"
    calls = [("POST", f"{path}/download"), ("DELETE", f"{path}?deleteLocalFile=true")] * 25
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda call: stack.call(*call), calls))
    assert {answer.status_code for answer in answers} <= {200, 202, 404, 409}
    ids = {answer.json()["taskId"] for answer in answers if answer.ok}

    def all_ended() -> bool:
        return {stack.get(f"/api/tasks/{task}")["status"] for task in ids} <= TERMINAL

    wait_for("every operation to end", all_ended)
    assert len(ids) <= 3


def test_every_status_is_seen_on_the_way(stack: Stack) -> None:
    repo = stack.add_repo({"way.gguf": os.urandom(8 * MB)})
    stack.hub.fault(Fault("hold", "way.gguf", times=None))
    model = stack.register(repo, "way.gguf")
    assert stack.status(model)["status"] == "NotDownloaded"
    assert stack.download(model).json()["status"] == "pending"
    running = stack.wait_status(model, "Downloading")
    assert running["attempt"] == 1

    def listed() -> dict[str, Any] | None:
        (found,) = (one for one in stack.get("/api/models?pageSize=500") if one["id"] == model["id"])
        active: dict[str, Any] = found["activeOperation"]
        return active if active["phase"] == "transferring" else None

    assert wait_for("the list to show it", listed)["bytesTotal"] == 8 * MB
    stack.hub.clear_faults()
    stack.hub.release()
    done = stack.wait_status(model, "Downloaded")
    task = stack.get(f"/api/tasks/{done['taskId']}")
    assert (task["status"], task["bytesDownloaded"], task["etaSeconds"]) == ("completed", 8 * MB, 0)


def test_progress_moves_shows_a_speed_and_never_falls(stack: Stack) -> None:
    stack.hub.throttle = 2 * MB
    repo = stack.add_repo({"slow.gguf": os.urandom(40 * MB)})
    model = stack.register(repo, "slow.gguf", downloadNow=True)
    seen = []
    while (status := stack.status(model))["status"] != "Downloaded":
        seen.append(status)
        time.sleep(0.1)
        if len(seen) > 50:
            stack.hub.throttle = None
    moving = [status for status in seen if status["phase"] == "transferring"]
    percents = [status["percent"] for status in moving]
    assert percents == sorted(percents)
    assert len(set(percents)) >= 3
    assert any(status["speedBytesPerSecond"] > MB for status in moving)
    assert any(status["etaSeconds"] for status in moving)


def test_a_running_download_is_canceled_within_a_second_and_resumed_where_it_stopped(stack: Stack) -> None:
    stack.hub.throttle = 2 * MB
    repo = stack.add_repo({"resume.gguf": os.urandom(60 * MB)})
    model = stack.register(repo, "resume.gguf", downloadNow=True)
    stack.wait_bytes(model, 10 * MB)
    began = time.monotonic()
    assert stack.cancel(model).status_code == 202
    canceled = stack.wait_status(model, "Canceled")
    assert time.monotonic() - began < 5  # the bench measures it; here only that it is no matter of timeouts
    assert 10 * MB <= canceled["bytesDownloaded"] < 60 * MB
    assert not list((stack.cache / f"models--{repo.replace('/', '--')}").glob("snapshots/*/*"))
    served = stack.hub.bytes_served("resume.gguf")
    stack.hub.throttle = None
    assert stack.download(model).status_code == 202
    stack.wait_status(model, "Downloaded")
    # What was on its way when the connections were cut was counted as served, but never written.
    on_its_way = 16 * 256 * 1024
    assert (
        stack.hub.bytes_served("resume.gguf") - served <= 60 * MB - canceled["bytesDownloaded"] + on_its_way
    )


def test_a_download_that_hangs_at_the_hub_is_canceled_too(stack: Stack) -> None:
    repo = stack.add_repo({"hang.gguf": os.urandom(MB)})
    stack.hub.fault(Fault("hold", "*", times=None, where="api"))
    model = stack.register(repo, "hang.gguf", downloadNow=True)
    stack.wait_status(model, "Downloading")
    stack.cancel(model)
    began = time.monotonic()
    stack.wait_status(model, "Canceled")
    assert time.monotonic() - began < 5


def test_a_purge_drops_the_partial_bytes(stack: Stack) -> None:
    stack.hub.throttle = MB
    data = os.urandom(40 * MB)
    repo = stack.add_repo({"purge.gguf": data})
    model = stack.register(repo, "purge.gguf", downloadNow=True)
    stack.wait_bytes(model, 5 * MB)
    stack.cancel(model, purge=True)
    stack.wait_status(model, "Canceled")
    partials = stack.cache / ".weighbridge" / "partials"
    oid = hashlib.sha256(data).hexdigest()
    wait_for("the partial to go", lambda: not list(partials.glob(f"{oid}*")))
    wait_for("the row to say so", lambda: stack.status(model)["bytesDownloaded"] == 0)


def test_a_later_purge_drops_the_bytes_of_a_canceled_download(stack: Stack) -> None:
    stack.hub.throttle = MB
    data = os.urandom(40 * MB)
    repo = stack.add_repo({"later.gguf": data})
    model = stack.register(repo, "later.gguf", downloadNow=True)
    stack.wait_bytes(model, 2 * MB)
    stack.cancel(model)
    stack.wait_status(model, "Canceled")
    pattern = f".weighbridge/partials/{hashlib.sha256(data).hexdigest()}*"
    assert list(stack.cache.glob(pattern))
    assert stack.cancel(model, purge=True).status_code == 200
    wait_for("the partial to go", lambda: not list(stack.cache.glob(pattern)))


@pytest.mark.parametrize(
    ("file", "setup", "code"),
    [
        ("missing.gguf", {}, "FILE_NOT_FOUND"),
        ("m.gguf", {"gated": True}, "GATED_MODEL_NO_TOKEN"),
    ],
)
def test_a_final_refusal_fails_at_once_with_code_and_remedy(
    stack: Stack, file: str, setup: dict[str, bool], code: str
) -> None:
    repo = stack.add_repo({"m.gguf": b"x" * MB}, **setup)
    model = stack.register(repo, file, downloadNow=True)
    failed = stack.wait_status(model, "Failed")
    assert (failed["error"]["code"], failed["attempt"]) == (code, 1)
    assert failed["error"]["detail"]
    assert failed["error"]["remedy"]
    assert stack.get(f"/api/models/{model['id']}")["error"] == failed["error"]


def test_an_unknown_repository_and_revision_fail_with_their_codes(stack: Stack) -> None:
    unknown = stack.register("org/never-made", "m.gguf", downloadNow=True)
    assert stack.wait_status(unknown, "Failed")["error"]["code"] == "REPO_NOT_FOUND"
    repo = stack.add_repo({"m.gguf": b"x"})
    wrong = stack.register(repo, "m.gguf", revision="no-such-branch", downloadNow=True)
    assert stack.wait_status(wrong, "Failed")["error"]["code"] == "REVISION_NOT_FOUND"


def test_a_gated_model_arrives_once_it_has_a_token_and_no_token_is_ever_logged(stack: Stack) -> None:
    repo = stack.add_repo({"gated.gguf": os.urandom(12 * MB)}, gated=True)
    stack.hub.add_token("hf_canary_granted", repo)
    stack.hub.add_token("hf_canary_other")
    model = stack.register(repo, "gated.gguf", hfToken="hf_canary_other", downloadNow=True)
    assert stack.wait_status(model, "Failed")["error"]["code"] == "LICENSE_NOT_ACCEPTED"
    stack.call("PATCH", f"/api/models/{model['id']}", {"hfToken": "hf_canary_unknown"})
    stack.download(model)
    assert stack.wait_status(model, "Failed")["error"]["code"] == "INVALID_HF_TOKEN"
    stack.call("PATCH", f"/api/models/{model['id']}", {"hfToken": "hf_canary_granted"})
    stack.download(model)
    stack.wait_status(model, "Downloaded")
    assert not stack.hub.authorization_at_cdn
    assert "hf_canary" not in stack.log_text()


def test_a_hub_that_fails_for_a_while_is_tried_again_until_the_file_is_there(stack: Stack) -> None:
    repo = stack.add_repo({"again.gguf": os.urandom(12 * MB)})
    stack.hub.fault(Fault("status", "*", times=1, status=503, where="api"))
    model = stack.register(repo, "again.gguf", downloadNow=True)
    stack.hub.fault(Fault("status", "again.gguf", times=2, status=500))
    stack.hub.fault(Fault("cut", "again.gguf", times=2, after_bytes=MB))
    done = stack.wait_status(model, "Downloaded", "Failed", seconds=60)
    assert (done["status"], done["error"]) == ("Downloaded", None)


def test_wrong_bytes_are_never_published_and_a_retry_makes_it_right(stack: Stack) -> None:
    data = os.urandom(12 * MB)
    repo = stack.add_repo({"flip.gguf": data})
    stack.hub.fault(Fault("wrong_bytes", "flip.gguf", times=None))
    model = stack.register(repo, "flip.gguf", downloadNow=True)
    failed = stack.wait_status(model, "Failed", seconds=60)
    assert failed["error"]["code"] == "CHECKSUM_MISMATCH"
    assert not list((stack.cache / f"models--{repo.replace('/', '--')}").glob("blobs/*"))
    stack.hub.clear_faults()
    again = stack.download(model)
    assert (again.status_code, again.json()["taskId"] != failed["taskId"]) == (202, True)
    stack.wait_status(model, "Downloaded")
    assert Path(stack.get(f"/api/models/{model['id']}")["localPath"]).read_bytes() == data


def test_the_request_id_is_followed_into_the_workers_log(stack: Stack) -> None:
    repo = stack.add_repo({"id.gguf": b"x" * 1000})
    model = stack.register(repo, "id.gguf")
    stack.call("POST", f"/api/models/{model['id']}/download", headers={"X-Request-ID": "trace-me-4711"})
    stack.wait_status(model, "Downloaded")
    lines = [
        json.loads(line)
        for line in (stack.logs / "downloads.log").read_text().splitlines()
        if line[:1] == "{"
    ]
    mine = [line for line in lines if line.get("request_id") == "trace-me-4711"]
    assert {"download started", "download finished"} <= {line["event"] for line in mine}
    assert all(line["service"] == "worker" and line["model"] == model["id"] for line in mine)


def test_a_second_model_of_the_same_repository_reuses_what_is_there(stack: Stack) -> None:
    repo = stack.add_repo({"one.gguf": os.urandom(2 * MB), "two.gguf": os.urandom(MB)})
    stack.wait_status(stack.register(repo, "one.gguf", downloadNow=True), "Downloaded")
    whole = stack.register(repo, downloadNow=True)
    done = stack.wait_status(whole, "Downloaded")
    assert (done["bytesReused"], done["bytesTotal"]) == (2 * MB, 3 * MB)
    assert stack.hub.bytes_served("one.gguf") == 2 * MB
