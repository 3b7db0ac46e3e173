import pytest

from shared.errors import UnsafeFormat
from shared.formats import refuse_unsafe, unsafe_files


def test_pickles_are_known_by_their_names_whatever_the_case() -> None:
    names = [
        "a.safetensors",
        "pytorch_model.bin",
        "x/Model.PT",
        "w.ckpt",
        "m.gguf",
        "bin",
        "a.bin.json",
        "s.pkl",
    ]
    assert unsafe_files(names) == ["pytorch_model.bin", "x/Model.PT", "w.ckpt", "s.pkl"]


def test_a_refusal_names_a_few_and_what_to_do() -> None:
    refuse_unsafe(["model.safetensors", "config.json"])
    with pytest.raises(UnsafeFormat, match=r"a0\.bin, a1\.bin, a2\.bin and 27 more") as refused:
        refuse_unsafe([f"a{number}.bin" for number in range(30)])
    assert len(refused.value.facts["files"]) == 20
    assert "ignorePatterns" in refused.value.advice
