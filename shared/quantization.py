"""How small the weights of a GGUF file were made, read from its name, and which of several files to take.

The name is all that is known before a download; publishers write the type of llama.cpp into it, in any case,
often with `UD-` before it (Unsloth's dynamic mixtures) and sometimes only into the folder's name.
"""

import re
from dataclasses import dataclass

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
