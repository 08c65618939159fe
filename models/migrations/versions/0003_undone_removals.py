"""When a removal was undone, by whom, and who returned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("removals", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("removals", sa.Column("undone", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("removals", "undone")
    op.drop_column("removals", "undone_at")
