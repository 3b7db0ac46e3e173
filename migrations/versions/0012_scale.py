"""Chores are done in turns, and what ended lately is found without reading what ended long ago."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("chore", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("chore", name=op.f("pk_turns")),
    )
    op.create_index("ix_operations_finished", "operations", ["finished_at"])
    op.create_index(
        "ix_operations_failed",
        "operations",
        ["finished_at"],
        postgresql_where=sa.text("status = 'failed' AND dismissed_at IS NULL"),
    )
    op.create_index("ix_cached_repos_blobs", "cached_repos", ["blobs"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_cached_repos_blobs", table_name="cached_repos", postgresql_using="gin")
    op.drop_index("ix_operations_failed", table_name="operations")
    op.drop_index("ix_operations_finished", table_name="operations")
    op.drop_table("turns")
