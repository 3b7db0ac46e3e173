"""What real repositories look like at the Hub: facts of their pages, configurations and file lists.

`RECORDED` has one of each kind that people meet. `add_to` puts one on a `HubServer`, with files that are tiny
and yet real: a GGUF header with the true keys and one small tensor, a safetensors file with one small tensor.
What the real files weigh is in `sizes`, where it was looked up.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.hub_server import HubServer

# ggml's number of the type of the small tensors.
_F32 = 0


@dataclass(frozen=True)
class Words:
    """Stands in a GGUF header for a tokenizer's words: so many texts, here all empty."""

    count: int


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A repository. `sizes`: true bytes of its weights, by name; `contents`: what is served instead."""

    repo: str
    info: dict[str, Any]
    config: dict[str, Any] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    gated: bool | str = False

    def files(self) -> dict[str, bytes]:
        """What stands in the repository, tiny."""
        config = {} if self.config is None else {"config.json": json.dumps(self.config).encode()}
        return {"README.md": b"# A model\n", **config, **self.contents}

    def add_to(self, hub: HubServer) -> str:
        """Put it there, and return the commit."""
        return hub.add_repo(self.repo, self.files(), info=self.info, gated=self.gated)


def gguf(
    values: Mapping[str, Any],
    tensors: Mapping[str, tuple[int, Sequence[int]]] | None = None,
    *,
    version: int = 3,
    data: int = 0,
) -> bytes:
    """A GGUF file: keys and values, a table of tensors (ggml's type number, shape), so many bytes behind it.

    Values take the type that converters give them: a whole number is a uint32 (a uint64 where it must), in an
    array an int32.
    """
    table = tensors or {}
    head = b"GGUF" + struct.pack("<IQQ", version, len(table), len(values))
    keys = b"".join(text(name) + value(each) for name, each in values.items())
    rows = b"".join(
        text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)
        for name, (kind, shape) in table.items()
    )
    return head + keys + rows + bytes(data)


def text(value: str) -> bytes:
    """A text as GGUF has it: the length, then the bytes."""
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def value(said: Any) -> bytes:
    """A value as GGUF has it, its type before it."""
    if isinstance(said, Words):
        return struct.pack("<IIQ", 9, 8, said.count) + bytes(8 * said.count)
    if isinstance(said, list | tuple):
        kinds = {bool: (7, "B"), int: (5, "i"), float: (6, "f"), str: (8, "")}
        number, form = kinds[type(said[0])]
        content = b"".join(map(text, said)) if number == 8 else struct.pack(f"<{len(said)}{form}", *said)
        return struct.pack("<IIQ", 9, number, len(said)) + content
    if isinstance(said, str):
        return struct.pack("<I", 8) + text(said)
    if isinstance(said, bool):
        return struct.pack("<IB", 7, said)
    if isinstance(said, float):
        return struct.pack("<If", 6, said)
    return struct.pack("<II", 4, said) if 0 <= said < 2**32 else struct.pack("<IQ", 10, said)


def safetensors(
    tensors: Mapping[str, tuple[str, Sequence[int]]], *, metadata: Mapping[str, str] | None = None
) -> bytes:
    """A safetensors file with tensors of zeros: for each name the type and the shape."""
    bits = {"F32": 32, "BF16": 16, "F16": 16, "I64": 64, "I32": 32, "U8": 8}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = bits[dtype] // 8
        for each in shape:
            size *= each
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(end)


def _gguf_weights(values: Mapping[str, Any], hidden: int) -> bytes:
    return gguf(values, {"output_norm.weight": (_F32, [hidden])}, data=4 * hidden)


_QWEN3_KEYS = {
    "general.architecture": "qwen3",
    "general.type": "model",
    "general.name": "Qwen3 8B Instruct",
    "general.basename": "Qwen3",
    "general.size_label": "8B",
    "qwen3.block_count": 36,
    "qwen3.context_length": 40960,
    "qwen3.embedding_length": 4096,
    "qwen3.feed_forward_length": 12288,
    "qwen3.attention.head_count": 32,
    "qwen3.attention.head_count_kv": 8,
    "qwen3.rope.freq_base": 1000000.0,
    "qwen3.attention.layer_norm_rms_epsilon": 0.000001,
    "qwen3.attention.key_length": 128,
    "qwen3.attention.value_length": 128,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "qwen2",
    "tokenizer.ggml.tokens": Words(151936),
    "general.quantization_version": 2,
}
QWEN3_GGUF = Recorded(
    repo="Qwen/Qwen3-8B-GGUF",
    info={
        "tags": ["gguf", "text-generation", "base_model:Qwen/Qwen3-8B", "license:apache-2.0", "region:us"],
        "cardData": {
            "license": "apache-2.0",
            "base_model": "Qwen/Qwen3-8B",
            "pipeline_tag": "text-generation",
        },
        "baseModels": {"relation": "quantized", "models": [{"_id": "1", "id": "Qwen/Qwen3-8B"}]},
        "gguf": {"total": 8190735360, "architecture": "qwen3", "context_length": 40960},
        "pipeline_tag": "text-generation",
    },
    sizes={"Qwen3-8B-Q4_K_M.gguf": 5027783488},
    contents={
        f"Qwen3-8B-{method}.gguf": _gguf_weights({**_QWEN3_KEYS, "general.file_type": number}, 4096)
        for method, number in {"Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18, "Q8_0": 7}.items()
    },
)

_LLAMA70 = "Meta-Llama-3.1-70B-Instruct"
_LLAMA70_KEYS = {
    "general.architecture": "llama",
    "general.type": "model",
    "general.name": "Meta Llama 3.1 70B Instruct",
    "general.finetune": "Instruct",
    "general.basename": "Meta-Llama-3.1",
    "general.size_label": "70B",
    "general.license": "llama3.1",
    "llama.block_count": 80,
    "llama.context_length": 131072,
    "llama.embedding_length": 8192,
    "llama.feed_forward_length": 28672,
    "llama.attention.head_count": 64,
    "llama.attention.head_count_kv": 8,
    "llama.rope.freq_base": 500000.0,
    "llama.rope.dimension_count": 128,
    "llama.vocab_size": 128256,
}
_LLAMA70_PARTS = 2


def _llama70_part(number: int, file_type: int) -> bytes:
    """The first part has all keys; each has its own tensors and says which part it is."""
    split = {"split.no": number, "split.count": _LLAMA70_PARTS, "split.tensors.count": 724}
    keys = {**_LLAMA70_KEYS, "general.file_type": file_type} if number == 0 else {}
    return _gguf_weights({**keys, **split}, 8192)


LLAMA_70B_SHARDED = Recorded(
    repo="bartowski/Meta-Llama-3.1-70B-Instruct-GGUF",
    info={
        "tags": ["gguf", "facebook", "meta", "llama", "license:llama3.1"],
        "cardData": {"license": "llama3.1", "base_model": ["meta-llama/Meta-Llama-3.1-70B-Instruct"]},
        "gguf": {"total": 70553706560, "architecture": "llama", "context_length": 131072},
        "pipeline_tag": "text-generation",
    },
    contents={
        f"{_LLAMA70}-Q4_K_M.gguf": _gguf_weights({**_LLAMA70_KEYS, "general.file_type": 15}, 8192),
        **{
            f"{_LLAMA70}-{method}/{_LLAMA70}-{method}-0000{at + 1}-of-00002.gguf": _llama70_part(at, number)
            for method, number in {"Q5_K_M": 17, "Q8_0": 7}.items()
            for at in range(_LLAMA70_PARTS)
        },
    },
)

GATED_LLAMA = Recorded(
    repo="meta-llama/Llama-3.1-8B-Instruct",
    gated="manual",
    info={
        "tags": ["transformers", "safetensors", "llama", "facebook", "meta", "license:llama3.1"],
        "cardData": {"license": "llama3.1", "base_model": "meta-llama/Meta-Llama-3.1-8B"},
        "config": {"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
        "safetensors": {"parameters": {"BF16": 8030261248}, "total": 8030261248},
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
    },
    config={
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "max_position_embeddings": 131072,
        "model_type": "llama",
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": 128256,
    },
    sizes={
        "model-00001-of-00004.safetensors": 4976698672,
        "model-00002-of-00004.safetensors": 4999802720,
        "model-00003-of-00004.safetensors": 4915916176,
        "model-00004-of-00004.safetensors": 1168138808,
    },
    contents={
        f"model-0000{part}-of-00004.safetensors": safetensors(
            {f"model.layers.{part}.input_layernorm.weight": ("BF16", [4096])}, metadata={"format": "pt"}
        )
        for part in range(1, 5)
    },
)

_BERT = {"model_type": "bert", "max_position_embeddings": 512, "vocab_size": 30522, "pad_token_id": 0}
EMBEDDING = Recorded(
    repo="sentence-transformers/all-MiniLM-L6-v2",
    info={
        "tags": ["sentence-transformers", "pytorch", "safetensors", "bert", "en", "license:apache-2.0"],
        "cardData": {"license": "apache-2.0", "pipeline_tag": "sentence-similarity"},
        "config": {"architectures": ["BertModel"], "model_type": "bert"},
        "safetensors": {"parameters": {"I64": 512, "F32": 22713216}, "total": 22713728},
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
    },
    config={
        **_BERT,
        "architectures": ["BertModel"],
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_attention_heads": 12,
        "num_hidden_layers": 6,
    },
    sizes={"model.safetensors": 90868376},
    contents={"model.safetensors": safetensors({"embeddings.LayerNorm.weight": ("F32", [384])})},
)

_NOMIC_CODE = "nomic-ai/nomic-bert-2048--"
REMOTE_CODE = Recorded(
    repo="nomic-ai/nomic-embed-text-v1.5",
    info={
        "tags": ["sentence-transformers", "safetensors", "nomic_bert", "custom_code", "license:apache-2.0"],
        "cardData": {"license": "apache-2.0", "language": ["en"]},
        "config": {
            "architectures": ["NomicBertModel"],
            "model_type": "nomic_bert",
            "auto_map": {"AutoModel": f"{_NOMIC_CODE}modeling_hf_nomic_bert.NomicBertModel"},
        },
        "safetensors": {"parameters": {"F32": 136731648}, "total": 136731648},
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
    },
    config={
        "architectures": ["NomicBertModel"],
        "auto_map": {
            "AutoConfig": f"{_NOMIC_CODE}configuration_hf_nomic_bert.NomicBertConfig",
            "AutoModel": f"{_NOMIC_CODE}modeling_hf_nomic_bert.NomicBertModel",
        },
        "causal": False,
        "model_type": "nomic_bert",
        "n_embd": 768,
        "n_head": 12,
        "n_inner": 3072,
        "n_layer": 12,
        "n_positions": 8192,
        "torch_dtype": "float32",
        "vocab_size": 30528,
    },
    contents={"model.safetensors": safetensors({"emb_ln.weight": ("F32", [768])})},
)

SPLADE = Recorded(
    repo="opensearch-project/opensearch-neural-sparse-encoding-v2-distill",
    info={
        "tags": [
            "sentence-transformers",
            "safetensors",
            "distilbert",
            "fill-mask",
            "splade",
            "license:apache-2.0",
        ],
        "cardData": {"license": "apache-2.0", "language": "en"},
        "config": {"architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert"},
        "safetensors": {"parameters": {"F32": 66985530}, "total": 66985530},
        "library_name": "sentence-transformers",
        "pipeline_tag": "feature-extraction",
    },
    config={
        "architectures": ["DistilBertForMaskedLM"],
        "dim": 768,
        "hidden_dim": 3072,
        "max_position_embeddings": 512,
        "model_type": "distilbert",
        "n_heads": 12,
        "n_layers": 6,
        "pad_token_id": 0,
        "tie_weights_": True,
        "torch_dtype": "float32",
        "vocab_size": 30522,
    },
    contents={"model.safetensors": safetensors({"vocab_layer_norm.weight": ("F32", [768])})},
)

LEGACY_ID = Recorded(
    repo="gpt2",
    info={
        "tags": ["transformers", "pytorch", "safetensors", "gpt2", "en", "license:mit"],
        "cardData": {"license": "mit", "language": "en"},
        "config": {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"},
        "safetensors": {"parameters": {"F32": 137022720}, "total": 137022720},
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
    },
    config={
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_ctx": 1024,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
    },
    sizes={"model.safetensors": 548105171},
    contents={"model.safetensors": safetensors({"ln_f.weight": ("F32", [768])})},
)

RECORDED = (
    QWEN3_GGUF,
    LLAMA_70B_SHARDED,
    GATED_LLAMA,
    EMBEDDING,
    REMOTE_CODE,
    SPLADE,
    LEGACY_ID,
)
