"""How small weights were made, what that does to their quality, and which of several GGUF files to take.

A GGUF file's name tells before a download: publishers write llama.cpp's type into it, in any case, often with
`UD-` before it (Unsloth's dynamic mixtures) and sometimes only into the folder's name. Its header tells, too;
for safetensors the quantization_config of config.json does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.untrusted import count, mapping, text

# Nominal bits per weight of a whole file. i- and k-quants, Q4_0 to Q8_0: llama.cpp's own figures for
# Llama 3.1 8B (tools/quantize), where embeddings weigh something too; TQ, Q1_0, Q2_0 and FP4: the type's own;
# `_L` of 2, 4 to 6 bits and `_XL`, which llama.cpp does not know: what publishers' files come to, roughly.
BITS_PER_WEIGHT = {
    "Q1_0": 1.13,
    "TQ1_0": 1.69,
    "IQ1_S": 2.00,
    "IQ1_M": 2.15,
    "TQ2_0": 2.06,
    "Q2_0": 2.25,
    "IQ2_XXS": 2.38,
    "IQ2_XS": 2.59,
    "IQ2_S": 2.74,
    "IQ2_M": 2.93,
    "Q2_K_S": 2.97,
    "Q2_K": 3.16,
    "Q2_K_L": 3.30,
    "Q2_K_XL": 3.30,
    "IQ3_XXS": 3.25,
    "IQ3_XS": 3.50,
    "IQ3_S": 3.66,
    "IQ3_M": 3.76,
    "Q3_K_S": 3.64,
    "Q3_K": 4.00,
    "Q3_K_M": 4.00,
    "Q3_K_L": 4.30,
    "Q3_K_XL": 4.40,
    "MXFP4": 4.25,
    "MXFP4_MOE": 4.25,
    "NVFP4": 4.50,
    "IQ4_XS": 4.46,
    "IQ4_NL": 4.68,
    "Q4_0": 4.63,
    "Q4_0_4_4": 4.63,
    "Q4_0_4_8": 4.63,
    "Q4_0_8_8": 4.63,
    "Q4_1": 5.10,
    "Q4_K_S": 4.67,
    "Q4_K": 4.89,
    "Q4_K_M": 4.89,
    "Q4_K_L": 5.00,
    "Q4_K_XL": 5.00,
    "Q5_0": 5.56,
    "Q5_1": 6.03,
    "Q5_K_S": 5.57,
    "Q5_K": 5.70,
    "Q5_K_M": 5.70,
    "Q5_K_L": 5.80,
    "Q5_K_XL": 5.80,
    "Q6_K": 6.56,
    "Q6_K_L": 6.70,
    "Q6_K_XL": 7.50,
    "Q8_0": 8.50,
    "Q8_1": 9.00,
    "Q8_K_XL": 10.00,
    "BF16": 16.0,
    "F16": 16.0,
    "F32": 32.0,
    # Only the number is said.
    "Q2": 2.5,
    "Q3": 3.5,
    "Q4": 4.5,
    "Q5": 5.5,
    "Q6": 6.5,
    "Q8": 8.5,
}
_OTHER_WORDS = {"FP16": "F16", "FP32": "F32"}
# Small enough for most machines, and hardly worse than the original.
PREFERRED = ("Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "Q4_0")
BEST_BITS_PER_WEIGHT = 4.5
# llama.cpp's numbers of file types (llama_ftype), as general.file_type has them -> their names.
_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    33: "Q4_0_4_4",
    34: "Q4_0_4_8",
    35: "Q4_0_8_8",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
}
# Bits per weight of bitsandbytes' 4-bit types: a scale of 32 bits for every 64 weights (QLoRA, section 3), or
# with those scales quantized once more 0.127 bits for each weight.
NF4_BITS_PER_WEIGHT = 4.5
DOUBLE_QUANTIZED_BITS_PER_WEIGHT = 4.127
# Bits from which on a model earns the quality 5, 4, 3, 2. They part llama.cpp's table for Llama 3 8B
# (tools/perplexity, “LLaMA 3 8b Scoreboard”) at mean Kullback-Leibler divergences of 0.01, 0.025, 0.09 and
# 0.25 from the model in 16 bits: Q6_K and above, Q5, Q4 with Q3_K_L, the rest of Q3, Q2 and below.
_QUALITY_FROM = ((6.5, 5), (5.5, 4), (4.1, 3), (3.2, 2))
# A longer word before its own beginning: Q4_K_M is not Q4_K.
_WORDS = sorted([*BITS_PER_WEIGHT, *_OTHER_WORDS], key=len, reverse=True)
_IN_NAME = re.compile(
    rf"(?<![A-Za-z0-9])(?P<dynamic>UD[-_])?(?P<word>{'|'.join(_WORDS)})(?![A-Za-z0-9])", re.IGNORECASE
)


@dataclass(frozen=True)
class Quantization:
    """`method` in capitals, `bits` as its name counts them (Q4_K_M: 4), and how many a weight takes."""

    method: str
    bits: int
    bits_per_weight: float


def from_file_name(path: str) -> Quantization | None:
    """What a file's name says of its weights, else what its folder's name says, else None.

    The last word counts: `Mixtral-BF16-Q4_0.gguf` was made of the one and holds the other.
    """
    for part in reversed(path.split("/")):
        found = list(_IN_NAME.finditer(part))
        if found:
            return _quantization(found[-1]["word"].upper(), is_dynamic=bool(found[-1]["dynamic"]))
    return None


def from_file_type(number: Any) -> Quantization | None:
    """What `general.file_type` of a GGUF header says: llama.cpp's number of the type of most tensors."""
    # 1024 is added where llama.cpp had to guess.
    method = None if count(number) is None else _FILE_TYPES.get(number % 1024)
    return _quantization(method, is_dynamic=False) if method else None


def from_config(said: Any) -> Quantization | None:
    """What `quantization_config` of config.json says: GPTQ, AWQ, bitsandbytes, FP8, MXFP4 and their like."""
    config = mapping(said)
    method = (text(config.get("quant_method")) or "").upper()
    if "bitsandbytes" in method.lower() or config.get("load_in_4bit") or config.get("load_in_8bit"):
        return _bitsandbytes(config)
    if method == "MXFP4":
        return Quantization(method, 4, BITS_PER_WEIGHT[method])
    bits = _bits_of_config(config) or (8 if "FP8" in method else None)
    if not bits:
        return None
    return Quantization(method or f"{bits}-BIT", bits, _with_scales(bits, config.get("group_size")))


def quality(quantization: Quantization) -> int:
    """1 (poor) to 5 (as good as the original), by how many bits a weight takes (_QUALITY_FROM).

    Two bits are poor however many of the tensors have more.
    """
    if quantization.bits <= 2:
        return 1
    found = (rating for bits, rating in _QUALITY_FROM if quantization.bits_per_weight >= bits)
    return next(found, 1)


@dataclass(frozen=True)
class Ratings:
    """From 1 (poor) to 5 (good); None: nobody has said, and no rule tells."""

    speed: int | None = None
    memory: int | None = None
    quality: int | None = None


def ratings(quantization: Quantization | None, declared: Mapping[str, int] | None = None) -> Ratings | None:
    """What the catalog declares (`declared`: speed, memory, quality), the quality else by `quality`.

    None if nothing is known. Speed and memory depend on the machine, so no rule makes them up.
    """
    said = declared or {}
    by_rule = quality(quantization) if quantization else None
    found = Ratings(said.get("speed"), said.get("memory"), said.get("quality", by_rule))
    return None if found == Ratings() else found


def by_preference(quantization: Quantization | None, size: int) -> tuple[int, float, int]:
    """What to sort files by, so that the one to recommend comes first.

    First PREFERRED in its order, then the nearest to BEST_BITS_PER_WEIGHT, then what says nothing; of equals
    the smaller one.
    """
    if quantization is None:
        return len(PREFERRED) + 1, 0.0, size
    if quantization.method in PREFERRED:
        return PREFERRED.index(quantization.method), 0.0, size
    distance = abs(quantization.bits_per_weight - BEST_BITS_PER_WEIGHT)
    return len(PREFERRED), round(distance, 3), size


def _quantization(word: str, *, is_dynamic: bool) -> Quantization:
    method = _OTHER_WORDS.get(word, word)
    bits = int(re.findall("[0-9]+", method)[0])
    return Quantization(f"UD-{method}" if is_dynamic else method, bits, BITS_PER_WEIGHT[method])


def _bitsandbytes(config: Mapping[str, Any]) -> Quantization:
    if not (config.get("load_in_4bit") or config.get("_load_in_4bit")):
        return Quantization("INT8", 8, 8.0)
    method = (text(config.get("bnb_4bit_quant_type")) or "fp4").upper()
    is_double = config.get("bnb_4bit_use_double_quant") is True
    return Quantization(method, 4, DOUBLE_QUANTIZED_BITS_PER_WEIGHT if is_double else NF4_BITS_PER_WEIGHT)


def _bits_of_config(config: Mapping[str, Any]) -> int | None:
    """`bits` of GPTQ and AWQ, or what the first group of compressed-tensors says of its weights."""
    groups = list(mapping(config.get("config_groups")).values())[:1]
    weights = [mapping(mapping(group).get("weights")) for group in groups]
    said = [config.get("bits"), config.get("w_bit"), *(each.get("num_bits") for each in weights)]
    return next((bits for each in said if (bits := count(each, most=64))), None)


def _with_scales(bits: int, group_size: Any) -> float:
    """A group of weights shares a scale of 16 bits and a zero point as wide as a weight."""
    group = count(group_size, most=1 << 16)
    return round(bits + (16 + bits) / group, 3) if group else float(bits)
