"""What is known about a model, whoever says it: the Hub, its config.json, or the header of its weights."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from shared import dimensions, families, quantization
from shared.dimensions import CacheShape, Dimensions
from shared.gguf_header import GgufHeader
from shared.quantization import Quantization
from shared.safetensors_header import SafetensorsHeader
from shared.untrusted import count, dimension, first, mapping, text, texts

# Names of types, as config.json and safetensors write them -> one word for each.
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I8": "int8",
}
# Integers that several weights are packed into (GPTQ, AWQ: I32; bitsandbytes, MXFP4: U8).
_PACKED = ("I32", "U32", "U8", "I16", "U16")
# A type is that of the model if so many of its numbers have it; norms often have another.
_MOSTLY = 0.98
# Architectures in GGUF files that are no language models: projectors, picture and sound models.
_NO_TEXT = ("clip", "mmproj", "flux", "sd1", "sdxl", "sd3", "wan", "ltxv", "hyvid", "whisper")
# How the tensors with a vector for each word are named, and those of the output.
_EMBEDDINGS = ("embed_tokens.weight", "word_embeddings.weight", "wte.weight", "tok_embeddings.weight")
_OUTPUTS = ("lm_head.weight", "embed_out.weight")
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_LABEL = re.compile(
    r"(?:(?P<experts>[0-9]{1,4})x)?(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?)(?P<unit>[KMBT])",
    re.IGNORECASE | re.ASCII,
)
_ADDRESS = re.compile(r"https?://[^/]+/(?P<repo>[\w.-]+/[\w.-]+)/?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Facts(Dimensions):
    """Facts about a model; None where nobody says them.

    `architecture` is the class in transformers (`Qwen3ForCausalLM`), of a GGUF file its own word (`qwen3`);
    `family` one of shared.families' words; `dtype` the type of the tensors, None when mixed; `is_generative`
    whether it keeps a KV cache: encoders (BERT, SPLADE, rerankers of that kind) do not; `weights_bytes` the
    tensors as they are stored.
    """

    architecture: str | None = None
    family: str | None = None
    parameter_count: int | None = None
    quantization: Quantization | None = None
    dtype: str | None = None
    has_own_output: bool | None = None  # tensors of its own for the output, instead of the input's once more
    is_generative: bool | None = None
    license: str | None = None
    tags: tuple[str, ...] = ()
    base_model: str | None = None
    requires_trust_remote_code: bool | None = None
    weights_bytes: int | None = None


def merged(*facts: Facts) -> Facts:
    """For each field the first that says it. `cache` goes with the first that has one."""
    said: dict[str, Any] = {}
    for each in facts:
        for name, value in vars(each).items():
            if value not in (None, ()):
                said.setdefault(name, value)
    return Facts(**said)


def as_json(facts: Facts) -> dict[str, Any]:
    """For a row's JSON: the fields that are known, by name; quantization and cache as objects."""
    return {name: value for name, value in asdict(facts).items() if value not in (None, ())} | (
        {"tags": list(facts.tags)} if facts.tags else {}
    )


def from_json(value: Mapping[str, Any] | None) -> Facts:
    """The facts that `as_json` wrote; None gives none, and what is not known here is ignored."""
    names = {field.name for field in fields(Facts)}
    said = {name: each for name, each in (value or {}).items() if name in names}
    for name, kind in (("quantization", Quantization), ("cache", CacheShape)):
        if said.get(name) is not None:
            said[name] = kind(**said[name])
    return Facts(**{**said, "tags": tuple(said.get("tags") or ())})


def from_hub(info: Mapping[str, Any], repo: str) -> Facts:
    """What the Hub's expanded model info says (shared.hub_preview.EXPAND).

    The Hub counts the numbers in the tensors; where several weights are packed into one, that is no count of
    parameters and left out.
    """
    config, gguf, card = (mapping(info.get(name)) for name in ("config", "gguf", "cardData"))
    tensors, tags = mapping(info.get("safetensors")), texts(info.get("tags"))
    by_dtype = _counts(tensors.get("parameters"))
    configured, architecture = from_config(config), text(gguf.get("architecture"))
    total = None if _is_packed(by_dtype) else count(tensors.get("total"))
    writes = _writes(architecture) if architecture else None
    return replace(
        configured,
        architecture=configured.architecture or architecture,
        family=families.family(_names(config, architecture), repo),
        parameter_count=total or count(gguf.get("total")) or None,
        dtype=_dtype(by_dtype) or configured.dtype,
        context_length=dimension(gguf.get("context_length")) or configured.context_length,
        is_generative=writes if configured.is_generative is None else configured.is_generative,
        license=_license(card, tags),
        tags=tags,
        base_model=_base_model(info.get("baseModels"), card),
    )


def from_config(config: Mapping[str, Any]) -> Facts:
    """What config.json says; the sizes of a model of several parts are those of its text part."""
    sizes = dimensions.of_config(config)
    part = dimensions.text_part(config)
    classes = texts(config.get("architectures"))
    model_type = text(config.get("model_type"))
    writes = families.is_generative(classes, model_type)
    ties = part.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    dtypes = (each.get(name) for each in (config, part) for name in ("dtype", "torch_dtype"))
    dtype = first(filter(None, map(text, dtypes)))
    if config.get("is_decoder") is True:
        writes = True
    if part.get("use_bidirectional_attention") is True:
        writes = False
    return Facts(
        **_sizes(sizes, keeps_cache=writes is not False),
        architecture=first(classes) or model_type,
        family=families.family(_names(config)),
        quantization=quantization.from_config(config.get("quantization_config")),
        dtype=dtype and dtype.removeprefix("torch."),
        # Said or not, transformers takes the input's tensors for the output.
        has_own_output=not ties if isinstance(ties, bool) else (False if sizes.layers else None),
        is_generative=writes,
        requires_trust_remote_code=bool(config.get("auto_map")) if config else None,
    )


def from_gguf(header: GgufHeader) -> Facts:
    """What the header of a GGUF file says.

    `parameter_count` and `weights_bytes` are those of this file, which may be one part of several. Without
    its table of tensors the count is the rounded one of `general.size_label`.
    """
    values = header.values
    architecture = text(values.get("general.architecture"))
    counted, is_part = header.parameter_count, (count(values.get("split.count")) or 1) > 1
    writes = _writes(architecture, is_causal=values.get(f"{architecture}.attention.causal"))
    return Facts(
        **_sizes(dimensions.of_gguf(header), keeps_cache=writes is not False),
        architecture=architecture,
        family=families.family(filter(None, (architecture, text(values.get("general.basename"))))),
        parameter_count=parameters_of_label(values.get("general.size_label"))
        if counted is None
        else counted or (0 if is_part else None),
        quantization=quantization.from_file_type(values.get("general.file_type")),
        dtype=_dtype(header.bytes_by_type or {}),
        is_generative=writes,
        license=_license_of_gguf(values),
        tags=texts(header.arrays.get("general.tags", ())),
        base_model=_repo_of(values.get("general.base_model.0.repo_url")),
        requires_trust_remote_code=False,
        weights_bytes=header.weights_bytes,
    )


def from_safetensors(header: SafetensorsHeader) -> Facts:
    """What the tensors of a safetensors file say.

    `parameter_count` and `weights_bytes` are those of this file, which may be one part of several.
    """
    by_dtype = header.parameters_by_dtype
    tables = (shape for name, shape in header.shapes.items() if name.endswith(_EMBEDDINGS))
    words = first(shape for shape in tables if len(shape) == 2)
    return Facts(
        parameter_count=None if _is_packed(by_dtype) else header.parameter_count or None,
        dtype=_dtype(by_dtype),
        vocab_size=words[0] or None if words else None,
        hidden_size=words[1] or None if words and not _is_packed(by_dtype) else None,
        has_own_output=True if any(name.endswith(_OUTPUTS) for name in header.shapes) else None,
        weights_bytes=header.weights_bytes,
    )


def parameters_of_label(label: Any) -> int | None:
    """The parameters that people mean by “2.5B”, “350M” or “8x7B”; None if it is no such label."""
    found = _LABEL.fullmatch(text(label) or "")
    if not found:
        return None
    return round(int(found["experts"] or 1) * float(found["number"]) * _UNITS[found["unit"].upper()])


def _sizes(sizes: Dimensions, *, keeps_cache: bool) -> dict[str, Any]:
    return vars(sizes if keeps_cache else replace(sizes, cache=None))


def _names(config: Mapping[str, Any], architecture: str | None = None) -> list[str]:
    said = (text(config.get("model_type")), architecture, *texts(config.get("architectures"))[:1])
    return list(filter(None, said))


def _writes(architecture: str | None, *, is_causal: Any = None) -> bool | None:
    """Whether llama.cpp's architecture writes text: what it runs are language models, and a few encoders."""
    if is_causal is False:
        return False
    if not architecture or architecture in _NO_TEXT:
        return None
    return families.is_generative((), architecture) is None


def _counts(value: Any) -> dict[str, int]:
    return {str(name): found for name, each in mapping(value).items() if (found := count(each))}


def _is_packed(by_dtype: Mapping[str, int]) -> bool:
    return sum(by_dtype.get(name, 0) for name in _PACKED) > (1 - _MOSTLY) * sum(by_dtype.values())


def _dtype(by_dtype: Mapping[str, int]) -> str | None:
    """The type of nearly all; None where they are mixed."""
    if not by_dtype:
        return None
    name, most = max(by_dtype.items(), key=lambda each: each[1])
    return _DTYPES.get(name) if most >= _MOSTLY * sum(by_dtype.values()) else None


def _license(card: Mapping[str, Any], tags: Iterable[str]) -> str | None:
    """The card's word, its own name for a license that the Hub has none for, or else the Hub's tag."""
    said = first(texts(card.get("license")))
    if said == "other":
        return text(card.get("license_name")) or said
    return said or first(tag.removeprefix("license:") for tag in tags if tag.startswith("license:"))


def _license_of_gguf(values: Mapping[str, Any]) -> str | None:
    said = text(values.get("general.license"))
    return text(values.get("general.license.name")) or said if said == "other" else said


def _base_model(related: Any, card: Mapping[str, Any]) -> str | None:
    """The first of what the Hub found (`{"models": [{"id"}]}`, or a plain list), else of the card."""
    models = mapping(related).get("models", related)
    entries = models if isinstance(models, list) else []
    names = texts([mapping(entry).get("id", entry) for entry in entries])
    return first(names) or first(texts(card.get("base_model")))


def _repo_of(address: Any) -> str | None:
    found = _ADDRESS.fullmatch(text(address) or "")
    return found["repo"] if found else None
