"""Indexes for what every page, every minute and every look at the metrics asks for; no columns that nobody reads."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTIAL = (
    ("ix_notifications_unread", "notifications", ["membership_id"], "read_at IS NULL"),
    ("ix_grants_ending", "grants", ["ends_at"], "ends_at IS NOT NULL AND revoked_at IS NULL"),
    ("ix_memberships_ending", "memberships", ["ends_at"], "ends_at IS NOT NULL"),
    ("ix_deliveries_open", "deliveries", ["queued_at"], "status IN ('queued', 'sending')"),
    ("ix_jobs_scheduled", "jobs", ["actor", "id"], "actor IN ('expire', 'purge')"),
)
# None is indexed or a key, so that SQLite drops them without rebuilding the table, which would forget its last id.
UNREAD = (
    ("messages", "edited_at"),
    ("ticks", "taken_at"),
    ("contacts", "created_at"),
    ("companies", "created_at"),
    ("tasks", "created_at"),
    ("users", "created_at"),
)


def upgrade() -> None:
    for name, table, columns, where in PARTIAL:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    for table, column in UNREAD:
        op.drop_column(table, column)


def downgrade() -> None:
    for table, column in UNREAD:
        op.add_column(table, sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_notifications_created_at", "notifications")
    for name, table, _, _ in PARTIAL:
        op.drop_index(name, table)
