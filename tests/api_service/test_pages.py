"""Pages are the same whether the rows before them are read, or skipped by their ids."""

import json

import pytest

from api_service import pages
from tests.conftest import LOCAL, Api


@pytest.mark.parametrize("deep_from", [-1, 2, 10**6], ids=["by ids", "by ids from the third", "read"])
@pytest.mark.parametrize("sort", ["name", "-name", "createdAt", "-fileSizeBytes"])
def test_all_rows_stand_on_one_page_each_in_order(
    api: Api, monkeypatch: pytest.MonkeyPatch, deep_from: int, sort: str
) -> None:
    for name in "edcba":
        api.post("/api/models", LOCAL | {"name": name, "hfRepo": f"org/{name}"})
    whole = api.get(f"/api/models?sort={sort}").json
    monkeypatch.setattr(pages, "_DEEP", deep_from)
    found = [api.get(f"/api/models?sort={sort}&pageSize=2&page={page}") for page in (1, 2, 3, 4)]
    assert [model for page in found for model in page.json] == whole
    headers = [json.loads(page.headers["X-Pagination"]) for page in found]
    assert [header["total"] for header in headers] == [5, 5, 5, 5]
    assert [header.get("next_page") for header in headers] == [2, 3, None, None]


@pytest.mark.parametrize("deep_from", [-1, 10**6], ids=["by ids", "read"])
def test_a_filtered_list_counts_and_pages_what_it_finds(
    api: Api, monkeypatch: pytest.MonkeyPatch, deep_from: int
) -> None:
    for name in ("kk1", "other", "kk2", "kk3"):
        api.post("/api/models", LOCAL | {"name": name, "hfRepo": f"org/{name}"})
    monkeypatch.setattr(pages, "_DEEP", deep_from)
    answer = api.get("/api/models?q=kk&pageSize=2&page=2")
    assert [model["name"] for model in answer.json] == ["kk3"]
    assert json.loads(answer.headers["X-Pagination"])["total"] == 3
