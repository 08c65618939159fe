"""The rows of Settings, Users: everybody who is, was or may become a user of the account."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from models import (
    Delivery,
    DeliveryStatus,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    Template,
    User,
    now,
)
from models.pieces import Piece, piece

PER_PAGE = 200


class Status(StrEnum):
    """Where somebody stands between invited and removed, as `data-status` says it."""

    QUEUED = "queued"
    SENT = "sent"
    JOINED = "joined"
    BOUNCED = "bounced"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REMOVED = "removed"


BY_MAIL = {
    DeliveryStatus.QUEUED: Status.QUEUED,
    DeliveryStatus.SENDING: Status.QUEUED,
    DeliveryStatus.SENT: Status.SENT,
    DeliveryStatus.FAILED: Status.FAILED,
    DeliveryStatus.BOUNCED: Status.BOUNCED,
    DeliveryStatus.CANCELLED: Status.CANCELLED,
}
BY_INVITATION = {InvitationStatus.CANCELLED: Status.CANCELLED, InvitationStatus.EXPIRED: Status.EXPIRED}


@dataclass(frozen=True)
class Seat:
    """One person of the account, with the last invitation and the last mail of it."""

    membership: Membership
    invitation: Invitation | None
    mail: DeliveryStatus | None
    # What the mail server last said of it.
    words: str | None = None

    @property
    def status(self) -> Status:
        """Return the status; it depends on nothing that was known of the person before (R6)."""
        if self.membership.status is MembershipStatus.DELETED:
            asked = self.invitation.status if self.invitation and self.membership.removal_id is None else None
            return BY_INVITATION.get(asked, Status.REMOVED) if asked else Status.REMOVED
        if self.membership.status is MembershipStatus.ACTIVE:
            return Status.JOINED
        if self.invitation is None:
            return Status.QUEUED
        if self.invitation.is_open:
            is_late = self.invitation.expires_at <= now()
            return Status.EXPIRED if is_late else BY_MAIL[self.mail or DeliveryStatus.QUEUED]
        return BY_INVITATION.get(self.invitation.status, Status.REMOVED)

    @property
    def because(self) -> str:
        """Return the mail server's words, where they are why nobody came."""
        return (self.words or "") if self.status in {Status.BOUNCED, Status.FAILED} else ""

    @property
    def is_pending(self) -> bool:
        """Whether there is an invitation to send again or to cancel."""
        return self.invitation is not None and self.status not in {
            Status.JOINED,
            Status.REMOVED,
            Status.CANCELLED,
            Status.EXPIRED,
        }


def seats_of(session: Session, account_id: int, *, wanted: str = "", page: int = 0) -> Piece[Seat]:
    """Return a page of the account's people, newest first, those removed last."""
    rows, has_more = piece(session.execute, _seats(account_id, wanted), PER_PAGE, page=page)
    return Piece([Seat(*row) for row in rows], has_more)


def _seats(account_id: int, wanted: str) -> Select[Membership, Invitation | None, DeliveryStatus | None, str | None]:
    newer, asked, mail = aliased(Membership), aliased(Invitation), aliased(Delivery)
    # Somebody who came back after a removal is shown once, as what they are now.
    own = select(newer.id).where(newer.account_id == account_id, newer.user_id == Membership.user_id)
    last_seat = own.order_by(newer.status == MembershipStatus.DELETED, newer.id.desc()).limit(1)
    last_asked = select(func.max(asked.id)).where(asked.membership_id == Membership.id)
    # A reminder is on its way behind the invitation's own mail, and tells only by coming back.
    is_news = or_(mail.template.is_distinct_from(Template.REMINDER), mail.status == DeliveryStatus.BOUNCED)
    last_mail = select(func.max(mail.id)).where(mail.invitation_id == Invitation.id, is_news)
    seats = (
        select(Membership, Invitation, Delivery.status, Delivery.last_error)
        .join(Membership.user)
        .outerjoin(Invitation, Invitation.id == last_asked.scalar_subquery())
        .outerjoin(Delivery, Delivery.id == last_mail.scalar_subquery())
        .where(Membership.account_id == account_id, Membership.id == last_seat.scalar_subquery())
        .order_by(Membership.status == MembershipStatus.DELETED, Membership.id.desc())
        .options(contains_eager(Membership.user))
    )
    return seats.where(_matches(wanted)) if wanted else seats


def _matches(wanted: str) -> ColumnElement[bool]:
    return or_(User.email.icontains(wanted, autoescape=True), Membership.name.icontains(wanted, autoescape=True))
