"""An entry in a person's notification center."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.card import Card
from models.membership import Membership
from models.message import Message


class Notification(Base):
    """Points a membership to a message: on a card, or in a direct chat when `card_id` is empty."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_membership", "membership_id", "id"),
        Index(
            "ix_notifications_unread",
            "membership_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    card_id: Mapped[int | None] = mapped_column(ForeignKey("cards.id"), index=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    read_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]

    membership: Mapped[Membership] = relationship()
    card: Mapped[Card | None] = relationship()
    message: Mapped[Message] = relationship()
