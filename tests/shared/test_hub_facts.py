import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared import hub_facts
from shared.errors import HubUnavailable
from shared.hub import Hub, RemoteFile, read_look
from shared.hub_facts import Told
from shared.model_facts import Facts
from tests.hub_server import HubServer

REPO = "owner/Qwen3-0.6B"
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


def gguf(values: Mapping[str, Any], words: int = 0) -> bytes:
    """The beginning of a GGUF file without tensors."""
    told = {"general.architecture": "qwen3", **values}
    keys = [_text(name) + _value(value) for name, value in told.items()]
    keys.append(_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, words) + _text("word") * words)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(keys)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value: str | int) -> bytes:
    return struct.pack("<I", 8) + _text(value) if isinstance(value, str) else struct.pack("<II", 4, value)


QWEN3 = {
    "qwen3.context_length": 40960,
    "qwen3.embedding_length": 1024,
    "qwen3.block_count": 28,
    "qwen3.attention.head_count": 16,
    "qwen3.attention.head_count_kv": 8,
    "qwen3.attention.key_length": 128,
    "qwen3.attention.value_length": 128,
}
DIMENSIONS = (40960, 1024, 28, 16, 8, 128)


def _dimensions(facts: Facts) -> tuple[int | None, ...]:
    names = ("context_length", "hidden_size", "layers", "heads", "kv_heads", "head_dim")
    return tuple(getattr(facts, name) for name in names)


@pytest.fixture
def server() -> Iterator[HubServer]:
    with HubServer() as found:
        yield found


def _told(server: HubServer, path: str | None = None) -> Told:
    hub = Hub(server.url, None, False)
    look = read_look(hub.look(REPO, "main"), repo=REPO, revision="main")
    return hub_facts.read(json.loads(json.dumps(hub_facts.fetch(hub, look, path))))


def test_a_configuration_tells_the_dimensions(server: HubServer) -> None:
    server.add_repo(REPO, {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": b"x" * 50})
    told = _told(server)
    assert told.is_all
    assert _dimensions(told.facts) == DIMENSIONS
    assert (told.facts.vocab_size, told.facts.architecture) == (151936, "Qwen3ForCausalLM")


def test_a_gguf_file_tells_them_by_its_beginning_alone(server: HubServer) -> None:
    path = "q/Qwen3-0.6B-Q4_K_M.gguf"
    content = gguf(QWEN3, words=100_000) + bytes(1 << 20)
    server.add_repo(REPO, {path: content, "config.json": b"{}"})
    told = _told(server, path)
    assert told.is_all
    assert _dimensions(told.facts) == DIMENSIONS
    assert (told.facts.vocab_size, told.facts.is_generative) == (100_000, True)
    assert server.bytes_served() == hub_facts.BEGINNING


def _safetensors(count: int) -> bytes:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [count], "data_offsets": [0, 2 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(2 * count)


def test_what_the_hub_has_not_counted_the_header_of_the_weights_tells(server: HubServer) -> None:
    server.add_repo(
        REPO, {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": _safetensors(700)}
    )
    facts = _told(server).facts
    assert (facts.parameter_count, facts.dtype, facts.layers) == (700, "bfloat16", 28)


def test_what_the_hub_has_counted_is_not_fetched(server: HubServer) -> None:
    files = {"config.json": b"{}", "model.safetensors": _safetensors(700)}
    server.add_repo(REPO, files, info={"safetensors": {"parameters": {"BF16": 700}, "total": 700}})
    _told(server)
    assert server.bytes_served("*.safetensors") == 0


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"hidden_size": "x", "num_hidden_layers": -1}', b"[" * 100_000]
)
def test_files_that_are_not_what_their_name_says_tell_nothing(server: HubServer, content: bytes) -> None:
    server.add_repo(REPO, {"config.json": content, "model.safetensors": content, "a-Q4_0.gguf": content})
    for path in (None, "a-Q4_0.gguf"):
        assert _dimensions(_told(server, path).facts) == (None,) * 6


def test_what_the_hub_does_not_give_now_is_marked_as_missing(server: HubServer) -> None:
    server.add_repo(REPO, {"config.json": json.dumps(CONFIG).encode(), "model.safetensors": _safetensors(7)})
    server.fault("status", "config.json", status=503)
    told = _told(server)
    assert not told.is_all
    assert (told.facts.layers, told.facts.parameter_count) == (None, 7)


def test_what_a_gate_refuses_may_be_told_once_the_license_is_accepted(server: HubServer) -> None:
    server.add_repo(REPO, {"config.json": json.dumps(CONFIG).encode()}, gated="manual")
    assert _told(server) == Told(Facts(), is_all=False)


@pytest.mark.parametrize(
    "said", [None, {}, {"facts": {"layers": "many"}, "is_all": True}, {"facts": [], "is_all": 1}]
)
def test_what_was_kept_and_makes_no_sense_is_unusable(said: Any) -> None:
    with pytest.raises(HubUnavailable):
        hub_facts.read(said)


def _file(path: str, size: int) -> RemoteFile:
    return RemoteFile(path, size, "a" * 40, False)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"model-00001-of-00002.safetensors": 5, "model-00002-of-00002.safetensors": 4, "x.json": 9}, 9),
        ({"model.safetensors": 5, "consolidated.safetensors": 5, "pytorch_model.bin": 6}, 5),
        ({"pytorch_model-1.bin": 3, "pytorch_model-2.bin": 4, "onnx/model.onnx": 99}, 7),
        ({"unet/model.safetensors": 5, "README.md": 1}, None),
        ({}, None),
    ],
)
def test_of_several_forms_of_the_weights_one_is_counted(files: dict[str, int], expected: int | None) -> None:
    assert hub_facts.weights_bytes([_file(*each) for each in files.items()]) == expected
