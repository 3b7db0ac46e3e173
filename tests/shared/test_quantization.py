from typing import Any

import pytest

from shared.quantization import (
    BITS_PER_WEIGHT,
    PREFERRED,
    Quantization,
    Ratings,
    by_preference,
    from_config,
    from_file_name,
    from_file_type,
    quality,
    ratings,
)


@pytest.mark.parametrize(
    ("path", "method", "bits"),
    [
        ("Qwen3-0.6B-Q4_K_M.gguf", "Q4_K_M", 4),
        ("qwen2.5-7b-instruct-q4_k_m.gguf", "Q4_K_M", 4),
        ("model.Q5_K_S.gguf", "Q5_K_S", 5),
        ("Qwen3-0.6B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", 4),
        ("Qwen3-0.6B-UD-IQ2_XXS.gguf", "UD-IQ2_XXS", 2),
        ("a-IQ4_NL.gguf", "IQ4_NL", 4),
        ("a-Q8_0.gguf", "Q8_0", 8),
        ("a-Q6_K.gguf", "Q6_K", 6),
        ("a-Q6_K_L.gguf", "Q6_K_L", 6),
        ("a-Q4_0_4_8.gguf", "Q4_0_4_8", 4),
        ("a-TQ1_0.gguf", "TQ1_0", 1),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4", 4),
        ("a-bf16.gguf", "BF16", 16),
        ("a-F16.gguf", "F16", 16),
        ("a-fp16.gguf", "F16", 16),
        ("a.f32.gguf", "F32", 32),
        ("Phi-3-mini-4k-instruct-q4.gguf", "Q4", 4),
        ("Mixtral-8x7B-Q3_K_L-00001-of-00003.gguf", "Q3_K_L", 3),
        ("UD-Q2_K_XL/DeepSeek-UD-Q2_K_XL-00001-of-00005.gguf", "UD-Q2_K_XL", 2),
    ],
)
def test_the_file_name_says_method_and_bits(path: str, method: str, bits: int) -> None:
    found = from_file_name(path)
    assert found
    assert (found.method, found.bits) == (method, bits)


def test_every_method_of_the_table_is_read_back_from_a_name() -> None:
    for method, bits_per_weight in BITS_PER_WEIGHT.items():
        found = from_file_name(f"some-model-7b-{method.lower()}.gguf")
        assert found
        assert (found.method, found.bits_per_weight) == (method, bits_per_weight)
        assert 0.9 * found.bits - 1 < bits_per_weight <= found.bits + 2, method


def test_the_folder_counts_where_the_file_says_nothing() -> None:
    found = from_file_name("BF16/model-00001-of-00002.gguf")
    assert found
    assert found.method == "BF16"


def test_the_last_word_of_a_name_counts() -> None:
    found = from_file_name("model-BF16-to-Q4_0.gguf")
    assert found
    assert found.method == "Q4_0"


@pytest.mark.parametrize(
    "path", ["", "/", "model.gguf", "Qwen3-8B.gguf", "XQ4_0.gguf", "a-IQ4_KS.gguf", "aF16b.gguf", "Q9_0.gguf"]
)
def test_a_name_that_says_nothing_has_no_quantization(path: str) -> None:
    assert from_file_name(path) is None


def best(*names: str) -> str:
    return min(names, key=lambda name: by_preference(from_file_name(name), len(name)))


def test_the_preferred_methods_come_first_in_their_order() -> None:
    names = [f"{method}.gguf" for method in PREFERRED]
    for at, name in enumerate(names):
        assert best("Q8_0.gguf", "IQ4_XS.gguf", "any.gguf", *reversed(names[at:])) == name


def test_else_the_nearest_to_four_and_a_half_bits_is_taken() -> None:
    assert best("BF16.gguf", "Q8_0.gguf", "Q5_K_M.gguf", "Q2_K.gguf") == "Q5_K_M.gguf"
    assert best("IQ4_XS.gguf", "Q5_K_M.gguf", "Q3_K_M.gguf") == "IQ4_XS.gguf"


def test_of_equals_the_smaller_is_taken_and_what_says_nothing_comes_last() -> None:
    assert best("long-name-F16.gguf", "F16.gguf", "BF16.gguf", "m") == "F16.gguf"
    assert best("longer", "long") == "long"


def test_a_header_says_the_method_by_llama_cpps_number() -> None:
    found = [from_file_type(number) for number in (0, 1, 7, 15, 30, 38)]
    assert [each and each.method for each in found] == ["F32", "F16", "Q8_0", "Q4_K_M", "IQ4_XS", "MXFP4_MOE"]
    assert from_file_type(1024 + 15) == from_file_type(15)
    for wrong in (4, 999, -1, True, None, "15", 15.0, [15]):
        assert from_file_type(wrong) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, Quantization("GPTQ", 4, 4.156)),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, Quantization("AWQ", 4, 4.312)),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, Quantization("GPTQ", 8, 8.0)),
        (
            {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
            Quantization("NF4", 4, 4.127),
        ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, Quantization("FP4", 4, 4.5)),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, Quantization("INT8", 8, 8.0)),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Quantization("FP8", 8, 8.0)),
        ({"quant_method": "mxfp4"}, Quantization("MXFP4", 4, 4.25)),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8}}}},
            Quantization("COMPRESSED-TENSORS", 8, 8.0),
        ),
        ({"quant_method": "new"}, None),
        ({"quant_method": "gptq", "bits": 10**9}, None),
        ({}, None),
        ("gptq", None),
        (None, None),
    ],
)
def test_the_configuration_says_method_and_bits(said: Any, expected: Quantization | None) -> None:
    assert from_config(said) == expected


# llama.cpp, tools/perplexity/README.md, “LLaMA 3 8b Scoreboard”: mean Kullback-Leibler divergence, without an
# importance matrix where there is such a row, else with one.
DIVERGENCE = {
    "F16": 0.000551,
    "Q8_0": 0.001355,
    "Q6_K": 0.005452,
    "Q5_K_M": 0.010762,
    "Q5_K_S": 0.016595,
    "Q5_1": 0.018045,
    "Q5_0": 0.022239,
    "Q4_K_M": 0.031273,
    "Q4_K_S": 0.043136,
    "IQ4_NL": 0.035742,
    "IQ4_XS": 0.036334,
    "Q4_1": 0.071683,
    "Q4_0": 0.071940,
    "Q3_K_L": 0.087176,
    "Q3_K_M": 0.101913,
    "IQ3_M": 0.102534,
    "IQ3_S": 0.111278,
    "IQ3_XS": 0.138693,
    "IQ3_XXS": 0.183625,
    "Q3_K_S": 0.228217,
    "IQ2_M": 0.325989,
    "Q2_K_S": 0.403360,
    "IQ2_S": 0.439197,
    "Q2_K": 0.445132,
    "IQ2_XS": 0.546290,
    "IQ2_XXS": 0.812022,
    "IQ1_M": 1.393084,
    "IQ1_S": 2.211278,
}


@pytest.mark.parametrize(("method", "divergence"), DIVERGENCE.items())
def test_the_quality_follows_the_published_divergence(method: str, divergence: float) -> None:
    found = from_file_name(f"{method}.gguf")
    assert found
    assert quality(found) == 5 - sum(divergence > limit for limit in (0.01, 0.025, 0.09, 0.25))


def test_two_bits_are_poor_whatever_else_is_in_the_file() -> None:
    found = from_file_name("Q2_K_XL.gguf")
    assert found
    assert quality(found) == 1


def test_ratings_are_the_catalogs_and_else_the_quality_by_rule() -> None:
    q4 = from_file_name("Q4_K_M.gguf")
    assert ratings(None) is None
    assert ratings(q4) == Ratings(None, None, 3)
    assert ratings(q4, {"speed": 5, "quality": 4}) == Ratings(5, None, 4)
    assert ratings(None, {"memory": 2}) == Ratings(None, 2, None)
