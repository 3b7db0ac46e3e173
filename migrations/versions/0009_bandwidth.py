"""A download may have a limit of its own on what it takes of the network."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operations", sa.Column("max_bytes_per_second", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("operations", "max_bytes_per_second")
