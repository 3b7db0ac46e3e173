"""Several volumes: which one has a model's files, and where an operation has to run.

Only what is new stands here: the release before goes on with it as it did. (The index that is replaced kept
one clean-up at a time; the new one does for whoever names no volume.)
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OF_VOLUME = "model_id IS NULL AND status IN ('pending', 'running', 'paused')"


def upgrade() -> None:
    op.add_column("models", sa.Column("volume", sa.Text(), nullable=True))
    op.add_column("operations", sa.Column("volume", sa.Text(), nullable=True))
    op.create_index(  # expand: what the release before writes names no volume, so it says the same
        "uq_operations_on_volume",
        "operations",
        ["kind", sa.text("coalesce(volume, '')")],
        unique=True,
        postgresql_where=sa.text(_OF_VOLUME),
    )
    op.drop_index("uq_operations_of_volume", "operations")


def downgrade() -> None:
    # One at a time again: of those that have not ended the first one stays.
    op.execute(
        f"UPDATE operations SET status = 'canceled', finished_at = now() WHERE {_OF_VOLUME} AND id NOT IN "
        f"(SELECT DISTINCT ON (kind) id FROM operations WHERE {_OF_VOLUME} ORDER BY kind, created_at)"
    )
    op.create_index(
        "uq_operations_of_volume",
        "operations",
        ["kind"],
        unique=True,
        postgresql_where=sa.text(_OF_VOLUME),
    )
    op.drop_index("uq_operations_on_volume", "operations")
    op.drop_column("operations", "volume")
    op.drop_column("models", "volume")
