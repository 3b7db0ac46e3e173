from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Api

# The Hub of these tests is a port where nobody listens: an answer is an answer without it.


def resolve(api: Api, text: str) -> TestResponse:
    return api.get(f"/api/hub/resolve?{urlencode({'input': text})}")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("owner/name", ("owner/name", None, None)),
        ("  owner/name ", ("owner/name", None, None)),
        ("gpt2", ("gpt2", None, None)),
        ("https://huggingface.co/owner/name", ("owner/name", None, None)),
        ("http://www.huggingface.co/owner/name/", ("owner/name", None, None)),
        ("huggingface.co/owner/name", ("owner/name", None, None)),
        ("hf.co/owner/name", ("owner/name", None, None)),
        ("https://huggingface.co/gpt2", ("gpt2", None, None)),
        ("https://huggingface.co/owner/name/tree/v1", ("owner/name", "v1", None)),
        ("https://huggingface.co/owner/name/tree/refs%2Fpr%2F1", ("owner/name", "refs/pr/1", None)),
        ("https://huggingface.co/owner/name/commit/" + "a" * 40, ("owner/name", "a" * 40, None)),
        ("https://huggingface.co/owner/name/blob/main/a.gguf", ("owner/name", "main", "a.gguf")),
        (
            "https://huggingface.co/owner/name/resolve/main/sub/a%20b.gguf?download=true",
            ("owner/name", "main", "sub/a b.gguf"),
        ),
        ("https://huggingface.co/gpt2/raw/main/config.json", ("gpt2", "main", "config.json")),
    ],
)
def test_every_form_of_a_name_or_link_is_taken_apart(
    api: Api, text: str, meant: tuple[str, str | None, str | None]
) -> None:
    answer = resolve(api, text)
    assert answer.status_code == 200
    assert answer.json == dict(zip(("repo", "revision", "filename"), meant, strict=True))


def test_an_address_of_our_own_endpoint_is_taken_apart(api: Api) -> None:
    answer = resolve(api, "http://127.0.0.1:9/owner/name/blob/main/a.gguf").json
    assert answer == {"repo": "owner/name", "revision": "main", "filename": "a.gguf"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a/b/c",
        "../b",
        "own er/name",
        "owner/na\nme",
        "owner/\x00",
        "x" * 3000,
        "https://example.com/owner/name",
        "ftp://huggingface.co/owner/name",
        "https://[",
        "https://huggingface.co",
        "https://huggingface.co/datasets/owner/name",
        "https://huggingface.co/owner/name/blob/main/../../../etc/passwd",
        "https://huggingface.co/owner/name/blob/main/%2e%2e/a",
        "https://huggingface.co/owner/name/blob/main",
        "https://huggingface.co/owner/name/tree/..%2f..",
        "https://huggingface.co/owner/name/discussions/1",
    ],
)
def test_what_is_no_model_is_refused_with_a_sentence(api: Api, text: str) -> None:
    refused = resolve(api, text)
    assert (refused.status_code, refused.json["code"]) == (422, "VALIDATION_ERROR")
    assert refused.json["errors"]["input"]


def test_nothing_to_resolve_is_refused(api: Api) -> None:
    assert api.get("/api/hub/resolve").json["errors"].keys() == {"input"}
