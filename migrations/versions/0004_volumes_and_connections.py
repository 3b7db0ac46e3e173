"""What a worker last saw of the volume, and how the last test of a connection ended."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "volumes",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("available_bytes", sa.BigInteger(), nullable=False),
        sa.Column("partial_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_volumes")),
    )
    op.add_column("models", sa.Column("connection", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("models", sa.Column("connection_tested_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "connection_tested_at")
    op.drop_column("models", "connection")
    op.drop_table("volumes")
