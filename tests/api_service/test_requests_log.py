from tests.conftest import Api


def test_a_request_id_is_taken_and_returned(api: Api) -> None:
    answer = api.get("/api/models/1", headers={"X-Request-ID": "from-the-caller.1"})
    assert answer.headers["X-Request-ID"] == answer.json["requestId"] == "from-the-caller.1"


def test_a_request_without_an_id_gets_one(api: Api) -> None:
    first, second = (api.get("/api/models").headers["X-Request-ID"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_an_id_that_could_forge_a_log_line_is_replaced(api: Api) -> None:
    assert " " not in api.get("/api/models", headers={"X-Request-ID": "a b=c"}).headers["X-Request-ID"]


def test_the_request_id_goes_into_the_operations_row(api: Api) -> None:
    from tests.conftest import LOCAL

    api.post("/api/models", LOCAL | {"downloadNow": True}, headers={"X-Request-ID": "follow-me"})
    with api.client.application.extensions["weighbridge"].database.session() as session:
        from shared.tables import Operation

        assert session.query(Operation.request_id).scalar() == "follow-me"
