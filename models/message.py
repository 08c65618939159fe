"""What people write: internal chat on a card, mail with its contact, direct chat between two."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.membership import Membership


class MessageKind(StrEnum):
    CHAT = "chat"
    CONTACT = "contact"
    DIRECT = "direct"


class Message(Base):
    """One message. It outlives its author's access, under their name (R55). A contact's reply has no author."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_card", "card_id", "id"),
        Index("uq_messages_once", "once", unique=True),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[MessageKind]
    card_id: Mapped[int | None] = mapped_column(ForeignKey("cards.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"), index=True)
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    # The digest of the mail that it was: a mail server that is not sure hands the same mail over again.
    once: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    author: Mapped[Membership | None] = relationship(foreign_keys=author_id)
    addressees: Mapped[list["Addressee"]] = relationship(order_by="Addressee.id")


class Addressee(Base):
    """To whom an internal chat message was addressed."""

    __tablename__ = "addressees"
    __table_args__ = (Index("uq_addressees_once", "message_id", "membership_id", unique=True),)

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))

    membership: Mapped[Membership] = relationship()
