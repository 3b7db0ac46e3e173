import json
import re
from typing import Any

import pytest

from api_service.openapi import document
from api_service.routes import health
from tests.conftest import ROOT, Api


def test_the_docs_page_loads_nothing_from_outside(api: Api) -> None:
    page = api.get("/api/docs", token=None)
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) == 4
    for address in assets:
        assert address.startswith("/api/docs/")
        assert api.get(address, token=None).status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_an_asset_outside_the_list_is_not_served(api: Api) -> None:
    assert api.get("/api/docs/index.html", token=None).status_code == 404
    assert api.get("/api/docs/..%2f__init__.py", token=None).status_code in (401, 404)


def test_the_openapi_document_is_served_without_a_token(documented_api: Api) -> None:
    served = documented_api.get("/api/openapi.json", token=None).json
    assert served["openapi"].startswith("3.")
    assert "/api/models/{model_id}/download" in served["paths"]


def test_the_committed_openapi_document_is_the_current_one() -> None:
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert committed == document(), "run `make openapi`"


def test_every_route_of_the_document_has_a_summary() -> None:
    for path, methods in document()["paths"].items():  # type: ignore[attr-defined]
        for method, operation in methods.items():
            if method != "parameters":
                assert operation.get("summary"), f"{method} {path}"


@pytest.mark.parametrize(
    ("part", "broken", "problem"),
    [
        ("VERSION", None, "version: None is no string"),
        ("_database", lambda: "perhaps", "'perhaps' is none of"),
    ],
)
def test_a_reply_that_breaks_the_documents_promise_is_noticed(
    api: Api, monkeypatch: pytest.MonkeyPatch, part: str, broken: Any, problem: str
) -> None:
    monkeypatch.setattr(health, part, broken)
    with pytest.raises(AssertionError, match=problem):
        api.get("/api/health")
