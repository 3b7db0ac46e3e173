"""Whether the database has the tables that this version wants: migrations come before the code.

A newer schema is no obstacle: migrations only add, so the version before runs on it (docs/operations.md).
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.errors import SchemaBehind

# The newest of migrations/versions: tests/migrations keeps this true, and that revisions grow with time.
NEWEST = "0015"


def check(session: Session) -> None:
    """Raise SchemaBehind while a migration of this version is still to come."""
    found = _revision(session)
    if found is None:
        raise SchemaBehind("The database has no tables yet.")
    if found < NEWEST:
        raise SchemaBehind(f"The database's schema is {found}, and this version wants {NEWEST}.")


def _revision(session: Session) -> str | None:
    if session.scalar(text("select to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = session.scalar(text("select version_num from alembic_version"))
    return revision
