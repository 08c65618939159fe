"""Tell whoever answers for a guest that their access ended by itself; never the guest (R14, R65, G6)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from models import Membership, Review, ReviewOutcome, Template, settings
from models.language import N_
from workflows.compose import Composed, Obstacle, letter
from workflows.post import post
from workflows.warn import MINUTE, answerable


def inform(session: Session, guest: Membership) -> None:
    """Queue the mail about a guest whose access has just ended; of who never joined there was none."""
    if guest.is_guest and guest.activated_at is not None and guest.account.closed_at is None:
        for reader in answerable(session, guest):
            post(
                session,
                to=reader.user.email,
                template=Template.ACCESS_ENDED,
                account_id=guest.account_id,
                membership_id=reader.id,
                subject_id=guest.id,
            )


def compose_ended(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:  # noqa: ARG001
    """Return what ended, when, why, and where the receipt is, unless the guest is back."""
    guest, reader = session.get(Membership, row.subject_id), session.get(Membership, row.membership_id)
    if guest is None or guest.removal_id is None or guest.deleted_at is None:
        return Obstacle(N_("the access was given back"))
    if reader is None or reader not in answerable(session, guest) or reader.user.email != row.to_address:
        return Obstacle(N_("its reader does not answer for the guest any more"))
    account, last = guest.account, guest.deleted_at
    if is_past_end := guest.ends_at is not None and guest.ends_at <= last:
        last = guest.ends_at - MINUTE
    of_review = exists().where(
        Review.membership_id == guest.id, Review.outcome == ReviewOutcome.ENDED, Review.answered_by_id.is_(None)
    )
    return Composed(
        letter(
            row,
            Template.ACCESS_ENDED,
            account=account.name,
            guest=guest.display_name,
            ended_at=last.astimezone(account.zone),
            because="end" if is_past_end else "review" if session.scalar(select(of_review)) else "dormant",
            link=f"{settings().base_url}/a/{account.slug}/removals/{guest.removal_id}",
        )
    )
