"""A user in an account, in a group; a free user is a membership in group `free`."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Index, String, case, func, or_, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import Base, now
from models.user import User


class Group(StrEnum):
    ADMIN = "admin"
    MEMBER = "member"
    FREE = "free"


class MembershipStatus(StrEnum):
    INVITED = "invited"
    ACTIVE = "active"
    DELETED = "deleted"


class Membership(Base):
    """The one row that every access check reads: marking it deleted ends all access at once (R52)."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index(
            "uq_memberships_present",
            "account_id",
            "user_id",
            unique=True,
            sqlite_where=text("status != 'deleted'"),
            postgresql_where=text("status != 'deleted'"),
        ),
        Index("ix_memberships_seats", "account_id", "user_id"),
        Index(
            "ix_memberships_ending",
            "ends_at",
            sqlite_where=text("ends_at IS NOT NULL"),
            postgresql_where=text("ends_at IS NOT NULL"),
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    group: Mapped[Group]
    status: Mapped[MembershipStatus]
    # What the inviter typed. Shown until the person joins, so that a known name betrays nobody (R6).
    name: Mapped[str] = mapped_column(String(200), default="")
    sponsor_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"), index=True)
    removal_id: Mapped[int | None] = mapped_column(ForeignKey("removals.id"), index=True)
    ends_at: Mapped[datetime | None]
    # Set with the mails that warn of this end, and emptied when it is moved (R14).
    warned_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    activated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship()
    user: Mapped[User] = relationship()

    @classmethod
    def is_live(cls, at: datetime) -> ColumnElement[bool]:
        """SQL for: active and not past its end date. The account's own state is the account's."""
        return (cls.status == MembershipStatus.ACTIVE) & or_(cls.ends_at.is_(None), cls.ends_at > at)

    @classmethod
    def is_wanted(cls, at: datetime) -> ColumnElement[bool]:
        """SQL for: live, or invited and still able to become so."""
        return (cls.status != MembershipStatus.DELETED) & or_(cls.ends_at.is_(None), cls.ends_at > at)

    @classmethod
    def called(cls) -> ColumnElement[str]:
        """SQL for `display_name`; needs User joined."""
        known = case((cls.activated_at.is_not(None), func.nullif(User.name, "")))
        return func.coalesce(known, func.nullif(cls.name, ""), User.email)

    @property
    def is_guest(self) -> bool:
        return self.group is Group.FREE

    @property
    def is_removed(self) -> bool:
        return self.status is MembershipStatus.DELETED

    @property
    def display_name(self) -> str:
        """Return the person's own name once they have joined; before that only what the inviter typed."""
        known = self.user.name if self.activated_at else ""
        return known or self.name or self.user.email
