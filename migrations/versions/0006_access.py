"""Users, API tokens and the audit log; a sign-in stands on one of three; files that may run code."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROLE = sa.Enum(
    "viewer", "operator", "admin", name="role", native_enum=False, create_constraint=True, length=32
)
_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", _ROLE, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("issuer", sa.String(length=255), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name=op.f("ck_users_issuer_and_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("uq_users_name", "users", [sa.text("lower(name)")], unique=True)
    op.create_index("uq_users_subject", "users", ["issuer", "subject"], unique=True)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("role", _ROLE, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"])
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("role", _ROLE, nullable=True),
        sa.Column("token", sa.String(length=128), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("model_id", sa.Integer(), nullable=True),
        sa.Column("model_name", sa.String(length=255), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at", "id"])
    op.create_index("ix_audit_events_model", "audit_events", ["model_id", "at"])
    _let_sessions_stand_on_one_of_three()
    op.add_column("models", sa.Column("unsafe_files", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def _let_sessions_stand_on_one_of_three() -> None:
    for column, table in (("user_id", "users"), ("api_token_id", "api_tokens")):
        op.add_column("sign_in_sessions", sa.Column(column, sa.Integer(), nullable=True))
        op.create_index(op.f(f"ix_sign_in_sessions_{column}"), "sign_in_sessions", [column])
        op.create_foreign_key(
            op.f(f"fk_sign_in_sessions_{column}"),
            "sign_in_sessions",
            table,
            [column],
            ["id"],
            ondelete="CASCADE",
        )
    op.alter_column("sign_in_sessions", "credential_hash", nullable=True)
    op.drop_column("sign_in_sessions", "caller")
    op.create_check_constraint(
        op.f("ck_sign_in_sessions_stands_on_one"),
        "sign_in_sessions",
        "num_nonnulls(user_id, api_token_id, credential_hash) = 1",
    )


def downgrade() -> None:
    op.drop_column("models", "unsafe_files")
    # Who signed in by something else than the administrator's token must sign in again.
    op.execute("DELETE FROM sign_in_sessions WHERE credential_hash IS NULL")
    op.drop_constraint(op.f("ck_sign_in_sessions_stands_on_one"), "sign_in_sessions")
    op.drop_column("sign_in_sessions", "user_id")
    op.drop_column("sign_in_sessions", "api_token_id")
    op.alter_column("sign_in_sessions", "credential_hash", nullable=False)
    op.add_column(
        "sign_in_sessions",
        sa.Column("caller", sa.String(length=255), server_default="admin", nullable=False),
    )
    op.alter_column("sign_in_sessions", "caller", server_default=None)
    op.drop_table("audit_events")
    op.drop_table("api_tokens")
    op.drop_table("users")
