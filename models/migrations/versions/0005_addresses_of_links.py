"""A link is worth something at the address alone that it was mailed to."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default, so that SQLite need not rebuild the table; a link of no address opens nothing.
    op.add_column("links", sa.Column("address", sa.String(length=254), server_default="", nullable=False))
    op.execute("UPDATE links SET address = (SELECT email FROM users WHERE users.id = links.user_id)")


def downgrade() -> None:
    op.drop_column("links", "address")
