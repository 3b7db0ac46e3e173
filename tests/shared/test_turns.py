import threading
from datetime import timedelta

from sqlalchemy import func, select, update

from shared import turns
from shared.database import Database
from shared.tables import Turn


def _take(database: Database, chore: str = "sweep") -> bool:
    with database.session() as session:
        return turns.take(session, chore, seconds=60)


def test_a_turn_comes_again_when_its_time_is_over(database: Database) -> None:
    assert [_take(database), _take(database)] == [True, False]
    with database.session() as session:
        session.execute(update(Turn).values(taken_at=func.now() - timedelta(seconds=61)))
    assert [_take(database), _take(database)] == [True, False]


def test_each_chore_has_turns_of_its_own(database: Database) -> None:
    assert _take(database, "sweep")
    assert _take(database, "look /a")
    assert _take(database, "look /b")


def test_of_many_who_ask_at_once_one_has_the_turn(database: Database) -> None:
    for taken_at in (None, func.now() - timedelta(seconds=61)):
        if taken_at is not None:
            with database.session() as session:
                session.execute(update(Turn).values(taken_at=taken_at))
        began, found = threading.Barrier(8), []

        def ask(began: threading.Barrier = began, found: list[bool] = found) -> None:
            began.wait()
            found.append(_take(database))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == [False] * 7 + [True]


def test_who_asks_while_another_is_about_to_take_it_does_not_wait(database: Database) -> None:
    _take(database)
    with database.session() as session:
        session.execute(update(Turn).values(taken_at=func.now() - timedelta(seconds=61)))
    with database.session() as session:
        session.scalar(select(Turn.chore).with_for_update())
        assert not _take(database)
