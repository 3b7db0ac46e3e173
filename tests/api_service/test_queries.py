import uuid

import pytest
from sqlalchemy import event

from shared import attempts
from shared.database import Database
from shared.progress import Progress
from tests.conftest import HOSTED, LOCAL, Api


def _fill(api: Api, database: Database, number: int) -> None:
    """A hosted model, a downloaded one, and one whose download waits."""
    api.post("/api/models", HOSTED | {"name": f"hosted {number}"})
    waits, done = (
        api.post("/api/models", LOCAL | {"name": name, "revision": name, "downloadNow": True}).json
        for name in (f"waits-{number}", f"done-{number}")
    )
    assert waits["activeOperation"]
    operation_id = uuid.UUID(done["activeOperation"]["taskId"])
    manifest = {"commit": "c" * 40, "files": [{"path": "f", "size": 5, "oid": "a" * 64}]}
    with database.session() as session:
        attempts.begin(session, operation_id, worker="w", lease_seconds=30)
        facts = {"manifest": manifest}
        attempts.complete_download(session, operation_id, 1, progress=Progress(), columns=facts)


@pytest.mark.parametrize(
    "path",
    [
        "/api/models",
        "/api/downloads",
        "/api/downloads/queue",
        "/api/operations",
        "/api/storage",
        "/api/catalog",
        "/api/featured-models",
    ],
)
def test_the_number_of_queries_does_not_grow_with_the_rows(api: Api, database: Database, path: str) -> None:
    statements: list[str] = []
    database_of_api = api.client.application.extensions["weighbridge"].database
    for engine in (database_of_api.engine, database_of_api.readers):
        event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def count() -> int:
        statements.clear()
        assert api.get(path).status_code == 200
        return len(statements)

    _fill(api, database, 1)
    before = count()
    for number in range(2, 6):
        _fill(api, database, number)
    assert count() == before
