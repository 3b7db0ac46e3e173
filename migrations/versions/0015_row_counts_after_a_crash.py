"""The numbers of the counts go on after a crash, also right after the first start."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Where wal_level is minimal, nothing is logged of a sequence in the transaction that makes it, and 0010 took
# numbers there. Postgres takes the next 32 for logged in advance, and a crash gave them out once more. After
# setval the next number is logged.
_GO_ON = """
select setval('row_counts_id_seq', greatest(last_value, (select max(id) from row_counts)) + 1)
from row_counts_id_seq
"""


def upgrade() -> None:
    op.execute("lock table row_counts in share row exclusive mode")  # expand: nobody takes a number meanwhile
    op.execute(_GO_ON)  # expand: leaves behind what was given out


def downgrade() -> None:
    """There is nothing to take back."""
