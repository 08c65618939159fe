"""What a sweep has looked at so far."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("looked", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("sweeps", "looked")
