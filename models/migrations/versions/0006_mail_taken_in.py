"""What tells that a mail was taken in already, reminded of, or warned about."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("once", sa.String(length=64), nullable=True))
        table.create_unique_constraint("uq_messages_once", ["once"])


def downgrade() -> None:
    with op.batch_alter_table("messages") as table:
        table.drop_constraint("uq_messages_once", type_="unique")
        table.drop_column("once")
