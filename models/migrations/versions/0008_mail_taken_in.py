"""What tells that a mail was taken in already, reminded of, or warned about."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
REFERS = "{0}_id BIGINT CONSTRAINT fk_deliveries_{0}_id REFERENCES {1} (id)"
AUTO = {"sqlite_autoincrement": True}


def upgrade() -> None:
    # Not by making the tables anew: SQLite would forget which ids they have handed out.
    op.add_column("messages", sa.Column("once", sa.String(length=64), nullable=True))
    op.create_index("uq_messages_once", "messages", ["once"], unique=True)
    op.add_column("invitations", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("memberships", sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(f"ALTER TABLE deliveries ADD COLUMN {REFERS.format('subject', 'memberships')}")
    op.execute(f"ALTER TABLE deliveries ADD COLUMN {REFERS.format('sweep', 'sweeps')}")
    op.create_index("ix_findings_object", "findings", ["check", "object_id"])


def downgrade() -> None:
    op.drop_index("ix_findings_object", "findings")
    with op.batch_alter_table("deliveries", table_kwargs=AUTO) as table:
        table.drop_column("subject_id")
        table.drop_column("sweep_id")
    op.drop_column("memberships", "warned_at")
    op.drop_column("invitations", "reminded_at")
    op.drop_index("uq_messages_once", "messages")
    op.drop_column("messages", "once")
