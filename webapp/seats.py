"""The rows of Settings, Users: everybody who is, was or may become a user of the account."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from flask import request
from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager, joinedload

from models import (
    Delivery,
    DeliveryStatus,
    Group,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    Template,
    User,
    now,
)
from models.pieces import Piece, piece
from webapp.forms import Asked

PER_PAGE = 60


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
    DeliveryStatus.SENT: Status.SENT,
    DeliveryStatus.FAILED: Status.FAILED,
    DeliveryStatus.BOUNCED: Status.BOUNCED,
    DeliveryStatus.CANCELLED: Status.CANCELLED,
}
BY_INVITATION = {InvitationStatus.CANCELLED: Status.CANCELLED, InvitationStatus.EXPIRED: Status.EXPIRED}


class AskedPeople(Asked):
    """What the list of people is asked for: a part of a name, a group, a state, and which page."""

    group: Group | None = None
    state: Status | None = None

    @classmethod
    def read(cls) -> Self:
        """Return what the address asks for."""
        chosen = {"group": request.args.get("group", type=Group), "state": request.args.get("state", type=Status)}
        return super().read().model_copy(update=chosen)


@dataclass(frozen=True)
class Seat:
    """One person of the account, with the last invitation, and who invited."""

    membership: Membership
    invitation: Invitation | None
    status: Status
    # What the mail server last said of the invitation's mail.
    words: str | None
    sponsor: Membership | None

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


def seats_of(session: Session, account_id: int, asked: AskedPeople) -> Piece[Seat]:
    """Return the page asked for of the account's people, newest first, those removed last."""
    rows, has_more = piece(session.execute, _seats(account_id, asked), PER_PAGE, page=asked.page)
    return Piece([Seat(one, invitation, Status(status), *more) for one, invitation, status, *more in rows], has_more)


def _seats(account_id: int, asked: AskedPeople) -> Select[*tuple[Any, ...]]:
    newer, invited, mail, sponsor = aliased(Membership), aliased(Invitation), aliased(Delivery), aliased(Membership)
    # Somebody who came back after a removal is shown once, as what they are now.
    own = select(newer.id).where(newer.account_id == account_id, newer.user_id == Membership.user_id)
    last_seat = own.order_by(newer.status == MembershipStatus.DELETED, newer.id.desc()).limit(1)
    last_asked = select(func.max(invited.id)).where(invited.membership_id == Membership.id)
    # A reminder is on its way behind the invitation's own mail, and tells only by coming back.
    is_news = or_(mail.template.is_distinct_from(Template.REMINDER), mail.status == DeliveryStatus.BOUNCED)
    last_mail = select(func.max(mail.id)).where(mail.invitation_id == Invitation.id, is_news)
    return (
        select(Membership, Invitation, _status(), Delivery.last_error, sponsor)
        .join(Membership.user)
        .outerjoin(Invitation, Invitation.id == last_asked.scalar_subquery())
        .outerjoin(Delivery, Delivery.id == last_mail.scalar_subquery())
        .outerjoin(sponsor, sponsor.id == Membership.sponsor_id)
        .where(Membership.account_id == account_id, Membership.id == last_seat.scalar_subquery(), *_wanted(asked))
        .order_by(Membership.status == MembershipStatus.DELETED, Membership.id.desc())
        .options(contains_eager(Membership.user), joinedload(sponsor.user))
    )


def _status() -> ColumnElement[str]:
    """Return SQL for the status; it depends on nothing that was known of the person before (R6)."""
    is_left, is_open = Membership.status == MembershipStatus.DELETED, Invitation.status == InvitationStatus.PENDING
    ended = [(Invitation.status == known, shown.value) for known, shown in BY_INVITATION.items()]
    mailed = [(Delivery.status == known, shown.value) for known, shown in BY_MAIL.items()]
    return case(
        (is_left & Membership.removal_id.is_not(None), Status.REMOVED.value),
        (Membership.status == MembershipStatus.ACTIVE, Status.JOINED.value),
        *ended,
        (is_left, Status.REMOVED.value),
        (is_open & (Invitation.expires_at <= now()), Status.EXPIRED.value),
        *((is_open & is_so, shown) for is_so, shown in mailed),
        (or_(is_open, Invitation.id.is_(None)), Status.QUEUED.value),
        else_=Status.REMOVED.value,
    )


def _wanted(asked: AskedPeople) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if asked.q:
        names = (User.email, Membership.name)
        wanted.append(or_(*(each.icontains(asked.q, autoescape=True) for each in names)))
    if asked.group:
        wanted.append(Membership.group == asked.group)
    if asked.state:
        wanted.append(_status() == asked.state.value)
    return wanted
