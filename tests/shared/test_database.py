import pytest
from sqlalchemy import Engine, func, select, text

from shared.database import Database, psycopg2_url
from shared.errors import ServiceUnavailable
from shared.settings import Settings


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_spelling_of_a_url_means_psycopg2(scheme: str) -> None:
    assert (
        psycopg2_url(f"{scheme}://u:p%40w@h:5/d?sslmode=require")
        == "postgresql+psycopg2://u:p%40w@h:5/d?sslmode=require"
    )


def test_a_database_that_is_away_is_a_refusal_without_its_password() -> None:
    database = Database("postgresql://someone:canary@127.0.0.1:9/none")
    with pytest.raises(ServiceUnavailable) as refused:
        database.ping()
    assert "canary" not in str(refused.value) + str(refused.value.__cause__)


def test_a_session_rolls_back_when_its_block_fails(database: Database) -> None:
    def write_and_fail() -> None:
        with database.session() as session:
            session.execute(text("insert into seeded_models (spec) values ('x')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.session() as session:
        assert session.scalar(text("select count(*) from seeded_models")) == 0


def test_times_come_in_utc(database: Database) -> None:
    with database.session() as session:
        assert session.scalar(text("show timezone")) == "UTC"


def test_a_transaction_in_which_nothing_is_said_holds_its_locks_no_longer(
    settings: Settings, database: Database
) -> None:
    silent = Database.from_settings(settings, silence=1)
    lock, got = text("select pg_advisory_xact_lock(1)"), []

    def say_nothing() -> None:
        with silent.session() as session:
            session.execute(lock)
            with database.session() as other:
                other.execute(lock)  # waits until the server has ended the silent one
                got.append("the lock")

    with pytest.raises(ServiceUnavailable):
        say_nothing()
    assert got == ["the lock"]
    silent.dispose()


def test_a_connection_that_died_while_nobody_used_it_is_replaced_unseen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.database.IDLE", 0)
    for _ in range(2):
        for engine in (database.engine, database.readers):
            _kill_all_of(engine, database)
        with database.session() as session, database.reading() as connection:
            assert session.scalar(select(1)) == connection.scalar(select(1)) == 1


def _kill_all_of(engine: Engine, database: Database) -> None:
    with engine.connect() as connection:
        own = connection.scalar(select(func.pg_backend_pid()))
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.session() as session:
        assert session.scalar(select(func.pg_terminate_backend(own, 5000)))
    other.dispose()
