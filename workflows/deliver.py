"""Deliver one mail: check once more that it is wanted, hand out the letter, and write down what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from models import (
    Account,
    Delivery,
    DeliveryStatus,
    Event,
    Group,
    Invitation,
    InvitationStatus,
    Job,
    JobStatus,
    Membership,
    MembershipStatus,
    News,
    NewsKind,
    Notification,
    Template,
    User,
    Writes,
    in_lines,
    lines_about,
    now,
    unsynced,
    write,
)
from models.base import UTCDateTime
from models.language import N_
from workflows.alarm import compose_findings
from workflows.ask import compose_review
from workflows.compose import (
    Composed,
    Letter,
    Obstacle,
    compose_changed,
    compose_invitation,
    compose_reset,
    shown_name,
)
from workflows.digest import compose_contact_message, compose_digest
from workflows.inform import compose_ended
from workflows.warn import compose_ending

LONGEST_ERROR = 500
OPEN = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
COMPOSERS = {
    Template.PASSWORD_RESET: compose_reset,
    Template.PASSWORD_CHANGED: compose_changed,
    Template.NOTIFICATION: compose_digest,
    Template.CONTACT_MESSAGE: compose_contact_message,
    Template.ACCESS_ENDING: compose_ending,
    Template.ACCESS_ENDED: compose_ended,
    Template.ACCESS_REVIEW: compose_review,
    Template.FINDINGS: compose_findings,
}


EVENTS = {
    DeliveryStatus.SENT: Event.DELIVERY_SENT,
    DeliveryStatus.FAILED: Event.DELIVERY_FAILED,
    DeliveryStatus.CANCELLED: Event.DELIVERY_CANCELLED,
}


@dataclass(frozen=True)
class Outcome:
    """What the mail server finally said: it has taken the mail, or will never take it."""

    status: DeliveryStatus
    words: str = ""


SENT = Outcome(DeliveryStatus.SENT)

_AT: Any = bindparam("at", type_=UTCDateTime)
_BECOMES: Any = bindparam("becomes", type_=Delivery.__table__.c.status.type)
_Inviter = aliased(Membership)
_InviterUser = aliased(User)
# A reminder of what was sent again since.
_is_late = and_(Delivery.template == Template.REMINDER, Invitation.reminded_at.is_(None))
# Made once, and one statement for all: nearly every mail is an invitation, and this is their hot path.
FOUND = (
    select(
        Delivery.id,
        Delivery.account_id,
        Delivery.status,
        Delivery.template,
        Delivery.sending_at,
        Delivery.to_address,
        Delivery.mail_id,
        Invitation.id.label("invitation_id"),
        Invitation.expires_at,
        Membership.group,
        User.id.label("user_id"),
        User.password_hash.is_not(None).label("has_password"),
        User.mailbox_proved_at,
        Account.name.label("account"),
        Account.time_zone,
        func.coalesce(User.language, Account.language).label("language"),
        shown_name(_Inviter, _InviterUser).label("inviter"),
        _InviterUser.email.label("inviter_address"),
        case(
            (Invitation.status != InvitationStatus.PENDING, N_("the invitation is closed")),
            (Invitation.expires_at <= _AT, N_("the invitation is past its time")),
            (~Membership.is_wanted(_AT), N_("the person was removed")),
            (_is_late, N_("the invitation was sent again")),
            (User.email != Delivery.to_address, N_("nobody has this address any more")),
            (Account.closed_at.is_not(None), N_("the account is closed")),
            (~_Inviter.is_live(_AT), N_("the inviter was removed")),
            (_Inviter.group != Group.ADMIN, N_("the inviter may not invite any more")),
        ).label("obstacle"),
    )
    .join(Invitation, Delivery.invitation_id == Invitation.id)
    .join(Membership, Invitation.membership_id == Membership.id)
    .join(User, Membership.user_id == User.id)
    .join(Account, Invitation.account_id == Account.id)
    .join(_Inviter, Invitation.inviter_id == _Inviter.id)
    .join(_InviterUser, _Inviter.user_id == _InviterUser.id)
    .where(Delivery.id == bindparam("delivery_id"))
)
# In the order that every verb keeps: membership, invitation, delivery.
INVITED = FOUND.with_for_update(of=(Membership, Invitation, Delivery), key_share=True)


def _of_account(column: Any) -> ColumnElement[str]:  # noqa: ANN401
    """SQL for what the mail's account says; of a mail that no account sends, what its reader's first one does."""
    first = (
        select(column)
        .join(Membership, Membership.account_id == Account.id)
        .join(User, Membership.user_id == User.id)
        .where(User.email == Delivery.to_address, Membership.status != MembershipStatus.DELETED)
        .order_by(Membership.id)
        .limit(1)
    )
    own = select(column).where(Account.id == Delivery.account_id)
    return func.coalesce(*(each.correlate(Delivery).scalar_subquery() for each in (own, first)))


# A contact is no user to whoever quotes the mail, even where the address is one's.
_is_to_user = (User.email == Delivery.to_address, Delivery.template != Template.CONTACT_MESSAGE)
_chosen = select(User.language).where(*_is_to_user).correlate(Delivery).scalar_subquery()
OTHER = (
    select(
        *Delivery.__table__.columns,
        func.coalesce(_chosen, _of_account(Account.language)).label("language"),
        _of_account(Account.time_zone).label("time_zone"),
    )
    .where(Delivery.id == bindparam("delivery_id"))
    .with_for_update(of=Delivery)
)
TAKEN = (
    update(Delivery)
    .where(Delivery.id == bindparam("taken_id"))
    .values(status=DeliveryStatus.SENDING, template=bindparam("taken_template"), sending_at=bindparam("sent_at"))
)
# Lost in a crash before the mail has ended, it is all done again, and the very same mail is sent.
TAKEN_UNSYNCED = unsynced(TAKEN)
MAILED = (
    update(Notification)
    .where(Notification.id.in_(bindparam("mailed_ids", expanding=True)))
    .values(mailed_at=bindparam("mailed_at"))
)
# A mail that has left has left, even if it was cancelled while it did.
_stands = or_(
    *(Delivery.status == each for each in OPEN),
    and_(Delivery.status == DeliveryStatus.CANCELLED, _BECOMES == DeliveryStatus.SENT),
)
_ending = (Delivery.id == bindparam("ended_id"), _stands)
TOLD = lines_about(select(Delivery.id, Delivery.account_id).where(*_ending))
ENDED = update(Delivery).where(*_ending).values(status=_BECOMES, ended_at=_AT, last_error=bindparam("words"))
# One statement where the database can: told is then what was ended, whoever else ends it at the same time.
_ended = ENDED.returning(Delivery.id, Delivery.account_id).cte("ended")
ENDED_AND_TOLD = lines_about(select(_ended.c.id, _ended.c.account_id))


def prepare(session: Session, delivery_id: int) -> Letter | None:
    """Return the letter to send now; None where it has ended, or ends here because it is not wanted any more.

    Hours may lie between the wish and this moment: everything is read again, and decided again (R3, R22, G6).
    """
    at = now()
    found = _compose(session, delivery_id, at)
    if found is None:
        return None
    if isinstance(found, Obstacle):
        _end(session, delivery_id, Outcome(DeliveryStatus.CANCELLED, found.reason))
        return None
    taken = {"taken_id": delivery_id, "taken_template": found.letter.template, "sent_at": at}
    write(session, found.writes, Writes((TAKEN,), taken, TAKEN_UNSYNCED))
    return found.letter


def settle(delivery_id: int, outcome: Outcome, letter: Letter) -> list[Writes]:
    """Return what ends the delivery with the mail server's words, to be written with the end of its job."""
    ids = letter.notification_ids
    mailed = [Writes((MAILED,), {"mailed_ids": ids, "mailed_at": now()})] if ids else []
    return [*mailed, _ends(delivery_id, outcome, letter.account_id)]


def give_up(session: Session, *, delivery_id: int) -> None:
    """End a delivery whose job is dead, with the last trouble that it met."""
    last = select(Job.last_error).where(Job.actor == "deliver", Job.status == JobStatus.DEAD)
    trouble = session.scalar(
        last.where(Job.arguments["delivery_id"].as_integer() == delivery_id).order_by(Job.id.desc()).limit(1)
    )
    # The last line of a traceback is the error: its class, then what it says.
    line = (trouble or "").strip().rpartition("\n")[2]
    words = line.partition(": ")[2] or line
    _end(session, delivery_id, Outcome(DeliveryStatus.FAILED, f"Given up after many attempts. {words}".strip()))


def _compose(session: Session, delivery_id: int, at: datetime) -> Composed | Obstacle | None:
    connection, bound = session.connection(), {"delivery_id": delivery_id, "at": at}
    row: Any = connection.execute(INVITED, bound).one_or_none()
    if row is not None and row.status in OPEN:
        return Obstacle(row.obstacle) if row.obstacle else compose_invitation(session, row, at=at)
    row = row or connection.execute(OTHER, bound).one_or_none()
    if row is None or row.status not in OPEN:
        return None
    return COMPOSERS[row.template](session, row, at=at)


def _end(session: Session, delivery_id: int, outcome: Outcome) -> None:
    account_id = session.scalar(
        select(Delivery.account_id).where(Delivery.id == delivery_id, Delivery.invitation_id.is_not(None))
    )
    write(session, _ends(delivery_id, outcome, account_id))


def _ends(delivery_id: int, outcome: Outcome, account_id: int | None) -> Writes:
    """Return what ends the delivery; whose list of people shows it, they are told."""
    bound = {
        "ended_id": delivery_id,
        "becomes": outcome.status,
        "at": now(),
        "words": outcome.words[:LONGEST_ERROR] or None,
        **in_lines(EVENTS[outcome.status], outcome=outcome.words[:200]),
    }
    news = () if account_id is None else (News(kind=NewsKind.USERS, account_id=account_id),)
    return Writes((TOLD, ENDED), bound, ENDED_AND_TOLD, news)
