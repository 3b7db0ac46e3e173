"""Each model is shown as its row says it now, alone and in lists, though its text is kept."""

from operator import itemgetter
from typing import Any

import pytest
from sqlalchemy import text

from api_service import rendered
from api_service.rendered import Rendered
from shared import operations, registry
from shared.database import Database
from shared.tables import Model
from tests.conftest import HOSTED, LOCAL, Api


def listed(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/models").json
    return found


def kept(api: Api) -> Rendered:
    found: Rendered = api.client.application.extensions["weighbridge"].rendered
    return found


def test_a_model_is_read_as_it_was_written_alone_and_in_a_list(api: Api) -> None:
    written = [api.post("/api/models", body).json for body in (HOSTED, LOCAL)]
    for _ in range(2):
        assert [api.get(f"/api/models/{model['id']}").json for model in written] == written
        assert sorted(listed(api), key=itemgetter("id")) == written


def test_a_change_shows_in_the_next_list(api: Api, database: Database) -> None:
    model_id = api.post("/api/models", LOCAL).json["id"]
    assert listed(api)[0]["lastUsedAt"] is None
    # By a write that leaves updated_at alone.
    with database.session() as session:
        session.execute(text("update models set last_used_at = now()"))
    assert listed(api)[0]["lastUsedAt"] is not None
    api.patch(f"/api/models/{model_id}", {"name": "Renamed"})
    assert listed(api)[0]["name"] == "Renamed"
    api.delete(f"/api/models/{model_id}")
    assert listed(api) == []


def test_an_operation_shows_while_it_lasts_and_not_after(api: Api, database: Database) -> None:
    model_id = api.post("/api/models", LOCAL).json["id"]
    listed(api)
    with database.session() as session:
        operations.request_download(session, model_id, requested_by="t", request_id=None)
    assert listed(api)[0]["activeOperation"]["status"] == "Pending"
    assert listed(api) == [api.get(f"/api/models/{model_id}").json]
    api.post(f"/api/models/{model_id}/cancel-download")
    (after,) = listed(api)
    assert (after["activeOperation"], after["downloadStatus"]) == (None, "Canceled")


def test_a_list_of_what_has_not_changed_makes_no_text_anew(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.post("/api/models", LOCAL)
    before = listed(api)
    monkeypatch.setattr(rendered, "model_bodies", lambda *_: pytest.fail("the text was known"))
    assert listed(api) == before


def test_what_is_kept_is_bounded_and_the_longest_unread_goes_first(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "MOST", 2)
    for name in "abc":
        api.post("/api/models", LOCAL | {"name": name, "hfRepo": f"org/{name}"})
    for name in "abac":
        assert api.get(f"/api/models?name={name}").json[0]["name"] == name
    assert [key[0] for key in kept(api)._texts] == [1, 3]


def test_a_model_that_goes_between_two_looks_is_left_out_or_not_found(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.post("/api/models", LOCAL)
    other_id = api.post("/api/models", HOSTED).json["id"]
    real = registry.several

    def delete_then_look(session: Any, model_ids: Any) -> Any:
        with database.session() as other:
            for model_id in model_ids:
                other.delete(other.get_one(Model, model_id))
        return real(session, model_ids)

    monkeypatch.setattr(registry, "several", delete_then_look)
    answer = api.get(f"/api/models/{other_id}")
    assert (answer.status_code, answer.json["code"]) == (404, "MODEL_NOT_FOUND")
    assert listed(api) == []
