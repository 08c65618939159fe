"""The notification center: what is new, and the way from one card to the next (R22, R33, R34)."""

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from models import Card, Membership
from models.language import gettext
from models.pieces import Piece
from webapp.access import acting, here, needs
from webapp.forms import Asked, PreferencesForm, ReadForm
from webapp.threads import MOST, PER_PAGE, threads_of
from webapp.visit import Here
from workflows.correspond import writable
from workflows.grant import cards_of
from workflows.notify import mark_all_read, mark_read, prefer
from workflows.permissions import Action
from workflows.sign_in import memberships_of

pages = Blueprint("notifications", __name__, url_prefix="/notifications")


@dataclass(frozen=True)
class Place:
    """An account in the center: the cards a guest participates in, and whom one may write to."""

    membership: Membership
    cards: Piece[Card]
    people: Piece[Membership]

    @property
    def has_more(self) -> bool:
        return self.cards.has_more or self.people.has_more


@pages.get("")
@needs(Action.USE_NOTIFICATIONS)
def center() -> str:
    """Show the notifications by card, unread first: the first of them, and more as one scrolls."""
    found, asked = here(), Asked.read()
    shown = max(PER_PAGE, min(request.args.get("shown", 0, type=int) or 0, MOST))
    threads, has_more = threads_of(found.session, found.me.id, shown=shown)
    return render_template(
        "pages/notifications.html",
        threads=threads,
        shown=shown if shown > PER_PAGE else None,
        newest=max((each.newest.id for each in threads), default=0),
        more=min(2 * shown, MOST) if has_more and shown < MOST else None,
        places=[_place(found, each, asked.q) for each in memberships_of(found.session, found.me.id)],
        asked=asked,
    )


@pages.post("/<number:notification_id>/read")
@needs(Action.USE_NOTIFICATIONS)
def read(notification_id: int) -> ResponseReturnValue:
    """Mark one as read."""
    with acting() as found:
        mark_read(found.session, notification_id, user_id=found.me.id)
    return redirect("/notifications", 303)


@pages.post("/read")
@needs(Action.USE_NOTIFICATIONS)
def read_all() -> ResponseReturnValue:
    """Mark what there was when the page was made as read, of one thread or of all; what came since stays unread."""
    sent = ReadForm.read()
    with acting() as found:
        about = {"card_id": sent.card_id, "author_id": sent.author_id}
        mark_all_read(found.session, found.me.id, until=sent.newest, **about)
    return redirect("/notifications", 303)


@pages.post("/preferences")
@needs(Action.USE_NOTIFICATIONS)
def choose() -> ResponseReturnValue:
    """Keep what the person prefers: unsubscribing is taken back here."""
    sent = PreferencesForm.read()
    with acting() as found:
        prefer(found.session, found.me.id, wants_mail=sent.wants_mail)
    mailed, silent = gettext("You are mailed what you have not read."), gettext("You get no more notification mails.")
    flash(mailed if sent.wants_mail else silent)
    return redirect("/notifications", 303)


def _place(found: Here, membership: Membership, q: str) -> Place:
    cards = cards_of(found.session, membership, like=q) if membership.is_guest else Piece[Card]([], has_more=False)
    return Place(membership, cards, writable(found.session, membership, like=q))
