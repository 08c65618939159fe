"""Expire what is past its time: memberships, grants, invitations (R11, R14, R24)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Grant, Membership, MembershipStatus, Removal, now
from workflows.close import EXPIRY_BATCH, expire_invitations
from workflows.inform import inform
from workflows.revoke import close_grants, start_removal
from workflows.throttle import forget_attempts


def expire(session: Session) -> bool:
    """Expire one bounded batch of each; return whether more may be left."""
    at = now()
    forget_attempts(session)
    ended = (expire_memberships(session, at=at), expire_grants(session, at=at), expire_invitations(session))
    return max(ended) >= EXPIRY_BATCH


def expire_memberships(session: Session, *, at: datetime) -> int:
    """Remove memberships past their end, as an admin would; return how many there were."""
    past = select(Membership).where(Membership.status != MembershipStatus.DELETED, Membership.ends_at <= at)
    batch = past.order_by(Membership.id).limit(EXPIRY_BATCH).with_for_update(key_share=True, skip_locked=True)
    people = session.scalars(batch.execution_options(populate_existing=True)).all()
    end_memberships(session, people, at=at)
    return len(people)


def expire_grants(session: Session, *, at: datetime) -> int:
    """Close grants as of their end date; return how many there were."""
    past = select(Grant.id).join(Grant.membership).where(Grant.revoked_at.is_(None), Grant.ends_at <= at)
    # Every verb takes the membership first; what somebody else holds is for the next time.
    held = past.with_for_update(of=(Membership, Grant), key_share=True, skip_locked=True)
    batch = session.scalars(held.order_by(Membership.id, Grant.id).limit(EXPIRY_BATCH)).all()
    close_grants(session, batch, at=Grant.ends_at.expression, outcome="ended")
    return len(batch)


def end_memberships(
    session: Session, people: Sequence[Membership], *, at: datetime, by: Membership | None = None
) -> None:
    """Remove memberships, whose rows the caller holds, outside any form: one removal for each account.

    Where nobody asked for it, whoever answers for a guest is told.
    """
    requested_by_id = by.user_id if by else None
    for account_id in sorted({each.account_id for each in people}):
        removal = Removal(account_id=account_id, requested_by_id=requested_by_id, requested_at=at)
        session.add(removal)
        session.flush()
        start_removal(session, removal, [each for each in people if each.account_id == account_id], by=by)
    for each in people if by is None else ():
        inform(session, each)
