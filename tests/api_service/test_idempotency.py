import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

from sqlalchemy import func, update
from werkzeug.test import EnvironBuilder, run_wsgi_app

from shared.database import Database
from shared.tables import IdempotencyKey
from tests.conftest import ADMIN_TOKEN, HOSTED, LOCAL, Api


def test_the_same_key_and_body_get_the_first_answer_again(api: Api) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = api.post("/api/models", HOSTED, headers=key)
    again = api.post("/api/models", HOSTED, headers=key)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(api.get("/api/models").json) == 1


def test_a_refusal_is_an_answer_too(api: Api) -> None:
    key = {"Idempotency-Key": "order-2"}
    first = api.post("/api/models", HOSTED | {"name": ""}, headers=key)
    again = api.post("/api/models", HOSTED | {"name": ""}, headers=key)
    assert (first.status_code, again.status_code, again.content_type) == (
        422,
        422,
        "application/problem+json",
    )
    assert again.json["errors"] == first.json["errors"]


def test_the_same_key_with_another_body_is_a_conflict(api: Api) -> None:
    key = {"Idempotency-Key": "order-3"}
    api.post("/api/models", HOSTED, headers=key)
    refused = api.post("/api/models", HOSTED | {"name": "Other"}, headers=key)
    assert (refused.status_code, refused.json["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert len(api.get("/api/models").json) == 1


def test_the_same_key_at_another_address_is_a_conflict(api: Api) -> None:
    key = {"Idempotency-Key": "order-4"}
    model = api.post("/api/models", LOCAL).json
    api.post(f"/api/models/{model['id']}/download", headers=key)
    assert (
        api.post(f"/api/models/{model['id']}/cancel-download", headers=key).json["code"]
        == "IDEMPOTENCY_CONFLICT"
    )


def test_a_key_is_forgotten_after_a_day(api: Api, database: Database) -> None:
    key = {"Idempotency-Key": "order-5"}
    api.post("/api/models", HOSTED, headers=key)
    with database.session() as session:
        session.execute(update(IdempotencyKey).values(created_at=func.now() - timedelta(hours=25)))
    assert api.post("/api/models", HOSTED | {"name": "Other"}, headers=key).status_code == 201


def test_twins_at_the_same_moment_register_one_model(api: Api) -> None:
    def post(_: int) -> int:
        client = api.client.application.test_client()
        return Api(client).post("/api/models", HOSTED, headers={"Idempotency-Key": "order-6"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, range(8))) == {201}
    assert len(api.get("/api/models").json) == 1


def test_a_query_that_is_no_text_is_part_of_the_request(api: Api) -> None:
    environ = EnvironBuilder(path="/api/models", method="POST").get_environ()
    environ |= {"HTTP_AUTHORIZATION": f"Bearer {ADMIN_TOKEN}", "HTTP_IDEMPOTENCY_KEY": "order-7"}
    body = json.dumps(HOSTED).encode()
    environ |= {"CONTENT_LENGTH": str(len(body))}
    statuses = []
    for query in ("\xff", "\xff", "\xfe"):
        asked = environ | {"QUERY_STRING": query, "wsgi.input": BytesIO(body)}
        _body, status, _headers = run_wsgi_app(api.client.application, asked, buffered=True)
        statuses.append(status.partition(" ")[0])
    assert statuses == ["201", "201", "409"]


def test_a_key_of_a_strange_form_is_refused(api: Api) -> None:
    refused = api.post("/api/models", HOSTED, headers={"Idempotency-Key": "x" * 256})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["Idempotency-Key"])
