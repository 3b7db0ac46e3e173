"""Chores in turns; what ended lately, and a page of a list, is found without reading all the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LISTED = [
    *("type", "category", "provider", "is_active", "download_status", "downloaded", "file_size_bytes"),
    *("created_at", "updated_at", "downloaded_at", "last_used_at"),
]


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("chore", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("chore", name=op.f("pk_turns")),
    )
    newest = sa.text("created_at DESC"), "id"
    op.create_index("ix_operations_newest", "operations", newest, postgresql_include=["kind", "status"])
    op.drop_index("ix_operations_created", table_name="operations")
    op.create_index("ix_operations_kind", "operations", ["kind", *newest])
    op.create_index("ix_operations_status", "operations", ["status", *newest])
    op.create_index("ix_models_sort_name_down", "models", [sa.text("lower(name) DESC NULLS LAST"), "id"])
    op.create_index("ix_models_hf_repo", "models", ["hf_repo"])
    op.create_index("ix_models_listed", "models", ["id"], postgresql_include=LISTED)
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
    op.drop_index("ix_models_listed", table_name="models")
    op.drop_index("ix_models_hf_repo", table_name="models")
    op.drop_index("ix_models_sort_name_down", table_name="models")
    op.drop_index("ix_operations_status", table_name="operations")
    op.drop_index("ix_operations_kind", table_name="operations")
    op.create_index("ix_operations_created", "operations", ["created_at"])
    op.drop_index("ix_operations_newest", table_name="operations")
    op.drop_table("turns")
