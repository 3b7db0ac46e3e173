"""What an architecture's name says of a model: its family, and whether it writes text."""

import re
from collections.abc import Iterable

from shared.untrusted import first

# How an architecture's or a repository's name begins -> what people call the family; the first fit counts.
FAMILIES = (
    ("qwen", "Qwen"),
    ("qwq", "Qwen"),
    ("codellama", "Llama"),
    ("llama", "Llama"),
    ("mistral", "Mistral"),
    ("mixtral", "Mistral"),
    ("ministral", "Mistral"),
    ("devstral", "Mistral"),
    ("gemma", "Gemma"),
    ("phi", "Phi"),
    ("deepseek", "DeepSeek"),
    ("gptoss", "gpt-oss"),
    ("gpt2", "GPT-2"),
    ("smollm", "SmolLM"),
    ("granite", "Granite"),
    ("falcon", "Falcon"),
    ("glm", "GLM"),
    ("chatglm", "GLM"),
    ("internlm", "InternLM"),
    ("command", "Command"),
    ("cohere", "Command"),
    ("olmo", "OLMo"),
    ("nemotron", "Nemotron"),
    ("xlmroberta", "RoBERTa"),
    ("roberta", "RoBERTa"),
    ("modernbert", "BERT"),
    ("nomicbert", "BERT"),
    ("distilbert", "BERT"),
    ("bert", "BERT"),
)
# How the class of a model that writes text ends, and how that of one which only reads it does. A bare `Model`
# says neither.
_WRITERS = ("forcausallm", "forconditionalgeneration", "lmheadmodel", "forseq2seqlm")
_READERS = (
    "formaskedlm",
    "forsequenceclassification",
    "fortokenclassification",
    "forquestionanswering",
    "formultiplechoice",
    "forpretraining",
    "encodermodel",
)
# Words in the names of architectures that are encoders, beside every `bert`.
_ENCODERS = ("bert", "electra", "mpnet", "deberta", "xlmr", "t5encoder", "embedding", "clip", "siglip")


def family(architectures: Iterable[str], repo: str = "") -> str | None:
    """The first of FAMILIES that an architecture begins with, else that is a word of the repository's name.

    The architecture goes first, because names mix: a Qwen distilled from DeepSeek is loaded as a Qwen.
    """
    found = first(filter(None, map(_of_architecture, architectures)))
    name = repo.rpartition("/")[2]
    words = [re.split(r"[0-9]", word)[0] for word in (*re.split(r"[-_.]+", name), name)]
    return found or first(
        family for word in words for beginning, family in FAMILIES if _plain(word) == beginning
    )


def is_generative(classes: Iterable[str], model_type: str | None = None) -> bool | None:
    """Whether it writes text, token by token, and so keeps a KV cache; None: the names don't say.

    `classes` are transformers' (`Qwen3ForCausalLM`); `model_type` is its or llama.cpp's word (`bert`).
    """
    plain = [_plain(each) for each in classes]
    if any(each.endswith(_WRITERS) for each in plain):
        # A class of an encoder may be named so (BertLMHeadModel); nobody publishes one.
        return True
    if any(each.endswith(_READERS) for each in plain):
        return False
    known = [*plain, _plain(model_type or "")]
    return False if any(word in each for each in known for word in _ENCODERS) else None


def _of_architecture(architecture: str) -> str | None:
    plain = _plain(architecture)
    return first(family for beginning, family in FAMILIES if plain.startswith(beginning))


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())
