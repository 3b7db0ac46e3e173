import pytest

from shared.quantization import BITS_PER_WEIGHT, PREFERRED, by_preference, from_file_name


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
