"""How many models and operations there are is kept, not counted anew for each list."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COUNTED = ("models", "operations")

_COUNT = """
create function count_rows() returns trigger language plpgsql as $$
declare
  more bigint;
begin
  if tg_op = 'TRUNCATE' then
    delete from row_counts where table_name = tg_table_name;
    return null;
  end if;
  select count(*) into more from changed;
  if more > 0 then
    insert into row_counts (table_name, delta)
      values (tg_table_name, case tg_op when 'DELETE' then -more else more end);
  end if;
  return null;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "row_counts",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_row_counts"),
    )
    op.create_index("ix_row_counts_table_name", "row_counts", ["table_name", "delta"])
    op.execute(_COUNT)  # expand: a function of its own
    for table in COUNTED:
        for statement in _begin_to_count(table):
            op.execute(statement)  # expand: triggers, whoever writes


def _begin_to_count(table: str) -> list[str]:
    trigger = "create trigger count_{0}s after {0} on {1} referencing {2} table as changed " + _EACH
    return [
        # Nobody adds a row between the trigger and the first count.
        f"lock table {table} in share row exclusive mode",
        trigger.format("insert", table, "new"),
        trigger.format("delete", table, "old"),
        f"create trigger count_none after truncate on {table} {_EACH}",
        f"insert into row_counts (table_name, delta) select '{table}', count(*) from {table}",
    ]


_EACH = "for each statement execute function count_rows()"


def downgrade() -> None:
    for table in COUNTED:
        for trigger in ("count_inserts", "count_deletes", "count_none"):
            op.execute(f"drop trigger {trigger} on {table}")
    op.execute("drop function count_rows()")
    op.drop_table("row_counts")
