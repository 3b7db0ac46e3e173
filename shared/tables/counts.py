"""The rows that say how many rows others have."""

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.base import Base


class RowCount(Base):
    """By how much a table grew or shrank: written by triggers of the counted tables (migration 0010).

    A row for each change, not one number, at which writers would wait for one another: shared/row_counts.py.
    """

    __tablename__ = "row_counts"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    delta: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_row_counts_table_name", "table_name", "delta"),)
