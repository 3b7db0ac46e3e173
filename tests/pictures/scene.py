"""A register as a team's would look; real downloads of real sizes: files full of zeros, on a slow line."""

from pathlib import Path
from typing import Any

from tests.provider_server import KEY, ProviderServer
from tests.recorded import Words, gguf
from tests.stack import Stack

MB = 1_000_000
_Q4_0 = 2  # ggml's number
# What the Hub says of each repository beside its files.
FACTS = {
    "likes": 312,
    "downloads": 48_210,
    "pipeline_tag": "text-generation",
    "tags": ["gguf", "license:apache-2.0"],
    "cardData": {"license": "apache-2.0"},
}

# repository -> its files and their sizes in bytes
REPOSITORIES = {
    "unsloth/Qwen3-0.6B-GGUF": {"Qwen3-0.6B-Q4_0.gguf": 382 * MB, "Qwen3-0.6B-Q8_0.gguf": 639 * MB},
    "unsloth/Qwen3-4B-GGUF": {
        "Qwen3-4B-Q4_K_M.gguf": 2500 * MB,
        "Qwen3-4B-Q5_K_M.gguf": 2890 * MB,
        "Qwen3-4B-Q8_0.gguf": 4280 * MB,
    },
    "bartowski/Llama-3.2-3B-Instruct-GGUF": {"Llama-3.2-3B-Instruct-Q4_K_M.gguf": 2020 * MB},
    "google/gemma-3-4b-it-qat-q4_0-gguf": {"gemma-3-4b-it-q4_0.gguf": 3160 * MB},
    "Qwen/Qwen3-Embedding-0.6B-GGUF": {"Qwen3-Embedding-0.6B-Q8_0.gguf": 639 * MB},
    "unsloth/Mistral-Small-3.2-24B-Instruct-2506-GGUF": {
        "Mistral-Small-3.2-24B-Instruct-2506-Q5_K_M.gguf": 1680 * MB
    },
    "BAAI/bge-m3": {"model.safetensors": 1140 * MB},
    "unsloth/Phi-4-mini-instruct-GGUF": {"Phi-4-mini-instruct-Q4_K_M.gguf": 2490 * MB},
    "naver/splade-v3": {"model.safetensors": 438 * MB},
}

# repository -> architecture, layers, context, hidden size, heads, KV heads, words, parameters
MEASURES = {
    "unsloth/Qwen3-0.6B-GGUF": ("qwen3", 28, 40960, 1024, 16, 8, 151936, 596_049_920),
    "unsloth/Qwen3-4B-GGUF": ("qwen3", 36, 40960, 2560, 32, 8, 151936, 4_022_468_096),
    "bartowski/Llama-3.2-3B-Instruct-GGUF": ("llama", 28, 131072, 3072, 24, 8, 128256, 3_212_749_824),
    "unsloth/Mistral-Small-3.2-24B-Instruct-2506-GGUF": (
        "llama",
        40,
        131072,
        5120,
        32,
        8,
        131072,
        23_572_403_200,
    ),
    "unsloth/Phi-4-mini-instruct-GGUF": ("phi3", 32, 131072, 3072, 24, 8, 200064, 3_836_021_760),
    "Qwen/Qwen3-Embedding-0.6B-GGUF": ("qwen3", 28, 32768, 1024, 16, 8, 151669, 595_776_512),
}


def fill_hub(stack: Stack, folder: Path) -> None:
    """Put the repositories on the Hub; a file full of zeros takes no room."""
    for repo, files in REPOSITORIES.items():
        paths = {}
        for name, size in files.items():
            paths[name] = folder / repo.replace("/", "--") / name
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            with paths[name].open("wb") as file:
                file.write(_beginning(repo, name))
                file.truncate(size)
        stack.hub.add_repo(repo, paths, info=FACTS, gated="manual" if repo.startswith("google/") else False)


def _beginning(repo: str, name: str) -> bytes:
    """A true header, where the measures are known; the name in it makes each file a blob of its own."""
    if repo not in MEASURES:
        return name.encode()
    architecture, layers, context, hidden, heads, kv_heads, words, parameters = MEASURES[repo]
    keys = {
        "block_count": layers,
        "context_length": context,
        "embedding_length": hidden,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": 128,
        "attention.value_length": 128,
    }
    values = {"general.architecture": architecture, "general.name": name}
    values |= {f"{architecture}.{key}": value for key, value in keys.items()}
    tensors = {"all.weight": (_Q4_0, [32, parameters // 32])}
    return gguf(values | {"tokenizer.ggml.tokens": Words(words)}, tensors)


def fill_register(stack: Stack, provider: ProviderServer) -> dict[str, Any]:
    """Register the models and bring each into its state; the two that go on downloading are left at it."""
    models = {name: _register(stack, name, *where, **more) for name, (where, more) in LOCAL.items()}
    for name, fields in HOSTED.items():
        address = provider.url + ("" if fields["provider"] == "azure-openai" else "/v1")
        body = {"type": "hosted-llm", "name": name, "baseUrl": address, "apiKey": KEY} | fields
        models[name] = stack.call("POST", "/api/models", body).json()
    stack.call("POST", "/api/models/test-connection", {"modelId": models["GPT-5 mini"]["id"]})
    stack.call("POST", "/api/models/test-connection", {"modelId": models["GPT-4.1 (EU West)"]["id"]})
    for name in ("Qwen3 0.6B", "Qwen3 Embedding 0.6B", "SPLADE v3"):
        stack.download(models[name])
    for name in ("Qwen3 0.6B", "Qwen3 Embedding 0.6B", "SPLADE v3"):
        stack.wait_status(models[name], "Downloaded", seconds=120)
    stack.download(models["Gemma 3 4B it"])
    stack.wait_status(models["Gemma 3 4B it"], "Failed")
    stack.hub.throttle = 3 * MB  # for each of 16 connections
    stack.download(models["BGE M3"])
    stack.wait_bytes(models["BGE M3"], 300 * MB)
    stack.cancel(models["BGE M3"])
    stack.wait_status(models["BGE M3"], "Canceled")
    for name in ("Qwen3 4B", "Llama 3.2 3B Instruct", "Mistral Small 3.2 24B"):
        stack.download(models[name])
    stack.wait_bytes(models["Llama 3.2 3B Instruct"], 500 * MB)
    stack.hub.throttle = MB // 2  # these go on through all pictures
    return models


LOCAL: dict[str, tuple[tuple[str, str | None], dict[str, Any]]] = {
    "Qwen3 0.6B": (("unsloth/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q4_0.gguf"), {}),
    "Qwen3 4B": (("unsloth/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf"), {}),
    "Llama 3.2 3B Instruct": (
        ("bartowski/Llama-3.2-3B-Instruct-GGUF", "Llama-3.2-3B-Instruct-Q4_K_M.gguf"),
        {},
    ),
    "Gemma 3 4B it": (("google/gemma-3-4b-it-qat-q4_0-gguf", "gemma-3-4b-it-q4_0.gguf"), {}),
    "Qwen3 Embedding 0.6B": (
        ("Qwen/Qwen3-Embedding-0.6B-GGUF", "Qwen3-Embedding-0.6B-Q8_0.gguf"),
        {"category": "embedding"},
    ),
    "Mistral Small 3.2 24B": (
        (
            "unsloth/Mistral-Small-3.2-24B-Instruct-2506-GGUF",
            "Mistral-Small-3.2-24B-Instruct-2506-Q5_K_M.gguf",
        ),
        {},
    ),
    "BGE M3": (("BAAI/bge-m3", None), {"category": "embedding"}),
    "Phi-4 mini instruct": (("unsloth/Phi-4-mini-instruct-GGUF", "Phi-4-mini-instruct-Q4_K_M.gguf"), {}),
    "SPLADE v3": (("naver/splade-v3", None), {"category": "splade"}),
}
HOSTED: dict[str, dict[str, Any]] = {
    "GPT-5 mini": {"provider": "openai", "category": "llm"},
    "GPT-4.1 (EU West)": {
        "provider": "azure-openai",
        "category": "llm",
        "deployment": "chat-prod",
        "apiVersion": "2024-10-21",
    },
    "GPT-5 nano": {"provider": "openai", "category": "llm"},
}


def _register(stack: Stack, name: str, repo: str, file: str | None, **more: Any) -> dict[str, Any]:
    return stack.register(repo, file, **{"name": name, "category": "llm", **more})
