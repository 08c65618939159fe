"""An invitation: pending, then accepted, cancelled or expired."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.membership import Membership


class InvitationStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Invitation(Base):
    """One asking of one person into one account. At most one per membership is pending (R8)."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "uq_invitations_pending",
            "membership_id",
            unique=True,
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), index=True)
    inviter_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), index=True)
    email_typed: Mapped[str] = mapped_column(String(320))
    status: Mapped[InvitationStatus] = mapped_column(default=InvitationStatus.PENDING)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # Set with the reminder's mail, and emptied when the invitation is sent again (R11).
    reminded_at: Mapped[datetime | None]
    # The decision record of R3. Operators alone see it (R6).
    was_registered: Mapped[bool | None]
    detection_reason: Mapped[str | None] = mapped_column(String(200))
    detected_at: Mapped[datetime | None]

    membership: Mapped[Membership] = relationship(foreign_keys=membership_id)
    inviter: Mapped[Membership] = relationship(foreign_keys=inviter_id)

    @property
    def is_open(self) -> bool:
        """Whether the invitation may still be accepted, its expiry aside."""
        return self.status is InvitationStatus.PENDING
