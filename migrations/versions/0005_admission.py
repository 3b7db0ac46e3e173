"""A download takes its room on the volume before its first byte."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "operations", sa.Column("admitted_attempt", sa.Integer(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("operations", "admitted_attempt")
