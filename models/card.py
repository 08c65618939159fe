"""A card is a lead or a customer: custom fields, notes, tasks, a contact and a company."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.contact import Company, Contact
from models.membership import Membership


class CardKind(StrEnum):
    LEAD = "lead"
    CUSTOMER = "customer"


class CardField(Base):
    """A custom field, defined once for all cards of a kind in an account."""

    __tablename__ = "card_fields"
    __table_args__ = (Index("uq_card_fields_label", "account_id", "kind", "label", unique=True),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[CardKind]
    label: Mapped[str] = mapped_column(String(100))


class Card(Base):
    """A lead or a customer. `values` maps a custom field's id, as text, to its value."""

    __tablename__ = "cards"
    __table_args__ = (Index("ix_cards_listed", "account_id", "kind", "id"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[CardKind]
    name: Mapped[str] = mapped_column(String(200))
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    contact: Mapped[Contact | None] = relationship()
    company: Mapped[Company | None] = relationship()


class Note(Base):
    __tablename__ = "notes"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)

    author: Mapped[Membership] = relationship()


class Task(Base):
    """Something to do about a card. Guests never learn that it exists (R37)."""

    __tablename__ = "tasks"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    card_id: Mapped[int] = mapped_column(ForeignKey("cards.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    text: Mapped[str] = mapped_column(String(500))
    due_on: Mapped[date | None]
    done_at: Mapped[datetime | None]
