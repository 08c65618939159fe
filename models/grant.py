"""One membership's access to one card, from `granted_at` to `revoked_at`; closed, never deleted."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, or_, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.card import Card
from models.membership import Membership


class Grant(Base):
    """Access, and the message that made it: why this guest sees this card (R20)."""

    __tablename__ = "grants"
    __table_args__ = (
        Index(
            "uq_grants_open",
            "membership_id",
            "card_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_grants_membership_card", "membership_id", "card_id"),
        # Closing a grant is no dearer for the state in here: it is in the unique index already.
        Index(
            "ix_grants_ending",
            "ends_at",
            sqlite_where=text("ends_at IS NOT NULL AND revoked_at IS NULL"),
            postgresql_where=text("ends_at IS NOT NULL AND revoked_at IS NULL"),
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"), index=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    granted_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    removal_id: Mapped[int | None] = mapped_column(ForeignKey("removals.id"))

    membership: Mapped[Membership] = relationship(foreign_keys=membership_id)
    card: Mapped[Card] = relationship()

    @classmethod
    def is_open(cls, at: datetime) -> ColumnElement[bool]:
        """SQL for: not revoked and not past its end date. Membership and card have their own state."""
        return cls.revoked_at.is_(None) & or_(cls.ends_at.is_(None), cls.ends_at > at)
