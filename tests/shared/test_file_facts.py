from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.file_facts import LARGEST_CONFIG, facts_of
from shared.model_facts import Facts
from tests import recorded
from tests.recorded import RECORDED, Recorded


def look(folder: Path, files: Mapping[str, bytes]) -> Facts:
    """What these files say, once they lie in a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return facts_of(folder, files)


@pytest.mark.parametrize("repository", RECORDED, ids=lambda each: each.repo)
def test_every_kind_of_repository_says_what_it_is(tmp_path: Path, repository: Recorded) -> None:
    found = look(tmp_path, repository.files())
    assert found.architecture
    assert found.hidden_size
    assert found.layers
    assert found.parameter_count


def test_a_set_of_parts_is_one_model_and_its_tensors_are_counted_together(tmp_path: Path) -> None:
    files = {name: data for name, data in recorded.LLAMA_70B_SHARDED.contents.items() if "Q8_0" in name}
    found = look(tmp_path, files)
    assert (found.layers, found.parameter_count) == (80, 2 * 8192)
    assert found.quantization is not None
    assert found.quantization.method == "Q8_0"


def test_a_part_that_cannot_be_read_leaves_the_sums_open(tmp_path: Path) -> None:
    files = {name: data for name, data in recorded.LLAMA_70B_SHARDED.contents.items() if "Q8_0" in name}
    last = max(files)
    found = look(tmp_path, files | {last: b"GGUF and then nothing"})
    assert (found.layers, found.parameter_count, found.weights_bytes) == (80, None, None)


def test_several_quantizations_of_one_model_have_its_dimensions_and_no_size(tmp_path: Path) -> None:
    found = look(tmp_path, recorded.QWEN3_GGUF.contents)
    assert (found.layers, found.hidden_size) == (36, 4096)
    assert (found.quantization, found.weights_bytes) == (None, None)


def test_shards_of_safetensors_are_counted_together_and_other_forms_of_them_not(tmp_path: Path) -> None:
    small = recorded.safetensors({"w": ("BF16", [4096])})
    found = look(
        tmp_path,
        recorded.GATED_LLAMA.files()
        | {
            "consolidated.safetensors": small,
            "onnx/model.safetensors": small,
            "original/model.safetensors": small,
        },
    )
    assert found.parameter_count == 4 * 4096
    assert (found.dtype, found.kv_heads, found.is_generative) == ("bfloat16", 8, True)


@pytest.mark.parametrize(
    "config",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"hidden_size": ' + b"9" * 5000 + b"}", b'{"a":"\xff"}'],
    ids=["empty", "a list", "cut", "deep", "a huge number", "no text"],
)
def test_a_configuration_that_is_none_says_nothing(tmp_path: Path, config: bytes) -> None:
    assert look(tmp_path, {"config.json": config}) == Facts()


def test_a_configuration_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    padded = b'{"hidden_size": 8, "x": "' + b"x" * LARGEST_CONFIG + b'"}'
    assert look(tmp_path, {"config.json": padded}) == Facts()


def test_files_that_are_listed_and_not_there_say_nothing(tmp_path: Path) -> None:
    assert facts_of(tmp_path, ["config.json", "model.safetensors"]) == Facts()
    assert facts_of(tmp_path, ["a-Q4_0.gguf"]) == Facts()
