"""The question whether a guest keeps their access, and its answer."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base
from models.membership import Membership


class ReviewOutcome(StrEnum):
    """How a review came to its end; `gone` is a guest who was removed before anybody answered."""

    KEPT = "kept"
    ENDED = "ended"
    UNANSWERED = "unanswered"
    GONE = "gone"


_is_open = text("outcome IS NULL")


class Review(Base):
    """One guest at one run of the schedule. Where nobody is named as asked, the account's admins are.

    `mailed_at` stays empty until the mail that asks is queued.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index("uq_reviews_open", "membership_id", unique=True, sqlite_where=_is_open, postgresql_where=_is_open),
        Index("ix_reviews_due", "due_at", sqlite_where=_is_open, postgresql_where=_is_open),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), index=True)
    asked_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    opened_at: Mapped[datetime]
    mailed_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    outcome: Mapped[ReviewOutcome | None]

    guest: Mapped[Membership] = relationship(foreign_keys=membership_id)
    asked: Mapped[Membership | None] = relationship(foreign_keys=asked_id)
    answered_by: Mapped[Membership | None] = relationship(foreign_keys=answered_by_id)
