import json
from dataclasses import fields
from typing import Any

import pytest

from shared import gguf_header, model_facts, safetensors_header
from shared.dimensions import CacheShape
from shared.model_facts import Facts, from_config, from_gguf, from_hub, from_safetensors, merged
from shared.quantization import Quantization
from tests import recorded
from tests.recorded import RECORDED, Recorded, Words, gguf, safetensors


def facts_of(repository: Recorded) -> Facts:
    """Of everything that the Hub has of it, in the order in which it is asked."""
    found = from_hub(repository.info, repository.repo)
    if repository.config is not None:
        found = merged(found, from_config(repository.config))
    for name, content in repository.contents.items():
        if name.endswith(".gguf"):
            return merged(found, from_gguf(gguf_header.read(content)))
    return found


EXPECTED: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-8B-GGUF": {
        "architecture": "qwen3",
        "family": "Qwen",
        "parameter_count": 8190735360,
        "quantization": Quantization("Q4_K_M", 4, 4.89),
        "context_length": 40960,
        "hidden_size": 4096,
        "layers": 36,
        "heads": 32,
        "kv_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "cache": CacheShape(36 * 8 * 256),
        "is_generative": True,
        "license": "apache-2.0",
        "base_model": "Qwen/Qwen3-8B",
        "requires_trust_remote_code": False,
    },
    "bartowski/Meta-Llama-3.1-70B-Instruct-GGUF": {
        "architecture": "llama",
        "family": "Llama",
        "parameter_count": 70553706560,
        "context_length": 131072,
        "hidden_size": 8192,
        "layers": 80,
        "heads": 64,
        "kv_heads": 8,
        "head_dim": 128,
        "vocab_size": 128256,
        "is_generative": True,
        "license": "llama3.1",
        "base_model": "meta-llama/Meta-Llama-3.1-70B-Instruct",
    },
    "meta-llama/Llama-3.1-8B-Instruct": {
        "architecture": "LlamaForCausalLM",
        "family": "Llama",
        "parameter_count": 8030261248,
        "quantization": None,
        "dtype": "bfloat16",
        "context_length": 131072,
        "hidden_size": 4096,
        "layers": 32,
        "heads": 32,
        "kv_heads": 8,
        "head_dim": 128,
        "vocab_size": 128256,
        "has_own_output": True,
        "is_generative": True,
        "license": "llama3.1",
        "requires_trust_remote_code": False,
    },
    "sentence-transformers/all-MiniLM-L6-v2": {
        "architecture": "BertModel",
        "family": "BERT",
        "parameter_count": 22713728,
        "dtype": "float32",
        "context_length": 512,
        "hidden_size": 384,
        "layers": 6,
        "heads": 12,
        "kv_heads": 12,
        "head_dim": 32,
        "vocab_size": 30522,
        "cache": None,
        "is_generative": False,
        "license": "apache-2.0",
    },
    "nomic-ai/nomic-embed-text-v1.5": {
        "architecture": "NomicBertModel",
        "family": "BERT",
        "parameter_count": 136731648,
        "context_length": 8192,
        "hidden_size": 768,
        "layers": 12,
        "heads": 12,
        "head_dim": 64,
        "vocab_size": 30528,
        "is_generative": False,
        "requires_trust_remote_code": True,
    },
    "opensearch-project/opensearch-neural-sparse-encoding-v2-distill": {
        "architecture": "DistilBertForMaskedLM",
        "family": "BERT",
        "parameter_count": 66985530,
        "hidden_size": 768,
        "layers": 6,
        "heads": 12,
        "vocab_size": 30522,
        "is_generative": False,
    },
    "gpt2": {
        "architecture": "GPT2LMHeadModel",
        "family": "GPT-2",
        "parameter_count": 137022720,
        "context_length": 1024,
        "hidden_size": 768,
        "layers": 12,
        "heads": 12,
        "kv_heads": 12,
        "head_dim": 64,
        "vocab_size": 50257,
        "cache": CacheShape(12 * 2 * 768),
        "has_own_output": False,
        "is_generative": True,
        "license": "mit",
    },
}


@pytest.mark.parametrize("repository", RECORDED, ids=lambda each: each.repo)
def test_what_is_known_of_a_real_repository(repository: Recorded) -> None:
    found = facts_of(repository)
    expected = EXPECTED[repository.repo]
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_gguf_header_tells_what_a_page_tells() -> None:
    found = from_gguf(
        gguf_header.read(
            gguf(
                {
                    "general.architecture": "gemma3",
                    "general.license": "other",
                    "general.license.name": "gemma",
                    "general.tags": ["text-generation"],
                    "general.base_model.0.repo_url": "https://hub.example/google/gemma-3-270m",
                }
            )
        )
    )
    assert (found.license, found.tags, found.base_model) == (
        "gemma",
        ("text-generation",),
        "google/gemma-3-270m",
    )
    assert found.requires_trust_remote_code is False


def test_a_part_of_several_counts_its_own_tensors() -> None:
    first, second = (
        from_gguf(gguf_header.read(content))
        for name, content in recorded.LLAMA_70B_SHARDED.contents.items()
        if "Q8_0" in name
    )
    assert (first.parameter_count, second.parameter_count) == (8192, 8192)
    assert (first.weights_bytes, second.weights_bytes) == (4 * 8192, 4 * 8192)
    assert (first.layers, second.layers) == (80, None)
    empty = from_gguf(gguf_header.read(gguf({"general.size_label": "70B", "split.count": 2})))
    assert empty.parameter_count == 0


def test_without_the_table_of_tensors_the_label_tells_the_size() -> None:
    content = gguf({"general.size_label": "8B", "tokenizer.ggml.tokens": Words(50)}, {"a": (0, [8])})
    assert from_gguf(gguf_header.read(content)).parameter_count == 8
    assert from_gguf(gguf_header.read(content[:-1])).parameter_count == 8_000_000_000


@pytest.mark.parametrize(
    ("label", "parameters"),
    [
        ("2.5B", 2_500_000_000),
        ("350M", 350_000_000),
        ("20k", 20_000),
        ("8x7B", 56_000_000_000),
        ("1T", 10**12),
        (" 7B ", 7_000_000_000),
        ("7", None),
        ("B", None),
        ("1e9B", None),
        ("9" * 400 + "B", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_a_label_of_the_size_is_read(label: Any, parameters: int | None) -> None:
    assert model_facts.parameters_of_label(label) == parameters


def of_tensors(**tensors: tuple[str, list[int]]) -> Facts:
    named = {name.replace("__", "."): each for name, each in tensors.items()}
    return from_safetensors(safetensors_header.read(safetensors(named)))


def test_tensors_tell_parameters_type_and_words() -> None:
    found = of_tensors(
        model__embed_tokens__weight=("BF16", [100, 8]), lm_head__weight=("BF16", [100, 8]), norm=("F32", [8])
    )
    assert (found.parameter_count, found.dtype, found.weights_bytes) == (1608, "bfloat16", 3232)
    assert (found.vocab_size, found.hidden_size, found.has_own_output) == (100, 8, True)


def test_packed_weights_are_no_count_of_parameters() -> None:
    found = of_tensors(qweight=("I32", [64, 64]), scales=("F16", [64, 4]))
    assert (found.parameter_count, found.dtype, found.weights_bytes) == (None, None, 4 * 4096 + 2 * 256)
    info = {"safetensors": {"parameters": {"I32": 10**9, "F16": 10**8}, "total": 11 * 10**8}}
    assert from_hub(info, "o/n").parameter_count is None


def test_what_the_first_says_counts() -> None:
    a = Facts(layers=1, tags=("a",), requires_trust_remote_code=False, parameter_count=0)
    b = Facts(layers=2, heads=3, tags=("b",), requires_trust_remote_code=True, parameter_count=7)
    expected = Facts(layers=1, heads=3, tags=("a",), requires_trust_remote_code=False, parameter_count=0)
    assert merged(a, b) == expected
    assert merged(Facts(), a) == a
    assert merged() == Facts()


@pytest.mark.parametrize("repository", RECORDED, ids=lambda each: each.repo)
def test_facts_come_back_from_json_as_they_went(repository: Recorded) -> None:
    found = facts_of(repository)
    said = json.loads(json.dumps(model_facts.as_json(found)))
    assert model_facts.from_json(said) == found
    assert model_facts.from_json({**said, "unheard_of": 1}) == found
    assert None not in said.values()


def test_nothing_known_is_nothing_written() -> None:
    assert model_facts.as_json(Facts()) == {}
    assert model_facts.from_json(None) == model_facts.from_json({}) == Facts()


WRONG = (None, True, -1, 2**70, 1.5, float("nan"), "", "x\x00\x1b[2J", [], [[]], {}, {"x": 1}, [1] * 10)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_value_of_the_wrong_form_counts_as_not_said(wrong: Any) -> None:
    config = recorded.GATED_LLAMA.config
    assert config is not None
    deep: dict[str, Any] = {"text_config": {"text_config": {"text_config": wrong}}}
    keys = [
        *config,
        "quantization_config",
        "layer_types",
        "sliding_window",
        "attn_config",
        "auto_map",
        "dtype",
    ]
    hostile = dict.fromkeys(keys, wrong) | deep
    info = dict.fromkeys([*recorded.GATED_LLAMA.info, "gguf", "baseModels"], wrong)
    for found in (
        from_config(dict.fromkeys(keys, wrong)),
        from_config(hostile),
        from_hub(info, "o/n"),
        from_hub({name: {"total": wrong, "parameters": {"F32": wrong}} for name in info}, "o/n"),
    ):
        assert found.layers is None
        assert found.parameter_count is None
        assert found.cache is None
        for each in fields(found):
            value = getattr(found, each.name)
            assert not isinstance(value, str) or value.isprintable()
        json.dumps(model_facts.as_json(found), allow_nan=False)
