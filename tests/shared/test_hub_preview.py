import hashlib
from typing import Any

import pytest

from shared import hub_preview
from shared.hub import RemoteFile
from shared.hub_preview import RepoPreview, Variant

COMMIT = "0" * 40


def files(*paths: str, **sizes: int) -> list[RemoteFile]:
    oids = [hashlib.sha256(path.encode()).hexdigest() for path in paths]
    return [
        RemoteFile(path, sizes.get(path.partition(".")[0], 10 + at), oid, True)
        for at, (path, oid) in enumerate(zip(paths, oids, strict=True))
    ]


def read(repo: str = "owner/name", **info: Any) -> RepoPreview:
    return hub_preview.read(info, repo=repo, revision="main", commit=COMMIT, files=[])


def variants(*paths: str) -> dict[str | None, Variant]:
    found, _ = hub_preview.choices(files(*paths))
    return {variant.filename: variant for variant in found}


def extras(*paths: str) -> dict[str, str]:
    _, found = hub_preview.choices(files(*paths))
    return {extra.filename: extra.kind for extra in found}


def test_projectors_and_matrices_are_told_from_weights() -> None:
    weights = ("a-Q4_0.gguf", "b-Q4_0-imatrix.gguf", "C.GGUF")
    others = {
        "mmproj-F16.gguf": "projector",
        "x/Model-mmproj-BF16.gguf": "projector",
        "imatrix_unsloth.dat": "imatrix",
        "Model-imatrix.gguf": "imatrix",
        "UD-Q4_K_XL/imatrix.gguf": "imatrix",
        "model.imatrix": "imatrix",
    }
    everything = (*weights, *others, "README.md", "imatrix.md", "config.json")
    assert set(variants(*everything)) == set(weights)
    assert extras(*everything) == others


def test_a_set_of_parts_is_one_choice_and_an_incomplete_one_is_none() -> None:
    found = variants(
        "q8/m-Q8_0-00002-of-00002.gguf",
        "q8/m-Q8_0-00001-of-00002.gguf",
        "m-Q4_0-00001-of-00003.gguf",
        "m-Q4_0-00003-of-00003.gguf",
        "m-F16-00000-of-00001.gguf",
        "m-Q2_K-1-of-2.gguf",
    )
    assert set(found) == {"q8/m-Q8_0-00001-of-00002.gguf", "m-Q2_K-1-of-2.gguf"}
    assert found["q8/m-Q8_0-00001-of-00002.gguf"].size_bytes == 10 + 11


def test_a_blob_under_two_names_is_downloaded_once_and_counts_once() -> None:
    twice = [RemoteFile(path, 7, "a" * 64, True) for path in ("a.bin", "b.bin")]
    preview = hub_preview.read({}, repo="o/n", revision="main", commit=COMMIT, files=twice)
    assert (preview.total_bytes, preview.file_count) == (7, 2)
    assert [variant.size_bytes for variant in preview.variants] == [7]


def test_a_single_choice_needs_no_recommendation_and_several_have_one() -> None:
    assert [v.recommended for v in variants("a-Q4_K_M.gguf").values()] == [False]
    assert [v.recommended for v in variants("config.json", "model.safetensors").values()] == [False]
    several = variants("a.gguf", "b.gguf", "c.gguf")
    assert [name for name, v in several.items() if v.recommended] == ["a.gguf"]


def test_an_empty_repository_has_nothing_to_choose() -> None:
    assert hub_preview.choices([]) == ((), ())


@pytest.mark.parametrize(
    ("info", "license_"),
    [
        ({"cardData": {"license": "mit"}}, "mit"),
        ({"cardData": {"license": ["mit", "apache-2.0"]}}, "mit"),
        ({"cardData": {"license": "other", "license_name": "qwen"}}, "qwen"),
        ({"cardData": {"license": "other"}}, "other"),
        ({"tags": ["gguf", "license:llama3"]}, "llama3"),
        ({"cardData": {"license": 7}, "tags": "license:mit"}, "mit"),
        ({}, None),
    ],
)
def test_the_license_is_the_cards_else_the_tags(info: dict[str, Any], license_: str | None) -> None:
    assert read(**info).license == license_


@pytest.mark.parametrize(
    "info",
    [
        {"baseModels": {"relation": "quantized", "models": [{"_id": "1", "id": "Qwen/Qwen3-0.6B"}]}},
        {"baseModels": ["Qwen/Qwen3-0.6B"]},
        {"baseModels": [{"id": "Qwen/Qwen3-0.6B"}]},
        {"cardData": {"base_model": "Qwen/Qwen3-0.6B"}},
        {"cardData": {"base_model": ["Qwen/Qwen3-0.6B", "other/one"]}},
        {"baseModels": {"models": [7, None]}, "cardData": {"base_model": ["Qwen/Qwen3-0.6B"]}},
    ],
)
def test_the_base_model_is_found_in_each_form_that_the_hub_gives_it(info: dict[str, Any]) -> None:
    assert read(**info).base_model == "Qwen/Qwen3-0.6B"


@pytest.mark.parametrize(
    ("repo", "info", "family"),
    [
        ("o/n", {"config": {"model_type": "qwen2_moe"}}, "Qwen"),
        ("o/n", {"gguf": {"architecture": "gemma3"}}, "Gemma"),
        ("o/n", {"config": {"architectures": ["GptOssForCausalLM"]}}, "gpt-oss"),
        ("o/n", {"config": {"model_type": "xlm-roberta"}}, "RoBERTa"),
        ("o/DeepSeek-R1-Distill-Qwen-7B", {"config": {"model_type": "qwen2"}}, "Qwen"),
        ("o/Meta-Llama-3.1-8B-GGUF", {}, "Llama"),
        ("o/Qwen2.5-7B", {"config": {"model_type": "unheard-of"}}, "Qwen"),
        ("o/gpt-oss-20b-GGUF", {}, "gpt-oss"),
        ("o/Phind-34B", {}, None),
        ("o/n", {}, None),
    ],
)
def test_the_family_follows_the_architecture_then_the_name(
    repo: str, info: dict[str, Any], family: str | None
) -> None:
    assert read(repo, **info).family == family


@pytest.mark.parametrize(
    ("said", "gated"),
    [
        (False, False),
        (None, False),
        ("", False),
        (7, False),
        ([], False),
        (True, "auto"),
        ("auto", "auto"),
        ("manual", "manual"),
        ("new", "auto"),
    ],
)
def test_the_gate_is_one_of_three(said: Any, gated: Any) -> None:
    assert read(gated=said).gated == gated


def test_texts_become_one_clean_line() -> None:
    preview = read(cardData={"summary": " a\x1b[31m\n\tb\u0085 \ud800c\x00 "}, tags=["\x00", "x" * 300, "ok"])
    assert preview.description == "a[31m b c"
    assert preview.tags == ("x" * 255, "ok")
