"""Close invitations with all that hangs on them: those given up, and those past their time (R9, R11)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from models import (
    Delivery,
    DeliveryStatus,
    Event,
    Grant,
    Invitation,
    InvitationStatus,
    Link,
    Membership,
    MembershipStatus,
    NewsKind,
    Notification,
    announce,
    now,
    record_each,
)
from workflows.leave import OPEN_LINK, leave_nothing

EXPIRY_BATCH = 200
EVENTS = {
    InvitationStatus.CANCELLED: Event.INVITATION_CANCELLED,
    InvitationStatus.EXPIRED: Event.INVITATION_EXPIRED,
}


def expire_invitations(session: Session) -> int:
    """Expire a bounded batch of invitations past their time; return how many there were (R11)."""
    late = _late().order_by(Membership.id).limit(EXPIRY_BATCH)
    return _expire(session, late.with_for_update(of=(Membership, Invitation), key_share=True, skip_locked=True))


def expire_invitation_of(session: Session, *, account_id: int, user_id: int) -> bool:
    """Expire a person's invitation into an account if it is past its time; return whether there was one."""
    late = _late().where(Membership.account_id == account_id, Membership.user_id == user_id)
    return _expire(session, late.with_for_update(of=(Membership, Invitation), key_share=True)) > 0


def close_invitations(
    session: Session,
    ids: Sequence[int],
    status: InvitationStatus,
    *,
    by: Membership | None = None,
    outcome: str = "",
) -> None:
    """End those that are pending, with links, queued mail and the memberships that nobody came for."""
    if not ids:
        return
    at = now()
    # Every verb takes the memberships first.
    members = select(Membership.id).join(Invitation, Invitation.membership_id == Membership.id)
    session.execute(
        members.where(Invitation.id.in_(ids)).order_by(Membership.id).with_for_update(of=Membership, key_share=True)
    )
    closed = session.execute(
        update(Invitation)
        .where(Invitation.id.in_(ids), Invitation.status == InvitationStatus.PENDING)
        .values(status=status, ended_at=at)
        .returning(Invitation.id, Invitation.account_id, Invitation.membership_id)
    ).all()
    invitations = [row.id for row in closed]
    ended = select(Invitation.id, Invitation.account_id).where(Invitation.id.in_(invitations))
    record_each(session, EVENTS[status], ended, by=by, outcome=outcome)
    revoke_links(session, invitations)
    _cancel_mail(session, invitations, at)
    _give_up_seats(session, [row.membership_id for row in closed], at)
    for account_id in {row.account_id for row in closed}:
        announce(session, NewsKind.USERS, account_id=account_id)


def revoke_links(session: Session, invitation_ids: Sequence[int]) -> None:
    """Let all open links of these invitations die together (R9)."""
    session.execute(update(Link).where(Link.invitation_id.in_(invitation_ids), OPEN_LINK).values(revoked_at=now()))


def _late() -> Select[int]:
    """Select pending invitations past their time."""
    return (
        select(Invitation.id)
        .join(Membership, Invitation.membership_id == Membership.id)
        .where(Invitation.status == InvitationStatus.PENDING, Invitation.expires_at <= now())
    )


def _expire(session: Session, late: Select[int]) -> int:
    due = session.scalars(late).all()
    close_invitations(session, due, InvitationStatus.EXPIRED)
    return len(due)


def _cancel_mail(session: Session, invitation_ids: Sequence[int], at: datetime) -> None:
    cancelled = session.scalars(
        update(Delivery)
        .where(Delivery.invitation_id.in_(invitation_ids), Delivery.status == DeliveryStatus.QUEUED)
        .values(status=DeliveryStatus.CANCELLED, ended_at=at)
        .returning(Delivery.id)
    ).all()
    mails = select(Delivery.id, Delivery.account_id).where(Delivery.id.in_(cancelled))
    record_each(session, Event.DELIVERY_CANCELLED, mails, outcome="invitation closed")


def _give_up_seats(session: Session, membership_ids: Sequence[int], at: datetime) -> None:
    """Delete memberships that were only invited, with the grants that waited for them (R24), and what is left of who
    has no other: somebody removed elsewhere may have stayed signed in for this one (R53)."""
    unseated = session.scalars(
        update(Membership)
        .where(Membership.id.in_(membership_ids), Membership.status == MembershipStatus.INVITED)
        .values(status=MembershipStatus.DELETED, deleted_at=at)
        .returning(Membership.id),
    ).all()
    waiting = update(Grant).where(Grant.membership_id.in_(unseated), Grant.revoked_at.is_(None))
    session.execute(waiting.values(revoked_at=at), execution_options={"synchronize_session": False})
    closed = select(Grant.id, Grant.account_id).where(Grant.membership_id.in_(unseated), Grant.revoked_at == at)
    record_each(session, Event.GRANT_REVOKED, closed, outcome="invitation closed")
    session.execute(delete(Notification).where(Notification.membership_id.in_(unseated)))
    leave_nothing(session, select(Membership.user_id).where(Membership.id.in_(unseated)))
