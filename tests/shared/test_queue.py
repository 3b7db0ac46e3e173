"""The queue view while operations end between its questions."""

from collections.abc import Sequence

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import queue
from shared.database import Database
from shared.queue import Section
from shared.tables import Operation, OperationKind, OperationStatus


def test_what_ends_while_the_view_is_read_stands_in_it_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session:
        session.add(Operation(model_id=1, kind=OperationKind.DOWNLOAD, status=OperationStatus.RUNNING))
        done = Operation(model_id=2, kind=OperationKind.DOWNLOAD, status=OperationStatus.COMPLETED)
        done.finished_at = func.now()
        session.add(done)
    look = queue._unfinished

    def then_it_ends(session: Session) -> Sequence[Operation]:
        seen = look(session)
        with database.session() as other:
            running = other.scalars(select(Operation).where(Operation.model_id == 1)).one()
            running.status, running.finished_at = OperationStatus.COMPLETED, func.now()
        return seen

    monkeypatch.setattr(queue, "_unfinished", then_it_ends)
    with database.session() as session:
        found = queue.sections(session)
    by_section = {section: [operation.model_id for operation in found[section]] for section in Section}
    assert by_section[Section.ACTIVE] == [1]
    assert by_section[Section.COMPLETED] == [2]
