"""Reviews of guests' access."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OUTCOME = sa.Enum(
    "kept", "ended", "unanswered", "gone", name="reviewoutcome", native_enum=False, length=32,
)
IS_OPEN = sa.text("outcome IS NULL")
REFERS = (
    ("account_id", "accounts"),
    ("membership_id", "memberships"),
    ("asked_id", "memberships"),
    ("answered_by_id", "memberships"),
)


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("membership_id", ID, nullable=False),
        sa.Column("asked_id", ID, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("mailed_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("answered_by_id", ID, nullable=True),
        sa.Column("outcome", OUTCOME, nullable=True),
        *(sa.ForeignKeyConstraint([name], [f"{table}.id"], name=op.f(f"fk_reviews_{name}")) for name, table in REFERS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_reviews_account_id"), "reviews", ["account_id"])
    op.create_index(op.f("ix_reviews_membership_id"), "reviews", ["membership_id"])
    for name, column, is_unique in (("uq_reviews_open", "membership_id", True), ("ix_reviews_due", "due_at", False)):
        op.create_index(name, "reviews", [column], unique=is_unique, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)


def downgrade() -> None:
    op.drop_table("reviews")
