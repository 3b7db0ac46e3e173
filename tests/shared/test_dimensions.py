from typing import Any

import pytest

from shared import gguf_header
from shared.dimensions import CacheShape
from shared.model_facts import Facts, from_config, from_gguf
from tests.recorded import gguf


def sizes(config: dict[str, Any]) -> tuple[int | None, ...]:
    found = from_config(config)
    return (
        found.context_length,
        found.hidden_size,
        found.layers,
        found.heads,
        found.kv_heads,
        found.head_dim,
    )


LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "max_position_embeddings": 4096,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LLAMA, (4096, 4096, 32, 32, 32, 128)),
        ({**LLAMA, "num_key_value_heads": 8, "head_dim": 64}, (4096, 4096, 32, 32, 8, 64)),
        # MPT and DBRX: words of their own, and the heads of keys in an object.
        (
            {
                "max_seq_len": 2048,
                "d_model": 6144,
                "n_layers": 40,
                "n_heads": 48,
                "attn_config": {"kv_n_heads": 8},
            },
            (2048, 6144, 40, 48, 8, 128),
        ),
        # Falcon 7B: one head of keys; 40B in the new architecture says how many.
        (
            {
                "model_type": "falcon",
                "hidden_size": 4544,
                "num_hidden_layers": 32,
                "num_attention_heads": 71,
                "num_kv_heads": 71,
                "multi_query": True,
            },
            (None, 4544, 32, 71, 1, 64),
        ),
        (
            {
                "model_type": "falcon",
                "new_decoder_architecture": True,
                "hidden_size": 8192,
                "num_hidden_layers": 60,
                "num_attention_heads": 128,
                "num_kv_heads": 8,
                "multi_query": True,
            },
            (None, 8192, 60, 128, 8, 64),
        ),
        # ChatGLM.
        (
            {
                "seq_length": 131072,
                "hidden_size": 4096,
                "num_layers": 40,
                "num_attention_heads": 32,
                "kv_channels": 128,
                "multi_query_group_num": 2,
            },
            (131072, 4096, 40, 32, 2, 128),
        ),
        # The sizes of the text part are meant.
        ({"architectures": ["X"], "hidden_size": 7, "text_config": LLAMA}, (4096, 4096, 32, 32, 32, 128)),
        ({"thinker_config": {"text_config": LLAMA}}, (4096, 4096, 32, 32, 32, 128)),
        ({"llm_config": LLAMA, "vision_config": {"hidden_size": 9}}, (4096, 4096, 32, 32, 32, 128)),
        # RoBERTa's positions begin behind the padding.
        (
            {"model_type": "xlm-roberta", "max_position_embeddings": 8194},
            (8192, None, None, None, None, None),
        ),
        # Not a whole number of a head: not known.
        ({"hidden_size": 100, "num_attention_heads": 3}, (None, 100, None, 3, 3, None)),
        ({}, (None,) * 6),
    ],
)
def test_sizes_are_found_under_each_name(config: dict[str, Any], expected: tuple[int | None, ...]) -> None:
    assert sizes(config) == expected


GEMMA3 = {"sliding_window": 1024, "num_key_value_heads": 4, "head_dim": 128, "num_hidden_layers": 12}


@pytest.mark.parametrize(
    ("changed", "cache"),
    [
        ({}, CacheShape(32 * 2 * 4096)),
        # Nobody says which layers: all keep everything.
        ({"sliding_window": 4096}, CacheShape(32 * 2 * 4096)),
        ({**GEMMA3, "sliding_window_pattern": 6}, CacheShape(2 * 1024, 10 * 1024, 1024)),
        ({**GEMMA3, "model_type": "gemma3_text"}, CacheShape(2 * 1024, 10 * 1024, 1024)),
        (
            {**GEMMA3, "layer_types": ["sliding_attention"] * 9 + ["full_attention"] * 3},
            CacheShape(3 * 1024, 9 * 1024, 1024),
        ),
        ({**GEMMA3, "num_kv_shared_layers": 2}, CacheShape(10 * 1024)),
        # Qwen3-Next: every fourth layer keeps keys and values, the others a state of fixed size.
        ({**GEMMA3, "sliding_window": None, "full_attention_interval": 4}, CacheShape(3 * 1024)),
        (
            {**GEMMA3, "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 3},
            CacheShape(3 * 1024),
        ),
        # DeepSeek: one latent vector for all heads.
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64, "num_hidden_layers": 61}, CacheShape(61 * 576)),
        ({"is_encoder_decoder": True}, None),
        ({"num_hidden_layers": 5000}, None),
        ({"num_hidden_layers": None}, None),
        ({"hidden_size": 2**31 - 1, "head_dim": 2**31 - 1}, None),
        ({"architectures": ["LlamaForSequenceClassification"]}, None),
    ],
)
def test_what_a_token_leaves_in_the_cache(changed: dict[str, Any], cache: CacheShape | None) -> None:
    assert from_config({**LLAMA, **changed}).cache == cache


GEMMA_270M = {
    "general.architecture": "gemma3",
    "gemma3.block_count": 18,
    "gemma3.embedding_length": 640,
    "gemma3.attention.head_count": 4,
    "gemma3.attention.head_count_kv": 1,
    "gemma3.attention.key_length": 256,
    "gemma3.attention.value_length": 256,
    "gemma3.attention.sliding_window": 512,
}


def of_gguf(**keys: Any) -> Facts:
    named = {name.replace("__", "."): value for name, value in keys.items()}
    return from_gguf(gguf_header.read(gguf({**GEMMA_270M, **named})))


@pytest.mark.parametrize(
    ("keys", "cache"),
    [
        ({}, CacheShape(3 * 512, 15 * 512, 512)),
        ({"gemma3.attention.sliding_window_pattern": 2}, CacheShape(9 * 512, 9 * 512, 512)),
        (
            {"gemma3.attention.sliding_window_pattern": [True] * 17 + [False]},
            CacheShape(512, 17 * 512, 512),
        ),
        ({"gemma3.attention.head_count_kv": [1, 0] * 9}, CacheShape(0, 9 * 512, 512)),
        ({"gemma3.attention.head_count_kv": [1, 2]}, CacheShape(3 * 4 * 512, 15 * 4 * 512, 512)),
        ({"gemma3.attention.shared_kv_layers": 6}, CacheShape(2 * 512, 10 * 512, 512)),
        (
            {"gemma3.attention.key_length_swa": 128, "gemma3.attention.value_length_swa": 128},
            CacheShape(3 * 512, 15 * 256, 512),
        ),
        ({"gemma3.attention.causal": False}, None),
        ({"general.architecture": "clip"}, None),
        ({"gemma3.block_count": 0}, None),
    ],
)
def test_a_gguf_header_tells_the_cache_layer_by_layer(keys: dict[str, Any], cache: CacheShape | None) -> None:
    assert of_gguf(**keys).cache == cache
