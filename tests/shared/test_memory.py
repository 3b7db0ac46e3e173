from dataclasses import dataclass
from typing import Any

import pytest

from shared import gguf_header, model_facts
from shared.dimensions import CacheShape
from shared.memory import (
    CacheType,
    Estimate,
    PrecisionSize,
    context_for,
    estimate,
    kv_cache_bytes,
    precisions,
)
from shared.model_facts import Facts
from shared.quantization import BITS_PER_WEIGHT, Quantization
from tests import recorded
from tests.recorded import gguf

MIB = 1 << 20
GIB = 1 << 30


def of_config(**config: Any) -> Facts:
    return model_facts.from_config({"architectures": ["XForCausalLM"], **config})


def decoder(hidden: int, layers: int, heads: int, kv_heads: int, vocab: int = 0) -> Facts:
    return of_config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=128,
        vocab_size=vocab,
    )


LLAMA_8B = decoder(4096, 32, 32, 8, 128256)
LLAMA_70B = decoder(8192, 80, 64, 8, 128256)
QWEN25_3B = decoder(2048, 36, 16, 2, 151936)
GPT_OSS_20B = of_config(
    hidden_size=2880,
    num_hidden_layers=24,
    num_attention_heads=64,
    num_key_value_heads=8,
    head_dim=64,
    vocab_size=201088,
    sliding_window=128,
    layer_types=["sliding_attention", "full_attention"] * 12,
)
# As its GGUF header has it: for each layer its own heads, and keys of another length in the sliding ones.
GEMMA4_12B = model_facts.from_gguf(
    gguf_header.read(
        gguf(
            {
                "general.architecture": "gemma4",
                "gemma4.block_count": 48,
                "gemma4.embedding_length": 3840,
                "gemma4.attention.head_count": 16,
                "gemma4.attention.head_count_kv": [8, 8, 8, 8, 8, 1] * 8,
                "gemma4.attention.key_length": 512,
                "gemma4.attention.value_length": 512,
                "gemma4.attention.key_length_swa": 256,
                "gemma4.attention.value_length_swa": 256,
                "gemma4.attention.sliding_window": 1024,
                "gemma4.attention.sliding_window_pattern": [True, True, True, True, True, False] * 8,
            }
        )
    )
)
QWEN36_27B = model_facts.from_gguf(
    gguf_header.read(
        gguf(
            {
                "general.architecture": "qwen35",
                "qwen35.block_count": 64,
                "qwen35.embedding_length": 5120,
                "qwen35.attention.head_count": 24,
                "qwen35.attention.head_count_kv": 4,
                "qwen35.attention.key_length": 256,
                "qwen35.attention.value_length": 256,
                "qwen35.full_attention_interval": 4,
            }
        )
    )
)
DEEPSEEK_V3 = of_config(
    num_hidden_layers=61, num_attention_heads=128, hidden_size=7168, kv_lora_rank=512, qk_rope_head_dim=64
)


@dataclass(frozen=True)
class Published:
    """A figure that somebody else published, in bytes, and how far from it we may be."""

    facts: Facts
    tokens: int
    figure: float
    off: float = 0.001
    cache_type: CacheType = CacheType.F16


# Logs round to 1/100 MiB, the blog to three digits.
KV_CACHES = {
    # Hugging Face's blog on Llama 3.1 (llama31), “Inference Memory Requirements”; its k is 1,000.
    "Llama 3.1 8B, 16k": Published(LLAMA_8B, 16_000, 1.95 * GIB, off=0.003),
    "Llama 3.1 8B, 128k": Published(LLAMA_8B, 128_000, 15.62 * GIB),
    "Llama 3.1 70B, 128k": Published(LLAMA_70B, 128_000, 39.06 * GIB),
    # llama.cpp's log of its default model in fedora-copr/logdetective, pull request 106.
    "Mistral 7B v0.2": Published(decoder(4096, 32, 32, 8), 32768, 4096 * MIB),
    # llama.cpp's log in SciSharp/LLamaSharp, issue 1099.
    "Qwen2.5 3B": Published(QWEN25_3B, 4096, 144 * MIB),
    # llama.cpp's log in ggml-org/llama.cpp, issue 11200.
    "Qwen2.5 Coder 32B, q8_0": Published(decoder(5120, 64, 40, 8), 32768, 4352 * MIB, 0.001, CacheType.Q8_0),
    # llama.cpp's logs of gpt-oss-20b at its full context: 3,072 MiB, and 18 MiB for the sliding layers.
    "gpt-oss 20B": Published(GPT_OSS_20B, 131072, 3090 * MIB),
    # llama.cpp's log of gemma-4-12B: 136 MiB, and 255 MiB for the sliding layers.
    "Gemma 4 12B, q8_0": Published(GEMMA4_12B, 16384, 391 * MIB, 0.001, CacheType.Q8_0),
    # llama.cpp's log of Qwen3.6-27B, of whose layers every fourth keeps keys and values.
    "Qwen3.6 27B, q8_0": Published(QWEN36_27B, 172032, 5712 * MIB, 0.001, CacheType.Q8_0),
    # ikawrakow/ik_llama.cpp, pull request 235, of DeepSeek-R1; “Insights into DeepSeek-V3” (2025), table 1.
    "DeepSeek R1": Published(DEEPSEEK_V3, 32768, 2196 * MIB),
    "DeepSeek V3, a token": Published(DEEPSEEK_V3, 1, 70_272),
    # Kwon et al., “PagedAttention”, section 3: 800 KB a token.
    "OPT 13B, a token": Published(decoder(5120, 40, 40, 40), 1, 800 * 1024),
}


@pytest.mark.parametrize("published", KV_CACHES.values(), ids=list(KV_CACHES))
def test_the_cache_is_what_was_published(published: Published) -> None:
    found = kv_cache_bytes(published.facts, published.tokens, published.cache_type)
    assert found == pytest.approx(published.figure, rel=published.off)


# What llama.cpp's logs call the compute buffer, with flash attention.
OVERHEADS = {
    # Many logs at up to 2,048 tokens, as of llama-cpp-python.
    "Llama 3 8B": Published(LLAMA_8B, 2048, 258.5 * MIB),
    "Qwen2.5 3B": Published(QWEN25_3B, 4096, 300.75 * MIB),
    # JamePeng/llama-cpp-python, pull request 1.
    "Qwen2.5 7B": Published(decoder(3584, 28, 28, 4, 152064), 2048, 304 * MIB),
    # 396 (CANN), 420 (Metal) and 457 MiB (CUDA): experts take something besides.
    "gpt-oss 20B": Published(GPT_OSS_20B, 131072, 420 * MIB, off=0.15),
}


@pytest.mark.parametrize("published", OVERHEADS.values(), ids=list(OVERHEADS))
def test_the_overhead_is_what_was_published(published: Published) -> None:
    found = estimate(0, published.facts, context_length=published.tokens)
    assert found.overhead_bytes == pytest.approx(published.figure, rel=published.off)


@pytest.mark.parametrize(
    ("parameters", "published"),
    # llama.cpp, tools/quantize: “Memory/Disk Requirements” of Llama 3.1 in Q4_K_M, GB.
    [(8_030_261_248, 4.9e9), (70_553_706_496, 43.1e9), (405_853_388_800, 249.1e9)],
)
def test_the_bits_of_a_method_give_the_published_sizes(parameters: int, published: float) -> None:
    assert parameters * BITS_PER_WEIGHT["Q4_K_M"] / 8 == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(
    ("facts", "parameters", "published"),
    # The same blog's table of weights, in GB, is of the round numbers in the models' names.
    [(LLAMA_8B, 8_030_261_248, 16e9), (LLAMA_70B, 70_553_706_496, 140e9)],
)
def test_sixteen_bits_give_the_published_sizes(facts: Facts, parameters: int, published: float) -> None:
    found = precisions(model_facts.merged(Facts(parameter_count=parameters), facts))
    assert found["fp16"].weights_bytes == pytest.approx(published, rel=0.01)


def test_four_and_eight_bits_leave_the_embeddings_and_the_output_alone() -> None:
    config = recorded.GATED_LLAMA.config
    assert config
    facts = model_facts.merged(
        model_facts.from_hub(recorded.GATED_LLAMA.info, "o/n"), model_facts.from_config(config)
    )
    words = 128256 * 4096
    rest = 8030261248 - 2 * words
    q4, q8 = round(rest * 4.127 / 8) + 4 * words, rest + 4 * words
    fp16 = 2 * 8030261248
    expected = {"q4": q4, "q8": q8, "fp16": fp16}
    assert precisions(facts) == {name: PrecisionSize(size, size) for name, size in expected.items()}
    assert q4 < q8 < fp16
    tied = model_facts.merged(Facts(has_own_output=False), facts)
    assert precisions(tied)["q8"].weights_bytes == 8030261248 + words


def test_without_the_size_of_the_vocabulary_everything_counts_as_quantized() -> None:
    found = precisions(Facts(parameter_count=1000))
    assert found == {
        "q4": PrecisionSize(516, 516),
        "q8": PrecisionSize(1000, 1000),
        "fp16": PrecisionSize(2000, 2000),
    }


def test_embeddings_are_never_more_than_all_parameters() -> None:
    found = precisions(Facts(parameter_count=100, vocab_size=1000, hidden_size=10))
    assert {size.weights_bytes for size in found.values()} == {200}


@pytest.mark.parametrize(
    "facts",
    [
        Facts(),
        Facts(parameter_count=0),
        Facts(parameter_count=1000, quantization=Quantization("GPTQ", 4, 4.2)),
    ],
)
def test_what_is_quantized_or_not_counted_has_no_precisions(facts: Facts) -> None:
    assert precisions(facts) == {}


def test_an_estimate_is_the_sum_of_its_parts() -> None:
    found = estimate(5 * GIB, LLAMA_8B, context_length=8192)
    assert found.kv_cache_bytes == GIB
    assert found.total_bytes == 5 * GIB + GIB + found.overhead_bytes
    assert found.unknown == ()


def test_who_asks_for_no_length_gets_what_the_model_takes() -> None:
    assert context_for(Facts()) == context_for(Facts(context_length=131072)) == 8192
    assert context_for(Facts(context_length=512)) == 512
    short = model_facts.merged(Facts(context_length=1024), LLAMA_8B)
    assert estimate(0, short).kv_cache_bytes == 128 * MIB
    assert estimate(0, short, context_length=2048).kv_cache_bytes == 256 * MIB


def test_a_quantized_cache_has_llama_cpps_blocks() -> None:
    sizes = {kind: kv_cache_bytes(LLAMA_8B, 1024, kind) for kind in CacheType}
    assert sizes == {CacheType.F16: 128 * MIB, CacheType.Q8_0: 68 * MIB, CacheType.Q4_0: 36 * MIB}


def test_a_window_counts_only_up_to_the_length() -> None:
    facts = Facts(is_generative=True, cache=CacheShape(16, 32, 1000))
    assert kv_cache_bytes(facts, 100) == 2 * (16 * 100 + 32 * 100)
    assert kv_cache_bytes(facts, 10_000) == 2 * (16 * 10_000 + 32 * 1536)  # 1,000 + 512, rounded up


def test_sizes_suffice_where_nobody_says_more_of_the_cache() -> None:
    assert kv_cache_bytes(Facts(layers=32, kv_heads=8, head_dim=128), 8192) == GIB


@pytest.mark.parametrize("repository", [recorded.EMBEDDING, recorded.SPLADE, recorded.REMOTE_CODE])
def test_encoders_keep_no_cache_and_take_a_fifth(repository: recorded.Recorded) -> None:
    assert repository.config
    facts = model_facts.from_config(repository.config)
    assert estimate(1000, facts) == Estimate(1000, 0, 200, 1200, ())


def test_what_is_not_known_is_named() -> None:
    assert estimate(1000, Facts()) == Estimate(1000, None, 200, 1200, ("kvCache", "overhead"))
    assert estimate(1000, Facts(vocab_size=1, hidden_size=1)).unknown == ("kvCache",)
    assert estimate(1000, Facts(layers=1, kv_heads=1, head_dim=1)).unknown == ("overhead",)
