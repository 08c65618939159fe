"""The deletion of memberships and the cascade that follows; it ends in a receipt."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.membership import Membership
from models.settings import settings
from models.user import User


class RemovalStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"


class Removal(Base):
    """One act of an admin over one or more memberships, which point here by `removal_id`.

    `wanted` and `ended` count what there was and what has been ended so far, by kind; `receipt` is
    written when nothing is left (R57). Who returned when it was undone keeps pointing here (R58).
    """

    __tablename__ = "removals"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    # The person, not the membership: removals and memberships would point at each other in a circle.
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    status: Mapped[RemovalStatus] = mapped_column(default=RemovalStatus.RUNNING)
    requested_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ended: Mapped[dict[str, Any]] = mapped_column(default=dict)
    receipt: Mapped[dict[str, Any] | None]
    undone_at: Mapped[datetime | None]
    # By whom, and what became of each person.
    undone: Mapped[dict[str, Any] | None]

    requested_by: Mapped[User | None] = relationship()
    memberships: Mapped[list[Membership]] = relationship(foreign_keys=Membership.removal_id, order_by=Membership.id)

    @property
    def undoable_until(self) -> datetime:
        """The moment up to which it can be undone, by the settings."""
        return self.requested_at + timedelta(days=settings().undo_days)
