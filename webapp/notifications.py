"""The notification center: what is new, and the way from one card to the next (R22, R33, R34)."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue

from models import Card, Membership, Notification
from models.language import gettext
from webapp.access import acting, here, needs
from webapp.forms import PreferencesForm, ReadForm
from workflows.correspond import writable
from workflows.grant import cards_of
from workflows.notify import mark_all_read, mark_read, prefer, visible_notifications
from workflows.permissions import Action
from workflows.sign_in import memberships_of

pages = Blueprint("notifications", __name__, url_prefix="/notifications")
# Of a thread; where it leads, all of it is to be read.
SHOWN = 8


@dataclass(frozen=True)
class Place:
    """An account in the center: the cards a guest participates in, and whom one may write to."""

    membership: Membership
    cards: list[Card]
    people: list[Membership]


@dataclass(frozen=True)
class Thread:
    """The notifications about one card, or from one person's direct chat; newest first."""

    entries: list[Notification]

    @property
    def newest(self) -> Notification:
        return self.entries[0]

    @property
    def shown(self) -> list[Notification]:
        return self.entries[:SHOWN]

    @property
    def about(self) -> dict[str, int | None]:
        """What tells this thread from others in the form that marks it as read."""
        card_id, author_id = self.newest.card_id, self.newest.message.author_id
        return {"card_id": card_id} if card_id else {"author_id": author_id}

    @property
    def is_unread(self) -> bool:
        return any(each.read_at is None for each in self.entries)


@pages.get("")
@needs(Action.USE_NOTIFICATIONS)
def center() -> str:
    """Show the notifications by card, unread first."""
    found = here()
    mine = memberships_of(found.session, found.me.id)
    places = [
        Place(each, cards_of(found.session, each) if each.is_guest else [], writable(found.session, each))
        for each in mine
    ]
    entries = visible_notifications(found.session, found.me.id)
    shown = {"threads": _threads(entries), "newest": entries[0].id if entries else 0}
    return render_template("pages/notifications.html", places=places, **shown)


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


def _threads(entries: Iterable[Notification]) -> list[Thread]:
    by_topic: dict[tuple[str, int, int | None], list[Notification]] = {}
    for each in entries:
        about = ("card", 0, each.card_id) if each.card_id else ("direct", each.membership_id, each.message.author_id)
        by_topic.setdefault(about, []).append(each)
    threads = [Thread(found) for found in by_topic.values()]
    return sorted(threads, key=lambda thread: (not thread.is_unread, -thread.newest.id))
