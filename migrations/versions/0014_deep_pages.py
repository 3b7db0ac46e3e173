"""A deep page of the models by name is found without reading the rows before it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UP, DOWN = sa.text("lower(name)"), sa.text("lower(name) DESC NULLS LAST")


def upgrade() -> None:
    op.create_index("ix_models_name_up", "models", [UP, "id"], postgresql_include=["name"])
    op.create_index("ix_models_name_down", "models", [DOWN, "id"], postgresql_include=["name"])
    op.drop_index("ix_models_sort_name", table_name="models")
    op.drop_index("ix_models_sort_name_down", table_name="models")


def downgrade() -> None:
    op.create_index("ix_models_sort_name", "models", [UP, "id"])
    op.create_index("ix_models_sort_name_down", "models", [DOWN, "id"])
    op.drop_index("ix_models_name_down", table_name="models")
    op.drop_index("ix_models_name_up", table_name="models")
