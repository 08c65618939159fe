"""Access reviews: whoever is asked keeps each guest's access, or ends it (R65)."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, func
from sqlalchemy.orm import aliased, contains_eager, joinedload

from models import Membership, Review, ReviewOutcome, now
from models.language import gettext
from models.pieces import Piece, piece
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import Asked
from webapp.visit import Here
from workflows.ask import cards_of_guest
from workflows.permissions import Action
from workflows.refusals import Refusal
from workflows.review import end_access, keep_access, theirs, to_answer

pages = Blueprint("reviews", __name__, url_prefix="/a/<slug:slug>/reviews")
PER_PAGE = 60
MOST_ANSWERED = 30


def _page(refusal: Refusal | None = None) -> str:
    found, asked = here(), Asked.read()
    rows, has_more = _open(found, asked.page)
    shown = {"rows": rows, "has_more": has_more, "answered": _answered(found), "asked": asked}
    return render_template("pages/reviews.html", refusal=refusal, **shown)


@pages.get("")
@needs(Action.REVIEW)
def listed() -> str:
    """Show the guests whose access is asked about, and what was answered of late."""
    return _page()


@pages.post("/<number:review_id>/keep")
@needs(Action.REVIEW)
@answers_on(_page)
def keep(review_id: int) -> ResponseReturnValue:
    """Let the guest keep their access."""
    with acting() as found:
        name = keep_access(found.session, review_id, by=found.by).display_name
    flash(gettext("%(name)s keeps access.", name=name))
    return redirect(url_for(".listed"), 303)


@pages.post("/<number:review_id>/end")
@needs(Action.REVIEW)
@answers_on(_page)
def end(review_id: int) -> ResponseReturnValue:
    """End the guest's access."""
    with acting() as found:
        name = end_access(found.session, review_id, by=found.by).display_name
    flash(gettext("The access of %(guest)s has ended.", guest=name))
    return redirect(url_for(".listed"), 303)


def _open(found: Here, page: int) -> Piece[Row[Any]]:
    """Return a page of what may be answered, each with the guest's cards and sponsor; what is due first at first."""
    sponsor = aliased(Membership, name="sponsor")
    wanted = (
        to_answer(found.session, found.by)
        .join(Membership.user)
        .outerjoin(sponsor, sponsor.id == Membership.sponsor_id)
        .add_columns(cards_of_guest(now()).label("cards"), sponsor)
        .order_by(Review.due_at, Membership.id)
        .options(contains_eager(Review.guest, Membership.user), joinedload(sponsor.user))
    )
    return piece(found.session.execute, wanted, PER_PAGE, page=page)


def _answered(found: Here) -> list[Review]:
    over = theirs(found.session, found.by).where(Review.outcome.in_((ReviewOutcome.KEPT, ReviewOutcome.ENDED)))
    newest = over.order_by(func.coalesce(Review.answered_at, Review.due_at).desc(), Review.id.desc())
    named = (contains_eager(Review.guest).joinedload(Membership.user), joinedload(Review.answered_by))
    return list(found.session.scalars(newest.limit(MOST_ANSWERED).options(*named)))
