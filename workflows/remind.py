"""Remind, once, whoever has not answered an invitation halfway through its life (R11)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.orm import Session

from models import Delivery, DeliveryStatus, Invitation, Membership, Template, User, now, settings
from workflows.join import acceptable
from workflows.limit import take_turn_to_mail
from workflows.post import post

BATCH = 100


def remind(session: Session) -> bool:
    """Queue the reminders of a bounded batch of invitations; return whether more may be due.

    The mark that an invitation was reminded of commits with its mail: that makes it once, whoever else looks.
    """
    at = now()
    addresses = {row.email for row in session.execute(_due(at))}
    take_turn_to_mail(session, *addresses)
    # Again, now that nobody else mails them; of several to one person, the next are for the next time.
    again = _due(at).where(User.email.in_(addresses))
    held = again.with_for_update(of=(Membership, Invitation), key_share=True, skip_locked=True)
    due = session.execute(held).all()
    once = {row.email: row for row in due}.values()
    reminded = update(Invitation).where(Invitation.id.in_([row.id for row in once])).values(reminded_at=at)
    session.execute(reminded, execution_options={"synchronize_session": False})
    for row in once:
        about = {"membership_id": row.membership_id, "invitation_id": row.id}
        post(session, to=row.email, template=Template.REMINDER, account_id=row.account_id, **about)
    return len(due) > len(once) or len(due) == BATCH


def _due(at: datetime) -> Select[Any]:
    """Select invitations past their half whose mail has arrived, of people who may still be mailed today (R9)."""
    half = timedelta(days=settings().invitation_days) / 2
    arrived = exists().where(Delivery.invitation_id == Invitation.id, Delivery.status == DeliveryStatus.SENT)
    today = (Delivery.to_address == User.email, Delivery.queued_at > at - timedelta(days=1))
    mailed = select(func.count()).where(*today, Delivery.invitation_id.is_not(None)).scalar_subquery()
    return (
        acceptable()
        .join(User, Membership.user_id == User.id)
        .add_columns(User.email, Invitation.account_id, Invitation.membership_id)
        .where(Invitation.reminded_at.is_(None), Invitation.expires_at <= at + half, arrived)
        .where(mailed < settings().mails_per_recipient_day)
        .order_by(Membership.id)
        .limit(BATCH)
    )
