"""Registers to look at: one that stands still, and one with a model in every state."""

from typing import Any

from tests.provider_server import KEY, ProviderServer
from tests.stack import Stack

# name -> repository, file (None: all of it), kind
LOCAL: dict[str, tuple[str, str | None, str]] = {
    "Qwen3 0.6B": ("unsloth/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q4_0.gguf", "llm"),
    "Llama 3.3 70B": ("bartowski/Llama-3.3-70B-GGUF", "Llama-3.3-70B-Q4_K_M.gguf", "llm"),
    "Gemma 3 12B": ("google/gemma-3-12b-it-GGUF", "gemma-3-12b-it-Q4_0.gguf", "llm"),
    "Qwen3 Embedding 4B": ("Qwen/Qwen3-Embedding-4B-GGUF", "Qwen3-Embedding-4B-Q8_0.gguf", "embedding"),
    "BGE M3": ("BAAI/bge-m3", None, "embedding"),
}
# The same for those that move.
MOVING: dict[str, tuple[str, str | None, str]] = {
    "Mistral Small 24B": ("mistralai/Mistral-Small-24B-GGUF", "Mistral-Small-24B-Q5_K_M.gguf", "llm"),
    "Phi 4 mini 3.8B": ("unsloth/Phi-4-mini-3.8B-GGUF", "Phi-4-mini-3.8B-Q4_K_M.gguf", "llm"),
    "Qwen3 8B": ("unsloth/Qwen3-8B-GGUF", "Qwen3-8B-Q6_K.gguf", "llm"),
    "SPLADE v3": ("naver/splade-v3", None, "splade"),
}
# What the GGUF files say of themselves: architecture and parameters.
MEASURES = {
    "unsloth/Qwen3-0.6B-GGUF": ("qwen3", 596_049_920),
    "bartowski/Llama-3.3-70B-GGUF": ("llama", 70_553_706_560),
    "google/gemma-3-12b-it-GGUF": ("gemma3", 11_766_034_176),
    "Qwen/Qwen3-Embedding-4B-GGUF": ("qwen3", 4_021_774_336),
    "mistralai/Mistral-Small-24B-GGUF": ("mistral3", 23_572_403_200),
    "unsloth/Phi-4-mini-3.8B-GGUF": ("phi3", 3_836_021_856),
    "unsloth/Qwen3-8B-GGUF": ("qwen3", 8_190_735_360),
}
HOSTED: dict[str, dict[str, str]] = {
    "GPT-5 mini": {"provider": "openai"},
    "GPT-4.1 (EU West)": {
        "provider": "azure-openai",
        "deployment": "chat-staging",
        "apiVersion": "2024-10-21",
    },
    "GPT-5 nano": {"provider": "openai"},
}
Models = dict[str, dict[str, Any]]


def standing(stack: Stack, provider: ProviderServer) -> Models:
    """Downloaded, available, failed (gated), connected, failing, not tested: nothing moves."""
    models = _locals(stack, LOCAL, size=300_000)
    for name, fields in HOSTED.items():
        body = {"type": "hosted-llm", "name": name, "baseUrl": f"{provider.url}/v1", "apiKey": KEY}
        models[name] = stack.call("POST", "/api/models", body | {"category": "llm"} | fields).json()
    for name in ("GPT-5 mini", "GPT-4.1 (EU West)"):
        stack.call("POST", "/api/models/test-connection", {"modelId": models[name]["id"]})
    wanted = {"Qwen3 0.6B": "Downloaded", "Gemma 3 12B": "Failed", "BGE M3": "Downloaded"}
    for name in wanted:
        stack.download(models[name])
    for name, status in wanted.items():
        stack.wait_status(models[name], status)
    return models


def every_state(stack: Stack, provider: ProviderServer) -> Models:
    """The same with one canceled, two that download slowly, and one that waits for them."""
    models = standing(stack, provider) | _locals(stack, MOVING, size=40_000_000)
    stack.hub.throttle = 20_000  # for each connection
    canceled, *running, waiting = (models[name] for name in reversed(MOVING))
    for model in (canceled, *running):
        stack.download(model)
    stack.wait_bytes(canceled, 1)
    stack.cancel(canceled)
    stack.wait_status(canceled, "Canceled")
    for model in running:
        stack.wait_bytes(model, 1)
    stack.download(waiting)
    return models


def _locals(stack: Stack, wanted: dict[str, tuple[str, str | None, str]], *, size: int) -> Models:
    models = {}
    for name, (repo, file, kind) in wanted.items():
        content = name.encode().ljust(size, b"\0")
        gated = "manual" if repo.startswith("google/") else False
        stack.hub.add_repo(repo, {file or "model.safetensors": content}, gated=gated, info=_info(repo))
        models[name] = stack.register(repo, file, name=name, category=kind)
    return models


def _info(repo: str) -> dict[str, Any]:
    architecture, parameters = MEASURES.get(repo, (None, None))
    measures = {"total": parameters, "architecture": architecture, "context_length": 40960}
    return {
        "likes": 412,
        "downloads": 1_310_000,
        "pipeline_tag": "text-generation",
        "tags": ["gguf", "license:apache-2.0", "conversational"],
        "cardData": {"license": "apache-2.0", "base_model": [repo.removesuffix("-GGUF")]},
        "gguf": measures if architecture else {},
    }
