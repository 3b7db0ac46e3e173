"""How much memory a model needs to run: its weights, its KV cache, and what the computation takes besides.

The formula, its sources, how far published figures are from it, and what it does not know: docs/memory.md.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shared import quantization
from shared.dimensions import CacheShape
from shared.model_facts import Facts

if TYPE_CHECKING:
    from shared.tables import Model

# Tokens. What a person who asks for no other length gets; never more than the model was made for.
DEFAULT_CONTEXT = 8192
# Tokens that llama.cpp computes at a time (its n_ubatch); a sliding window's cache has room for them as well.
MICRO_BATCH = 512
# llama.cpp rounds the cache of a sliding window up to so many tokens.
_WINDOW_STEP = 256
# Bytes of a number in the computation.
_COMPUTE_BYTES = 4
# What inference takes beyond the weights of encoders, and where the formula's sizes are not known: a fifth of
# the weights (EleutherAI, “Transformer Math 101”).
_OVERHEAD_DIVISOR = 5


class CacheType(StrEnum):
    """What a number in the KV cache is stored as; q8_0 and q4_0 are llama.cpp's blocks of 32 with a scale."""

    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"

    @property
    def block_bytes(self) -> int:
        """Bytes of a block of 32 numbers."""
        return {CacheType.F16: 64, CacheType.Q8_0: 34, CacheType.Q4_0: 18}[self]


_BLOCK = 32


@dataclass(frozen=True)
class Estimate:
    """Bytes of memory.

    `unknown` names what the model's facts don't say: `kvCache` (None, and not in the total) and `overhead`
    (a fifth of the weights stands for it).
    """

    weights_bytes: int
    kv_cache_bytes: int | None
    overhead_bytes: int
    total_bytes: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class PrecisionSize:
    """Bytes of a model's weights in one precision: on disk if they are saved so, and in memory."""

    disk_bytes: int
    weights_bytes: int


def estimate(
    weights_bytes: int,
    facts: Facts,
    *,
    context_length: int | None = None,
    cache_type: CacheType = CacheType.F16,
) -> Estimate:
    """The memory that one sequence of `context_length` tokens (else `context_for`) needs."""
    tokens = context_length or context_for(facts)
    kv_cache = kv_cache_bytes(facts, tokens, cache_type)
    overhead = _overhead(weights_bytes, facts)
    unknown = (*(["kvCache"] if kv_cache is None else []), *(["overhead"] if overhead is None else []))
    if overhead is None:
        overhead = weights_bytes // _OVERHEAD_DIVISOR
    return Estimate(weights_bytes, kv_cache, overhead, weights_bytes + (kv_cache or 0) + overhead, unknown)


def of_model(model: "Model", facts: Facts, *, context_length: int | None = None) -> Estimate | None:
    """The memory of a model of the register; None where the size of its weights is not known.

    By its table of tensors, else by its file: a whole repository holds more than weights.
    """
    weights = facts.weights_bytes or (model.file_size_bytes if model.model_file else None)
    return estimate(weights, facts, context_length=context_length) if weights else None


def context_for(facts: Facts) -> int:
    """The tokens that an estimate counts with if nobody says: DEFAULT_CONTEXT, or what the model takes."""
    return min(DEFAULT_CONTEXT, facts.context_length or DEFAULT_CONTEXT)


def kv_cache_bytes(facts: Facts, context_length: int, cache_type: CacheType = CacheType.F16) -> int | None:
    """The KV cache of one sequence; 0 for encoders, None where the model's dimensions are not known."""
    if facts.is_generative is False:
        return 0
    shape = _shape(facts)
    if shape is None:
        return None
    window = min(context_length, -(-(shape.window + MICRO_BATCH) // _WINDOW_STEP) * _WINDOW_STEP)
    numbers = shape.width * context_length + shape.sliding_width * window
    return -(-numbers // _BLOCK) * cache_type.block_bytes


def precisions(facts: Facts) -> dict[str, PrecisionSize]:
    """The weights in `q4`, `q8` and `fp16`; empty if the parameters aren't counted, or are quantized already.

    q4 and q8 are bitsandbytes' NF4 with double quantization and int8: they change the linear layers and leave
    the embeddings, and the output where it has tensors of its own, at 16 bits.
    """
    parameters = facts.parameter_count
    if not parameters or (facts.quantization and facts.quantization.bits < 16):
        return {}
    whole = min(parameters, _embeddings(facts))
    bits = {"q4": quantization.DOUBLE_QUANTIZED_BITS_PER_WEIGHT, "q8": 8.0, "fp16": 16.0}
    sizes = {name: round((parameters - whole) * each / 8) + whole * 2 for name, each in bits.items()}
    return {name: PrecisionSize(size, size) for name, size in sizes.items()}


def _shape(facts: Facts) -> CacheShape | None:
    if facts.cache:
        return facts.cache
    known = facts.layers, facts.kv_heads, facts.head_dim
    layers, kv_heads, head_dim = (each or 0 for each in known)
    return CacheShape(2 * layers * kv_heads * head_dim) if None not in known else None


def _overhead(weights_bytes: int, facts: Facts) -> int | None:
    """llama.cpp's compute buffer with flash attention: a micro-batch's logits and one layer's activations.

    Encoders compute no logits; theirs is the fifth.
    """
    if facts.is_generative is False:
        return weights_bytes // _OVERHEAD_DIVISOR
    if not facts.vocab_size or not facts.hidden_size:
        return None
    return MICRO_BATCH * (facts.vocab_size + facts.hidden_size) * _COMPUTE_BYTES


def _embeddings(facts: Facts) -> int:
    """The numbers that are not quantized; 0 where they are not known."""
    words = (facts.vocab_size or 0) * (facts.hidden_size or 0)
    has_output = facts.is_generative is not False and facts.has_own_output is not False
    return 2 * words if has_output else words
