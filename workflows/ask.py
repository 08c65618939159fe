"""Mail whoever is asked whether guests keep their access: one mail about all of them (R65)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, func, or_, select, update
from sqlalchemy.orm import Session, contains_eager

from models import Card, Grant, Membership, Review, Template, User, now, settings
from models.language import N_
from workflows.compose import Composed, Obstacle, letter
from workflows.converse import STAFF
from workflows.permissions import Action, is_permitted
from workflows.post import post
from workflows.review import to_answer
from workflows.warn import MOST_ADMINS, admins_of

BATCH = 20
LISTED = 25


def ask_reviewers(session: Session) -> bool:
    """Queue one mail to each reviewer of a bounded batch of accounts; return whether more may be due.

    The mark that they were asked commits with the mails: that makes it once, whoever else looks.
    """
    unasked = (Review.outcome.is_(None), Review.mailed_at.is_(None))
    due = select(Review.account_id).where(*unasked).distinct().order_by(Review.account_id).limit(BATCH)
    accounts = session.scalars(due).all()
    # Who was removed while they were to be asked answers for nobody: the admins do.
    still = select(Membership.id).where(Membership.group.in_(STAFF), Membership.is_live(now()))
    gone = (*unasked, Review.account_id.in_(accounts), Review.asked_id.not_in(still))
    session.execute(update(Review).where(*gone).values(asked_id=None))
    for account_id in accounts:
        marked = update(Review).where(Review.account_id == account_id, *unasked).values(mailed_at=now())
        asked = set(session.scalars(marked.returning(Review.asked_id)))
        for reader in _reviewers(session, account_id, asked):
            about: dict[str, Any] = {"account_id": account_id, "membership_id": reader.id}
            post(session, to=reader.user.email, template=Template.ACCESS_REVIEW, **about)
    return len(accounts) == BATCH


def cards_of_guest(at: datetime) -> ScalarSelect[int]:
    """SQL for: how many cards the guest of a review can open."""
    held = (Grant.membership_id == Membership.id, Grant.is_open(at), Card.deleted_at.is_(None))
    return select(func.count()).select_from(Grant).join(Grant.card).where(*held).correlate(Membership).scalar_subquery()


def compose_review(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:
    """Return the question about every guest that its reader was asked about and has not answered for."""
    reader = session.get(Membership, row.membership_id)
    if reader is None or reader.user.email != row.to_address or not is_permitted(session, reader, Action.REVIEW):
        return Obstacle(N_("its reader does not answer for guests any more"))
    is_asked = or_(Review.asked_id == reader.id, Review.asked_id.is_(None))
    still = to_answer(session, reader).where(is_asked, Review.outcome.is_(None), Review.due_at > at)
    named = still.join(Membership.user).options(contains_eager(Review.guest, Membership.user))
    found = session.execute(named.add_columns(cards_of_guest(at)).order_by(User.email)).all()
    if not found:
        return Obstacle(N_("it was answered for all of them"))
    account = reader.account
    return Composed(
        letter(
            row,
            Template.ACCESS_REVIEW,
            account=account.name,
            guests=[(each.guest.display_name, cards, _seen(each.guest)) for each, cards in found[:LISTED]],
            count=len(found),
            more=len(found) - min(len(found), LISTED),
            due_at=min(each.due_at for each, _ in found).astimezone(account.zone),
            does_end=settings().review_unanswered == "end",
            link=f"{settings().base_url}/a/{account.slug}/reviews",
        )
    )


def _reviewers(session: Session, account_id: int, asked: set[int | None]) -> list[Membership]:
    live = select(Membership).where(Membership.account_id == account_id, Membership.is_live(now()))
    sponsors = session.scalars(live.where(Membership.id.in_(asked - {None}), Membership.group.in_(STAFF))).all()
    admins = session.scalars(admins_of(account_id).limit(MOST_ADMINS)).all() if None in asked else []
    return list({each.id: each for each in (*sponsors, *admins)}.values())


def _seen(guest: Membership) -> datetime | None:
    return guest.seen_at.astimezone(guest.account.zone) if guest.seen_at else None
