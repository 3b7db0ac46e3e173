"""What the cache holds, who uses a model, verify, update and clean-up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("now()")
_KIND = "ck_operations_operationkind"


def upgrade() -> None:
    op.create_table(
        "cached_repos",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("repo", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("revisions", _JSON, nullable=False),
        sa.Column("blobs", _JSON, nullable=False),
        sa.Column("modified_at", _TIME, nullable=True),
        sa.Column("accessed_at", _TIME, nullable=True),
        sa.Column("folders", _JSON, nullable=False),
        sa.Column("read_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("path", "repo", name=op.f("pk_cached_repos")),
    )
    op.create_index("ix_cached_repos_repo", "cached_repos", ["repo"])
    op.create_table(
        "model_references",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("policy", _words("referencepolicy", "block", "warn"), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=True),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_model_references_model_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "consumer", "name", name=op.f("pk_model_references")),
    )
    op.add_column(
        "models", sa.Column("is_pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("models", sa.Column("verified_at", _TIME, nullable=True))
    op.add_column("models", sa.Column("damaged_files", _JSON, nullable=True))
    op.add_column("models", sa.Column("former", _JSON, nullable=True))
    for column in ("scanned_at", "scan_requested_at"):
        op.add_column("volumes", sa.Column(column, _TIME, nullable=True))
    op.add_column("volumes", sa.Column("cache_bytes", sa.BigInteger(), nullable=True))
    op.add_column("volumes", sa.Column("half_files", _JSON, nullable=True))
    _widen_operations()


def _widen_operations() -> None:
    op.alter_column("operations", "model_id", nullable=True)
    op.add_column("operations", sa.Column("plan", _JSON, nullable=True))
    results = ("removed", "not_installed", "intact", "damaged", "updated", "up_to_date")
    op.add_column("operations", sa.Column("result", _words("result", *results), nullable=True))
    op.add_column("operations", sa.Column("bytes_freed", sa.BigInteger(), nullable=True))
    op.drop_constraint(op.f(_KIND), "operations")
    op.create_check_constraint(
        op.f(_KIND), "operations", "kind IN ('download', 'delete', 'verify', 'update', 'clean-up')"
    )
    op.create_index(
        "uq_operations_of_volume",
        "operations",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("model_id IS NULL AND status IN ('pending', 'running', 'paused')"),
    )


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def downgrade() -> None:
    op.drop_index("uq_operations_of_volume", "operations")
    # The version before knows neither these kinds nor operations without a model.
    op.execute("DELETE FROM operations WHERE model_id IS NULL OR kind NOT IN ('download', 'delete')")
    op.drop_constraint(op.f(_KIND), "operations")
    op.create_check_constraint(op.f(_KIND), "operations", "kind IN ('download', 'delete')")
    for column in ("plan", "result", "bytes_freed"):
        op.drop_column("operations", column)
    op.alter_column("operations", "model_id", nullable=False)
    for column in ("scanned_at", "scan_requested_at", "cache_bytes", "half_files"):
        op.drop_column("volumes", column)
    for column in ("is_pinned", "verified_at", "damaged_files", "former"):
        op.drop_column("models", column)
    op.drop_table("model_references")
    op.drop_table("cached_repos")
