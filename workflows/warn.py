"""Warn of a guest's end date some days before, once: the guest, and whoever answers for them (R14)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session, contains_eager

from models import Account, Group, Membership, Template, now, settings
from models.language import N_
from workflows.compose import Composed, Obstacle, letter
from workflows.post import post

BATCH = 100
# Where a guest's sponsor is gone, so many admins are told in their place.
MOST_ADMINS = 10
MINUTE = timedelta(minutes=1)


def warn(session: Session) -> bool:
    """Queue the warnings about a bounded batch of guests; return whether more may be due."""
    at = now()
    due = _ending(at).where(Membership.warned_at.is_(None)).order_by(Membership.id).limit(BATCH)
    guests = session.scalars(due.with_for_update(of=Membership, key_share=True, skip_locked=True)).all()
    for guest in guests:
        guest.warned_at = at
        for reader in (guest, *answerable(session, guest)):
            post(
                session,
                to=reader.user.email,
                template=Template.ACCESS_ENDING,
                account_id=guest.account_id,
                membership_id=reader.id,
                subject_id=guest.id,
            )
    return len(guests) == BATCH


def answerable(session: Session, guest: Membership) -> list[Membership]:
    """Return who answers for a guest: their sponsor, or where that is no admin any more, the account's admins."""
    admins = admins_of(guest.account_id)
    sponsor = session.scalars(admins.where(Membership.id == guest.sponsor_id)).all()
    return list(sponsor or session.scalars(admins.limit(MOST_ADMINS)))


def admins_of(account_id: int) -> Select[Membership]:
    """Select the account's admins, who came first at first."""
    present = (Membership.account_id == account_id, Membership.group == Group.ADMIN, Membership.is_live(now()))
    return select(Membership).where(*present).order_by(Membership.id)


def compose_ending(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:
    """Return the warning to its reader, if the access still ends soon and they still are who they were."""
    guest = session.scalars(_ending(at).where(Membership.id == row.subject_id)).one_or_none()
    if guest is None or guest.warned_at is None or guest.warned_at > row.queued_at:
        return Obstacle(N_("the access has ended, or its end was moved"))
    readers = {each.id: each for each in (guest, *answerable(session, guest))}
    reader = readers.get(row.membership_id)
    if reader is None or reader.user.email != row.to_address or guest.ends_at is None:
        return Obstacle(N_("its reader does not answer for the guest any more"))
    base, account = settings().base_url, guest.account
    where = "/notifications#access" if reader is guest else f"/a/{account.slug}/settings/users/{guest.id}/end"
    return Composed(
        letter(
            row,
            Template.ACCESS_ENDING,
            account=account.name,
            guest=guest.display_name,
            is_guest=reader is guest,
            # The last minute of a day, rather than the first of the next.
            ends_at=(guest.ends_at - MINUTE).astimezone(account.zone),
            days=max(1, -((at - guest.ends_at) // timedelta(days=1))),
            link=base + where,
        )
    )


def _ending(at: datetime) -> Select[Membership]:
    return (
        select(Membership)
        .join(Membership.account)
        .where(
            Membership.group == Group.FREE,
            Membership.is_live(at),
            Membership.ends_at <= at + timedelta(days=settings().end_warning_days),
            Account.closed_at.is_(None),
        )
        .options(contains_eager(Membership.account))
    )
