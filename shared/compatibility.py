"""Whether a model is what a service needs: each requirement is met, not met, or can't be judged."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from shared import memory, model_facts
from shared.formats import WEIGHTS
from shared.model_facts import Facts
from shared.tables import Model, ModelSource


class Verdict(StrEnum):
    """How a requirement stands."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"  # what decides it is not known of this model


@dataclass(frozen=True)
class Check:
    """One requirement, what was asked for, and what the model has (null: not known)."""

    requirement: str
    verdict: Verdict
    expected: Any
    actual: Any


def check(model: Model, requirements: Mapping[str, Any]) -> list[Check]:
    """Hold a model against requirements, in their order; the names are those of RULES.

    `context_length` (tokens) is none of its own: `max_memory_bytes` is judged at that length.
    """
    facts = model_facts.from_json(model.facts)
    return [
        _judged(name, rule, rule.actual(model, facts, requirements), requirements[name])
        for name, rule in RULES.items()
        if name in requirements
    ]


def is_compatible(checks: list[Check]) -> bool | None:
    """False if one requirement is not met; null if one can't be judged."""
    verdicts = {one.verdict for one in checks}
    if Verdict.UNMET in verdicts:
        return False
    return None if Verdict.UNKNOWN in verdicts else True


@dataclass(frozen=True)
class _Rule:
    """What of the model a requirement looks at, and when that is enough; null actual: not known."""

    actual: Callable[[Model, Facts, Mapping[str, Any]], Any]
    suffices: Callable[[Any, Any], bool]


def _judged(name: str, rule: _Rule, actual: Any, expected: Any) -> Check:
    if actual is None:
        return Check(name, Verdict.UNKNOWN, expected, None)
    return Check(name, Verdict.MET if rule.suffices(actual, expected) else Verdict.UNMET, expected, actual)


def _is(actual: Any, expected: Any) -> bool:
    return bool(actual == expected)


def _at_least(actual: int, expected: int) -> bool:
    return actual >= expected


def _at_most(actual: int, expected: int) -> bool:
    return actual <= expected


def _among(actual: str, expected: list[str]) -> bool:
    """In any case: publishers write `Apache-2.0` and `apache-2.0`, `q4_k_m` and `Q4_K_M`."""
    return actual.casefold() in {one.casefold() for one in expected}


def _has_one(actual: list[str], expected: list[str]) -> bool:
    return any(_among(one, expected) for one in actual)


def _quantization(facts: Facts) -> str | None:
    return facts.quantization.method if facts.quantization else None


def _formats(model: Model) -> list[str] | None:
    """The endings of the files that hold weights, such as gguf and safetensors; null before they are here."""
    found = sorted(set(_weight_endings(model)))
    return found or None


def _weight_endings(model: Model) -> Iterator[str]:
    named = [model.model_file] if model.model_file else []
    if model.source is ModelSource.PATH and model.local_path:
        named = [model.local_path]
    elif model.manifest:
        named = [file["path"] for file in model.manifest["files"]]
    for name in named:
        ending = PurePosixPath(name).suffix.lower().removeprefix(".")
        if ending in WEIGHTS:
            yield ending


def _memory(model: Model, facts: Facts, requirements: Mapping[str, Any]) -> int | None:
    """Null too where the KV cache is not known: it could be most of it."""
    found = memory.of_model(model, facts, context_length=requirements.get("context_length"))
    return found.total_bytes if found and found.kv_cache_bytes is not None else None


RULES: Mapping[str, _Rule] = {
    "downloaded": _Rule(lambda model, facts, _: bool(model.downloaded), _is),
    "category": _Rule(lambda model, facts, _: model.category and str(model.category), _is),
    "architectures": _Rule(lambda model, facts, _: facts.architecture, _among),
    "families": _Rule(lambda model, facts, _: facts.family, _among),
    "quantizations": _Rule(lambda model, facts, _: _quantization(facts), _among),
    "formats": _Rule(lambda model, facts, _: _formats(model), _has_one),
    "licenses": _Rule(lambda model, facts, _: facts.license, _among),
    "hidden_size": _Rule(lambda model, facts, _: facts.hidden_size, _is),
    "vocab_size": _Rule(lambda model, facts, _: facts.vocab_size, _is),
    "min_context_length": _Rule(lambda model, facts, _: facts.context_length, _at_least),
    "min_parameter_count": _Rule(lambda model, facts, _: facts.parameter_count, _at_least),
    "max_parameter_count": _Rule(lambda model, facts, _: facts.parameter_count, _at_most),
    "max_memory_bytes": _Rule(_memory, _at_most),
    # Whoever runs no code of the repository can't load a model that needs it.
    "allow_remote_code": _Rule(
        lambda model, facts, _: facts.requires_trust_remote_code, lambda needs, allowed: allowed or not needs
    ),
}
