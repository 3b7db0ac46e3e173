"""The totals of long lists are right after every kind of change, and while two add up at once."""

import threading

from sqlalchemy import func, select, text

from shared import row_counts
from shared.database import Database
from shared.tables import Base, Model, Operation, RowCount

_ADD = """
insert into models (name, type, provider, is_active, is_default)
select prefix || n, 'hosted-llm', 'openai', true, false
from generate_series(1, :many) n, (values (:prefix)) p(prefix)
"""


def add(database: Database, many: int, *, prefix: str = "m") -> None:
    with database.session() as session:
        session.execute(text(_ADD), {"many": many, "prefix": prefix})


def total(database: Database, table: type[Base] = Model) -> int:
    with database.reading() as connection:
        said = connection.scalar(select(row_counts.total_of(table)))
        assert said == connection.scalar(select(func.count()).select_from(table))
    return int(said or 0)


def notes(database: Database) -> int:
    with database.session() as session:
        return session.scalar(select(func.count()).select_from(RowCount)) or 0


def test_the_total_follows_inserts_deletes_and_an_emptied_table(database: Database) -> None:
    assert total(database) == 0
    add(database, 7)
    assert total(database) == 7
    with database.session() as session:
        session.execute(text("delete from models where name in ('m1', 'm2')"))
    assert total(database) == 5
    with database.session() as session:
        session.execute(text("truncate models cascade"))
    assert total(database) == 0


def test_what_is_rolled_back_was_never_counted(database: Database) -> None:
    with database.session() as session:
        session.execute(text(_ADD), {"many": 3, "prefix": "m"})
        session.rollback()
    assert total(database) == 0


def test_operations_are_counted_too(database: Database) -> None:
    with database.session() as session:
        session.add(Operation(model_id=1, kind="download"))
    assert total(database, Operation) == 1


def test_notes_are_added_up_once_there_are_many(database: Database) -> None:
    for number in range(4):
        add(database, 1, prefix=f"n{number}-")
    with database.session() as session:
        row_counts.add_up(session, at_least=5)
    assert notes(database) == 4
    with database.session() as session:
        row_counts.add_up(session, at_least=4)
    assert (notes(database), total(database)) == (1, 4)


def test_adding_up_leaves_to_its_writer_what_is_not_committed(database: Database) -> None:
    add(database, 2)
    with database.session() as writing:
        writing.execute(text(_ADD), {"many": 3, "prefix": "late"})
        with database.session() as session:
            row_counts.add_up(session, at_least=1)
        assert total(database) == 2
    assert total(database) == 5


def test_two_who_add_up_at_once_count_once(database: Database) -> None:
    add(database, 9)
    both = threading.Barrier(2)

    def add_up() -> None:
        with database.session() as session:
            both.wait()
            row_counts.add_up(session, at_least=1)

    threads = [threading.Thread(target=add_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total(database) == 9


def test_adding_up_mends_a_total_that_a_restore_has_made_wrong(database: Database) -> None:
    add(database, 2)
    with database.session() as session:
        session.add(RowCount(table_name="models", delta=40))
    with database.session() as session:
        row_counts.add_up(session, at_least=1)
    assert total(database) == 2
