"""Alembic's entry: runs the migrations on the database that DATABASE_URL names."""

from alembic import context
from sqlalchemy import text

from shared.database import Database
from shared.settings import Settings
from shared.tables import Base

# Any number: two services that start at once must not migrate side by side.
_LOCK = 7_354_201


def _run() -> None:
    database = Database.from_settings(Settings.from_env(needs=("database_url",)))
    with database.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            # Waiting for another migration is right, however long it takes; so are long statements.
            connection.execute(text("set local lock_timeout = 0; set local statement_timeout = 0"))
            connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))
            context.run_migrations()
    database.dispose()


_run()
