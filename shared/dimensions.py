"""The sizes of a model's parts, and what a cache keeps, from config.json or the keys of a GGUF header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.gguf_header import GgufHeader
from shared.untrusted import LARGEST_DIMENSION, count, dimension, first, mapping, text

# No real model has more.
MOST_LAYERS = 4096
_Config = Mapping[str, Any]
# Where a model of several parts (text, pictures, sound) keeps the sizes of the part that writes text.
_TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config")
# Of every so many layers one sees the whole context, where the file says only how wide the others' window is:
# llama.cpp's own figures (set_swa_pattern in its models), and those of transformers' configurations.
_PATTERNS = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "gemma3n": 5, "gemma3n_text": 5, "cohere2": 4}
_PATTERNS |= {"gptoss": 2, "gpt-oss": 2, "gpt_oss": 2}
# They count positions from behind the padding: two of the table's rows are no place for a token.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet")
_FULL_ATTENTION = ("full_attention", "attention")
_WINDOWED = ("sliding_attention", "chunked_attention")


@dataclass(frozen=True)
class CacheShape:
    """What one token leaves in the KV cache: numbers of keys and values, over all layers.

    `width` of the layers that keep the whole context, `sliding_width` of those that keep only the last
    `window` tokens.
    """

    width: int
    sliding_width: int = 0
    window: int = 0


@dataclass(frozen=True, kw_only=True)
class Dimensions:
    """Sizes of a model; None where they are not said.

    `context_length` in tokens; `kv_heads` the most that a layer has; `cache` what a token leaves in the
    KV cache.
    """

    context_length: int | None = None
    hidden_size: int | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocab_size: int | None = None
    cache: CacheShape | None = None


def text_part(config: _Config) -> _Config:
    """The part of config.json that describes the text model: most often the whole."""
    for _ in range(2):
        config = first(found for name in _TEXT_PARTS if (found := mapping(config.get(name)))) or config
    return config


def of_config(config: _Config) -> Dimensions:
    """From config.json, in the words of transformers and of those who have their own."""
    part = text_part(config)
    attention = mapping(part.get("attn_config"))  # MPT, DBRX
    layers = _size(part, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    hidden = _size(part, "hidden_size", "n_embd", "d_model", "dim")
    heads = _size(part, "num_attention_heads", "n_head", "n_heads", "num_heads")
    kv_heads = _kv_heads(part, attention, heads)
    head_dim = _size(part, "head_dim", "kv_channels", "d_kv") or _share(hidden, heads)
    return Dimensions(
        context_length=_context_length(part),
        hidden_size=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=_size(part, "vocab_size", "padded_vocab_size"),
        cache=_cache_of_config(part, layers, kv_heads, head_dim),
    )


def _size(part: _Config, *names: str) -> int | None:
    return first(found for name in names if (found := dimension(part.get(name))))


def _share(whole: int | None, parts: int | None) -> int | None:
    return whole // parts if whole and parts and whole % parts == 0 else None


def _context_length(part: _Config) -> int | None:
    names = (
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
        "max_sequence_length",
        "n_ctx",
    )
    found = _size(part, *names)
    if found and part.get("model_type") in _OFFSET_POSITIONS:
        padding = count(part.get("pad_token_id"), most=LARGEST_DIMENSION)
        found -= (1 if padding is None else padding) + 1
    return dimension(found)


def _kv_heads(part: _Config, attention: _Config, heads: int | None) -> int | None:
    said = _size(part, "num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
    if part.get("model_type") == "falcon" and part.get("new_decoder_architecture") is not True:
        said = None  # it is there and not looked at
    if said or dimension(attention.get("kv_n_heads")):
        return said or dimension(attention.get("kv_n_heads"))
    return 1 if part.get("multi_query") is True and heads else heads


def _cache_of_config(
    part: _Config, layers: int | None, kv_heads: int | None, head_dim: int | None
) -> CacheShape | None:
    """None also for encoder-decoder models: they keep two caches, of which nothing is said here."""
    if not layers or layers > MOST_LAYERS or part.get("is_encoder_decoder") is True:
        return None
    latent, rope = dimension(part.get("kv_lora_rank")), dimension(part.get("qk_rope_head_dim"))
    if latent and rope:
        # Multi-head latent attention keeps one vector for all heads (DeepSeek-V2, section 2.1).
        return _shape([latent + rope] * layers, [False] * layers, 0)
    if not kv_heads or not head_dim:
        return None
    keeps, slides = _layers_of_config(part, layers)
    shared = count(part.get("num_kv_shared_layers"), most=layers) or 0  # the last ones use what others keep
    keeps[layers - shared :] = [False] * shared
    window = _size(part, "sliding_window", "attention_chunk_size") if any(slides) else None
    return _shape([2 * kv_heads * head_dim * kept for kept in keeps], slides, window)


def _layers_of_config(part: _Config, layers: int) -> tuple[list[bool], list[bool]]:
    """For each layer whether it keeps keys and values at all, and whether only those of a window.

    Windows count where it is said which layers have them: without that, engines differ, and the whole context
    is the larger figure.
    """
    kinds = part.get("layer_types")
    if isinstance(kinds, list) and len(kinds) == layers:
        return [each in _FULL_ATTENTION + _WINDOWED for each in kinds], [each in _WINDOWED for each in kinds]
    interval = _size(part, "full_attention_interval", "attn_layer_period")
    if interval:
        return [(layer + 1) % interval == 0 for layer in range(layers)], [False] * layers
    pattern = _size(part, "sliding_window_pattern", "_sliding_window_pattern")
    pattern = pattern or _PATTERNS.get(text(part.get("model_type")) or "")
    return [True] * layers, _sliding(layers, pattern if dimension(part.get("sliding_window")) else None)


def _sliding(layers: int, pattern: int | None) -> list[bool]:
    return [bool(pattern) and (layer + 1) % (pattern or 1) != 0 for layer in range(layers)]


def _shape(elements: Sequence[int], slides: Sequence[bool], window: int | None) -> CacheShape | None:
    """From the numbers that each layer keeps of a token; without a window all layers keep everything."""
    width = sum(
        each for each, is_sliding in zip(elements, slides, strict=True) if not (is_sliding and window)
    )
    sliding = sum(elements) - width
    if sum(elements) > LARGEST_DIMENSION:
        return None
    return CacheShape(width, sliding, window or 0) if sliding else CacheShape(width)


def of_gguf(header: GgufHeader) -> Dimensions:
    """From the keys of a GGUF header, whose names begin with the architecture's."""
    arch = header.values.get("general.architecture")
    said = {name.removeprefix(f"{arch}."): value for name, value in header.values.items()}
    layers = dimension(said.get("block_count"))
    heads = dimension(_most(header, arch, "attention.head_count"))
    kv_heads = dimension(_most(header, arch, "attention.head_count_kv")) or heads
    hidden = dimension(said.get("embedding_length"))
    words = said.get("vocab_size", header.array_lengths.get("tokenizer.ggml.tokens"))
    return Dimensions(
        context_length=dimension(said.get("context_length")),
        hidden_size=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=dimension(said.get("attention.key_length")) or _share(hidden, heads),
        vocab_size=dimension(words),
        cache=_cache_of_gguf(header, str(arch), said, layers, _share(hidden, heads)),
    )


def _most(header: GgufHeader, arch: object, name: str) -> object:
    """A number, or the largest where each layer has its own."""
    key = f"{arch}.{name}"
    each = [found for found in map(dimension, header.arrays.get(key, ())) if found]
    return max(each) if each else header.values.get(key)


def _cache_of_gguf(
    header: GgufHeader, arch: str, said: Mapping[str, Any], layers: int | None, share: int | None
) -> CacheShape | None:
    if not layers or layers > MOST_LAYERS:
        return None
    latent, rope = dimension(said.get("attention.kv_lora_rank")), dimension(said.get("rope.dimension_count"))
    if latent and rope and "attention.key_length_mla" in said:
        return _shape([latent + rope] * layers, [False] * layers, 0)
    heads = _per_layer(header, f"{arch}.attention.head_count_kv", layers) or _per_layer(
        header, f"{arch}.attention.head_count", layers
    )
    key = dimension(said.get("attention.key_length")) or share
    value = dimension(said.get("attention.value_length")) or share
    if not heads or not key or not value:
        return None
    window = dimension(said.get("attention.sliding_window"))
    slides = _sliding_of_gguf(header, arch, said, layers) if window else [False] * layers
    sliding_key = dimension(said.get("attention.key_length_swa")) or key
    sliding_value = dimension(said.get("attention.value_length_swa")) or value
    interval = dimension(said.get("full_attention_interval")) or 1
    shared = count(said.get("attention.shared_kv_layers"), most=layers) or 0
    elements = [
        heads[layer]
        * (sliding_key + sliding_value if slides[layer] else key + value)
        * (layer < layers - shared and (layer + 1) % interval == 0)
        for layer in range(layers)
    ]
    return _shape(elements, slides, window)


def _per_layer(header: GgufHeader, key: str, layers: int) -> list[int] | None:
    """A number for each layer: the array's, or the same for all."""
    if found := dimension(header.values.get(key)):
        return [found] * layers
    each = [count(value, most=LARGEST_DIMENSION) for value in header.arrays.get(key, ())]
    return [value or 0 for value in each] if len(each) == layers and None not in each else None


def _sliding_of_gguf(header: GgufHeader, arch: str, said: Mapping[str, Any], layers: int) -> list[bool]:
    key = "attention.sliding_window_pattern"
    flags = header.arrays.get(f"{arch}.{key}", ())
    if len(flags) == layers:
        return [bool(flag) for flag in flags]
    return _sliding(layers, dimension(said.get(key)) or _PATTERNS.get(arch))
