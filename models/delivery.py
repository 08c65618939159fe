"""The record of one e-mail."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, now


class DeliveryStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"


class Template(StrEnum):
    """The kinds of mail, each a folder of templates/email/ and the value of X-Guestlist-Template."""

    INVITATION_NEW = "invitation-new"
    INVITATION_EXISTING = "invitation-existing"
    NOTIFICATION = "notification"
    REMINDER = "reminder"
    ACCESS_ENDING = "access-ending"
    ACCESS_ENDED = "access-ended"
    ACCESS_REVIEW = "access-review"
    FINDINGS = "findings"
    PASSWORD_RESET = "password-reset"  # noqa: S105
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    CONTACT_MESSAGE = "contact-message"


# One for all that somebody leaves unread.
_is_digest = text("status = 'queued' AND template = 'notification'")
DIGEST = Index(
    "uq_deliveries_digest", "membership_id", unique=True, sqlite_where=_is_digest, postgresql_where=_is_digest
)


class Delivery(Base):
    """One e-mail to one address, with one Message-ID however often it is tried (G3).

    `template` stays empty on an invitation until the moment of sending decides which it is (R3).
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        DIGEST,
        Index(
            "ix_deliveries_open",
            "queued_at",
            sqlite_where=text("status IN ('queued', 'sending')"),
            postgresql_where=text("status IN ('queued', 'sending')"),
        ),
    )

    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    template: Mapped[Template | None]
    to_address: Mapped[str] = mapped_column(String(254), index=True)
    membership_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"), index=True)
    # Whom it is about, where that is not (only) its reader.
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"), index=True)
    card_id: Mapped[int | None] = mapped_column(ForeignKey("cards.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    sweep_id: Mapped[int | None] = mapped_column(ForeignKey("sweeps.id"))
    mail_id: Mapped[str] = mapped_column(String(255), unique=True)
    status: Mapped[DeliveryStatus] = mapped_column(default=DeliveryStatus.QUEUED)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    sending_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
