"""One person: one address, one password, the sessions they hold and the links mailed to them."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.settings import settings

if TYPE_CHECKING:
    from models.invitation import Invitation


class User(Base):
    """A person, over all accounts. `email` is the normalised address, and the only one mail goes to (R7)."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    mailbox_proved_at: Mapped[datetime | None]
    wants_mail: Mapped[bool] = mapped_column(default=True)
    # What this person chose to read; nothing: what the account speaks.
    language: Mapped[str | None] = mapped_column(String(16))

    @property
    def is_registered(self) -> bool:
        """Whether this person once proved the mailbox and set a password (SPEC section 1)."""
        return self.password_hash is not None and self.mailbox_proved_at is not None


class UserSession(Base):
    """One signed-in browser. The cookie holds the secret, this row its digest."""

    __tablename__ = "user_sessions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()

    @classmethod
    def is_open(cls, at: datetime) -> ColumnElement[bool]:
        """SQL for: not ended, within its time, and not left alone for too long."""
        idle = timedelta(hours=settings().session_idle_hours)
        return cls.ended_at.is_(None) & (cls.expires_at > at) & (cls.seen_at > at - idle)


class LinkPurpose(StrEnum):
    ACTIVATE = "activate"
    RESET = "reset"


class Link(Base):
    """A single-use link that was mailed to an address; the mail holds the token, this row its digest."""

    __tablename__ = "links"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"), index=True)
    purpose: Mapped[LinkPurpose]
    address: Mapped[str] = mapped_column(String(254))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()
    invitation: Mapped["Invitation | None"] = relationship()
