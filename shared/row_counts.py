"""How many rows the tables of long lists have, without counting them for each page.

Triggers note each growth and shrinkage (shared/tables/counts.py); their sum is exact in every snapshot.
"""

from typing import Any

from sqlalchemy import BigInteger, ScalarSelect, cast, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from shared.tables import Base, Model, Operation, RowCount

COUNTED: tuple[type[Base], ...] = (Model, Operation)
# Notes of one table beyond which they are added up.
MOST = 500


def total_of(table: type[Base]) -> ScalarSelect[Any]:
    """SQL: how many rows a counted table has."""
    added_up = select(cast(func.coalesce(func.sum(RowCount.delta), 0), BigInteger))
    return added_up.where(RowCount.table_name == table.__tablename__).scalar_subquery()


def add_up(session: Session, *, at_least: int = MOST) -> None:
    """Count anew each table of which there are that many notes or more, in place of them.

    That also mends what a restore without triggers, or with both its rows and its notes, would leave wrong.
    """
    for table in COUNTED:
        name = table.__tablename__
        notes = select(func.count()).select_from(RowCount).where(RowCount.table_name == name)
        if (session.scalar(notes) or 0) < at_least:
            continue
        # Two at once would both write what they counted; who comes second leaves it to the first.
        alone = func.pg_try_advisory_xact_lock(func.hashtextextended(f"weighbridge count of {name}", 0))
        if not session.scalar(select(alone)):
            continue
        # One statement, one snapshot: the notes that go are exactly those of the rows that are counted.
        noted = delete(RowCount).where(RowCount.table_name == name).returning(RowCount.id).cte("noted")
        counted = select(literal(name), func.count()).select_from(table)
        session.execute(insert(RowCount).from_select(["table_name", "delta"], counted).add_cte(noted))
