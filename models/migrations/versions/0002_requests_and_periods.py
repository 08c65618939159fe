"""The request that wanted a job, and by when a schedule's next runs must have succeeded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("request_id", sa.String(length=64), server_default="", nullable=False))
    op.add_column("ticks", sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("ticks", "overdue_at")
    op.drop_column("jobs", "request_id")
