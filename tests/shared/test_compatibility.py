from typing import Any

import pytest

from shared import model_facts
from shared.compatibility import Verdict, check, is_compatible
from shared.dimensions import CacheShape
from shared.model_facts import Facts
from shared.quantization import Quantization
from shared.tables import Category, Model, ModelSource

QWEN = Facts(
    architecture="qwen3",
    family="Qwen",
    parameter_count=596_049_920,
    quantization=Quantization("Q4_K_M", 4, 4.89),
    context_length=40_960,
    hidden_size=1024,
    vocab_size=151_936,
    license="apache-2.0",
    requires_trust_remote_code=False,
)


def model(facts: Facts = QWEN, **columns: Any) -> Model:
    here = {"downloaded": True, "category": Category.LLM, "model_file": "Qwen3-0.6B-Q4_K_M.gguf"}
    return Model(source=ModelSource.HUGGINGFACE, facts=model_facts.as_json(facts), **here | columns)


def verdict(of: Model, **requirements: Any) -> Verdict:
    (only,) = check(of, requirements)
    return only.verdict


@pytest.mark.parametrize(
    ("met", "unmet"),
    [
        ({"downloaded": True}, {"downloaded": False}),
        ({"category": Category.LLM}, {"category": Category.EMBEDDING}),
        ({"architectures": ["llama", "Qwen3"]}, {"architectures": ["llama"]}),
        ({"families": ["qwen"]}, {"families": ["Llama"]}),
        ({"quantizations": ["q4_k_m", "Q8_0"]}, {"quantizations": ["Q8_0"]}),
        ({"formats": ["GGUF"]}, {"formats": ["safetensors"]}),
        ({"licenses": ["MIT", "Apache-2.0"]}, {"licenses": ["mit"]}),
        ({"hidden_size": 1024}, {"hidden_size": 1025}),
        ({"vocab_size": 151_936}, {"vocab_size": 32_000}),
        ({"min_context_length": 40_960}, {"min_context_length": 40_961}),
        ({"min_parameter_count": 596_049_920}, {"min_parameter_count": 600_000_000}),
        ({"max_parameter_count": 596_049_920}, {"max_parameter_count": 500_000_000}),
        ({"allow_remote_code": False}, None),
    ],
)
def test_each_requirement_is_met_or_not(met: dict[str, Any], unmet: dict[str, Any] | None) -> None:
    assert verdict(model(), **met) is Verdict.MET
    assert unmet is None or verdict(model(), **unmet) is Verdict.UNMET


def test_what_is_not_known_of_a_model_is_neither_met_nor_unmet() -> None:
    unknown = model(Facts())
    for asked in ({"min_context_length": 1}, {"licenses": ["mit"]}, {"allow_remote_code": False}):
        assert verdict(unknown, **asked) is Verdict.UNKNOWN


def test_a_model_that_needs_remote_code_is_nothing_for_who_runs_none() -> None:
    needs = model(Facts(requires_trust_remote_code=True))
    assert verdict(needs, allow_remote_code=False) is Verdict.UNMET
    assert verdict(needs, allow_remote_code=True) is Verdict.MET


def test_memory_is_judged_at_the_context_that_is_asked_for() -> None:
    facts = Facts(
        weights_bytes=4_000_000_000,
        layers=32,
        heads=32,
        kv_heads=8,
        head_dim=128,
        hidden_size=4096,
        vocab_size=128_256,
        context_length=131_072,
        is_generative=True,
        cache=CacheShape(32 * 8 * 128 * 2),
    )
    short = {"max_memory_bytes": 6_000_000_000, "context_length": 4096}
    assert verdict(model(facts), **short) is Verdict.MET
    # 128 KiB a token: 16 GiB more.
    assert verdict(model(facts), **short | {"context_length": 131_072}) is Verdict.UNMET


def test_memory_of_which_a_part_is_not_known_is_not_judged() -> None:
    without_dimensions = Facts(weights_bytes=4_000_000_000, is_generative=True)
    assert verdict(model(without_dimensions), max_memory_bytes=10**12) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("columns", "formats"),
    [
        ({"model_file": None, "manifest": None}, None),
        (
            {"model_file": None, "manifest": {"files": [{"path": "a.safetensors"}, {"path": "b.md"}]}},
            ["safetensors"],
        ),
        ({"source": ModelSource.PATH, "model_file": None, "local_path": "/srv/a.GGUF"}, ["gguf"]),
    ],
)
def test_the_format_is_read_from_the_files_names(columns: dict[str, Any], formats: list[str] | None) -> None:
    of = model()
    for name, value in columns.items():
        setattr(of, name, value)
    (only,) = check(of, {"formats": ["gguf"]})
    assert only.actual == formats


def test_one_unmet_requirement_decides_and_else_one_unknown() -> None:
    met, unmet, unknown = {"category": Category.LLM}, {"hidden_size": 1}, {"max_memory_bytes": 1}
    assert is_compatible(check(model(), met)) is True
    assert is_compatible(check(model(Facts()), met | unknown)) is None
    assert is_compatible(check(model(), met | unmet | unknown)) is False
