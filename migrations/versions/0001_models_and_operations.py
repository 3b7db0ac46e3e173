"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("content_type", sa.String(length=127), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", "caller", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "hosted-llm", "local", name="modeltype", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "category",
            sa.Enum(
                "llm",
                "embedding",
                "reranker",
                "splade",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "provider",
            sa.Enum(
                "openai",
                "azure-openai",
                name="provider",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("api_version", sa.String(length=64), nullable=True),
        sa.Column("deployment", sa.String(length=255), nullable=True),
        sa.Column("api_key_encrypted", sa.Text(), nullable=True),
        sa.Column(
            "source",
            sa.Enum(
                "huggingface",
                "path",
                name="modelsource",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("hf_repo", sa.String(length=255), nullable=True),
        sa.Column("revision", sa.String(length=255), nullable=True),
        sa.Column("model_file", sa.String(length=1024), nullable=True),
        sa.Column("allow_patterns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("ignore_patterns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("hf_token_encrypted", sa.Text(), nullable=True),
        sa.Column(
            "download_status",
            sa.Enum(
                "NotDownloaded",
                "Pending",
                "Downloading",
                "Paused",
                "Downloaded",
                "Failed",
                "Canceled",
                name="downloadstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("downloaded", sa.Boolean(), nullable=True),
        sa.Column("downloaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("commit_hash", sa.String(length=40), nullable=True),
        sa.Column("local_path", sa.Text(), nullable=True),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.String(length=80), nullable=True),
        sa.Column("manifest", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(type = 'hosted-llm') = (provider IS NOT NULL)", name=op.f("ck_models_provider_says_hosted")
        ),
        sa.CheckConstraint(
            "(type = 'local') = (downloaded IS NOT NULL)", name=op.f("ck_models_downloaded_says_local")
        ),
        sa.CheckConstraint(
            "(type = 'local') = (source IS NOT NULL)", name=op.f("ck_models_source_says_local")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index("ix_models_download_status", "models", ["download_status"], unique=False)
    op.create_index("ix_models_sort_name", "models", [sa.literal_column("lower(name)"), "id"], unique=False)
    op.create_index(
        "uq_models_local_path",
        "models",
        ["local_path"],
        unique=True,
        postgresql_where=sa.text("source = 'path'"),
    )
    op.create_index("uq_models_name", "models", ["name"], unique=True)
    op.create_index(
        "uq_models_repository_file",
        "models",
        ["hf_repo", "revision", sa.literal_column("coalesce(model_file, '')")],
        unique=True,
        postgresql_where=sa.text("source = 'huggingface'"),
    )
    op.create_table(
        "operations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "download",
                "delete",
                name="operationkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "running",
                "paused",
                "completed",
                "failed",
                "canceled",
                name="operationstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purge_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("manifest", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("phase", sa.String(length=32), nullable=True),
        sa.Column("bytes_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("bytes_reused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("files_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("files_total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
    )
    op.create_index("ix_operations_created", "operations", ["created_at"], unique=False)
    op.create_index("ix_operations_model", "operations", ["model_id", "created_at"], unique=False)
    op.create_index(
        "ix_operations_purge",
        "operations",
        ["id"],
        unique=False,
        postgresql_where=sa.text("purge_requested_at IS NOT NULL"),
    )
    op.create_index(
        "ix_operations_unfinished",
        "operations",
        ["status", "created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'running', 'paused')"),
    )
    op.create_index(
        "uq_operations_unfinished",
        "operations",
        ["model_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'running', 'paused')"),
    )
    op.create_table(
        "seeded_models",
        sa.Column("spec", sa.String(length=1600), nullable=False),
        sa.Column("seeded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("spec", name=op.f("pk_seeded_models")),
    )


def downgrade() -> None:
    op.drop_table("seeded_models")
    op.drop_index(
        "uq_operations_unfinished",
        table_name="operations",
        postgresql_where=sa.text("status IN ('pending', 'running', 'paused')"),
    )
    op.drop_index(
        "ix_operations_unfinished",
        table_name="operations",
        postgresql_where=sa.text("status IN ('pending', 'running', 'paused')"),
    )
    op.drop_index(
        "ix_operations_purge",
        table_name="operations",
        postgresql_where=sa.text("purge_requested_at IS NOT NULL"),
    )
    op.drop_index("ix_operations_model", table_name="operations")
    op.drop_index("ix_operations_created", table_name="operations")
    op.drop_table("operations")
    op.drop_index(
        "uq_models_repository_file", table_name="models", postgresql_where=sa.text("source = 'huggingface'")
    )
    op.drop_index("uq_models_name", table_name="models")
    op.drop_index("uq_models_local_path", table_name="models", postgresql_where=sa.text("source = 'path'"))
    op.drop_index("ix_models_sort_name", table_name="models")
    op.drop_index("ix_models_download_status", table_name="models")
    op.drop_table("models")
    op.drop_index("ix_idempotency_keys_created", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
