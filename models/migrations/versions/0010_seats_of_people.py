"""The seats of one person in one account are found together."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_memberships_seats", "memberships", ["account_id", "user_id"])
    op.drop_index("ix_memberships_account_id", "memberships")


def downgrade() -> None:
    op.create_index("ix_memberships_account_id", "memberships", ["account_id"])
    op.drop_index("ix_memberships_seats", "memberships")
