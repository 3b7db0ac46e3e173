from typing import Any

import pytest

from shared.model_facts import from_config


@pytest.mark.parametrize(
    ("config", "generative"),
    [
        ({"architectures": ["Qwen3ForCausalLM"]}, True),
        ({"architectures": ["Gemma3ForConditionalGeneration"]}, True),
        ({"architectures": ["XLMRobertaForSequenceClassification"]}, False),
        ({"architectures": ["Qwen3ForSequenceClassification"]}, False),
        ({"architectures": ["MPNetModel"]}, False),
        ({"architectures": ["BertModel"], "is_decoder": True}, True),
        ({"model_type": "modernbert"}, False),
        ({"architectures": ["Gemma3TextModel"], "use_bidirectional_attention": True}, False),
        ({"architectures": ["MistralModel"], "model_type": "mistral"}, None),
        ({}, None),
    ],
)
def test_who_writes_text_keeps_a_cache(config: dict[str, Any], generative: bool | None) -> None:
    assert from_config(config).is_generative is generative
