"""Ask on a schedule whether each guest keeps their access, and carry out the answers (R65)."""

from datetime import timedelta

from sqlalchemy import Select, and_, exists, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import Session, aliased, contains_eager

from models import (
    Account,
    Event,
    Group,
    Membership,
    NewsKind,
    Review,
    ReviewOutcome,
    announce,
    now,
    record,
    record_each,
    settings,
)
from models.language import N_, gettext
from workflows.close import EXPIRY_BATCH
from workflows.converse import STAFF
from workflows.expire import end_memberships
from workflows.permissions import Action, is_in_force, is_permitted, permit
from workflows.refusals import AlreadyAnswered, AlreadyEnded, NotFound

EVENTS = {
    ReviewOutcome.KEPT: Event.REVIEW_KEPT,
    ReviewOutcome.ENDED: Event.REVIEW_ENDED,
    ReviewOutcome.UNANSWERED: Event.REVIEW_UNANSWERED,
}
SAID = {
    ReviewOutcome.KEPT: N_("they keep it"),
    ReviewOutcome.ENDED: N_("it ended"),
    ReviewOutcome.GONE: N_("they had left"),
}
UNANSWERED = {"keep": ReviewOutcome.UNANSWERED, "end": ReviewOutcome.ENDED}
_ASKS = or_(Review.outcome.is_(None), Review.outcome == ReviewOutcome.UNANSWERED)


def open_reviews(session: Session) -> None:
    """Open a review of every guest of every account in one statement, where none is open.

    Asked is who invited them, or where that is no user of the account any more, its admins.
    """
    at, sponsor = now(), aliased(Membership)
    may_answer = and_(sponsor.id == Membership.sponsor_id, sponsor.group.in_(STAFF), sponsor.is_live(at))
    times = (literal(each, Review.opened_at.type) for each in (at, at + timedelta(days=settings().review_answer_days)))
    guests = (
        select(Membership.account_id, Membership.id, sponsor.id, *times)
        .join(Membership.account)
        .outerjoin(sponsor, may_answer)
        .where(Membership.group == Group.FREE, Membership.is_live(at), Account.closed_at.is_(None))
        .where(~exists().where(Review.membership_id == Membership.id, Review.outcome.is_(None)))
    )
    columns = ["account_id", "membership_id", "asked_id", "opened_at", "due_at"]
    session.execute(insert(Review).from_select(columns, guests, include_defaults=False))
    record_each(session, Event.REVIEW_OPENED, select(Review.id, Review.account_id).where(Review.opened_at == at))


def to_answer(session: Session, by: Membership) -> Select[Review]:
    """Select what somebody may answer, however late: of each guest the last review, whose own row is joined."""
    newer = aliased(Review)
    last = select(func.max(newer.id)).where(newer.membership_id == Review.membership_id).scalar_subquery()
    return theirs(session, by).where(_ASKS, Review.id == last, Membership.is_live(now()))


def theirs(session: Session, by: Membership) -> Select[Review]:
    """Select the reviews that somebody has a say in: an admin in all of the account, who invited in those of theirs."""
    is_own = true() if is_permitted(session, by, Action.REVIEW_ALL) else Membership.sponsor_id == by.id
    own = select(Review).join(Review.guest).where(Review.account_id == by.account_id, is_own)
    return own.options(contains_eager(Review.guest))


def keep_access(session: Session, review_id: int, *, by: Membership) -> Membership:
    """Let the guest keep their access, and return them. Answering twice is the same as answering once.

    Raises NotFound, AlreadyAnswered, and AlreadyEnded for who has left since.
    """
    review = _hold(session, review_id, by=by)
    if not is_in_force(review.guest):
        raise AlreadyEnded(review.guest.display_name)
    if _is_news(review, ReviewOutcome.KEPT):
        _answer(session, review, ReviewOutcome.KEPT, by=by)
    return review.guest


def end_access(session: Session, review_id: int, *, by: Membership) -> Membership:
    """End the guest's access as their removal does, and return them. Of who has left since there is nothing to end.

    Raises NotFound, AlreadyAnswered.
    """
    review = _hold(session, review_id, by=by)
    if not review.guest.is_removed and _is_news(review, ReviewOutcome.ENDED):
        _answer(session, review, ReviewOutcome.ENDED, by=by)
        end_memberships(session, [review.guest], at=now(), by=by)
    return review.guest


def settle_reviews(session: Session) -> bool:
    """Close a bounded batch of reviews that nobody answered in time; return whether more may be left."""
    at, outcome = now(), UNANSWERED[settings().review_unanswered]
    # Where nobody was asked, nobody has failed to answer.
    is_past = (Review.outcome.is_(None), Review.mailed_at.is_not(None), Review.due_at <= at)
    past = select(Review).join(Review.guest).where(*is_past)
    # Every verb takes the membership first; what somebody else holds is for the next time.
    held = past.with_for_update(of=(Membership, Review), key_share=True, skip_locked=True)
    batch = held.order_by(Membership.id).limit(EXPIRY_BATCH).options(contains_eager(Review.guest))
    reviews = session.scalars(batch.execution_options(populate_existing=True)).all()
    for each in reviews:
        if is_in_force(each.guest):
            _close(session, each, outcome, because="unanswered" if outcome is ReviewOutcome.ENDED else "")
        else:
            each.outcome = ReviewOutcome.GONE
    end_memberships(session, [each.guest for each in reviews if each.outcome is ReviewOutcome.ENDED], at=at)
    return len(reviews) == EXPIRY_BATCH


def leave_reviews(session: Session, members: Select[int]) -> None:
    """Close without a word the reviews of people who were removed, and let the admins be asked in their place.

    These have as long to answer as whoever was asked before them.
    """
    still, due_at = (
        update(Review).where(Review.outcome.is_(None)),
        now() + timedelta(days=settings().review_answer_days),
    )
    session.execute(still.where(Review.membership_id.in_(members)).values(outcome=ReviewOutcome.GONE))
    session.execute(still.where(Review.asked_id.in_(members)).values(asked_id=None, mailed_at=None, due_at=due_at))


def _hold(session: Session, review_id: int, *, by: Membership) -> Review:
    """Return the review, held with its guest, if `by` has a say in it."""
    permit(session, by, Action.REVIEW)
    review = session.scalars(theirs(session, by).where(Review.id == review_id)).one_or_none()
    # Of two questions about one guest the later stands; an old page may still ask the first.
    if review is None or session.scalar(
        exists().where(Review.membership_id == review.membership_id, Review.id > review_id).select()
    ):
        raise NotFound
    session.refresh(review.guest, with_for_update={"key_share": True})
    session.refresh(review, with_for_update={"key_share": True})
    return review


def _is_news(review: Review, outcome: ReviewOutcome) -> bool:
    if review.outcome in {None, ReviewOutcome.UNANSWERED}:
        return True
    if review.outcome is not outcome:
        raise AlreadyAnswered(review.guest.display_name, gettext(SAID[review.outcome]))
    return False


def _answer(session: Session, review: Review, outcome: ReviewOutcome, *, by: Membership) -> None:
    review.answered_at, review.answered_by_id = now(), by.id
    _close(session, review, outcome, by=by)


def _close(
    session: Session, review: Review, outcome: ReviewOutcome, *, by: Membership | None = None, because: str = ""
) -> None:
    review.outcome = outcome
    about = {"account_id": review.account_id, "membership": review.membership_id}
    record(session, EVENTS[outcome], review.id, by=by, outcome=because, **about)
    announce(session, NewsKind.USERS, account_id=review.account_id)
