"""Talking on a card: the chat that gives access, mail with the contact, and who participates."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from models.language import gettext
from webapp.access import acting, database, here, needs
from webapp.cards import card_page
from webapp.errors import answers_on
from webapp.forms import ChatForm, TextForm, end_of_day
from workflows.converse import say, write_to_contact
from workflows.grant import closed_grants
from workflows.permissions import Action
from workflows.revoke import revoke_grant

pages = Blueprint("talk", __name__, url_prefix="/a/<slug:slug>/<any(leads, customers):kind>/<number:card_id>")


@pages.post("/chat")
@needs(Action.CHAT)
@answers_on(card_page)
def chat() -> ResponseReturnValue:
    """Write in the chat; guests who are addressed gain access by it (R20)."""
    sent = ChatForm.read()
    with database().reading() as session:
        known = closed_grants(session, here().on.id, sent.to)
    with acting() as found:
        ends_at = end_of_day(sent.expires_on, found.by.account.zone) if found.may(Action.GRANT) else None
        say(found.session, found.on, by=found.by, text=sent.text, to=sent.to, ends_at=ends_at, known=known)
    return redirect(url_for("cards.card"), 303)


@pages.post("/contact-messages")
@needs(Action.WRITE_CONTACT)
@answers_on(card_page)
def write_contact() -> ResponseReturnValue:
    """Mail the card's contact (R32)."""
    sent = TextForm.read()
    with acting() as found:
        write_to_contact(found.session, found.on, by=found.by, text=sent.text)
    return redirect(url_for("cards.card"), 303)


@pages.post("/participants/<number:membership_id>/remove")
@needs(Action.REVOKE_GRANT)
@answers_on(card_page)
def remove_participant(membership_id: int) -> ResponseReturnValue:
    """Close this card to a guest (R50)."""
    with acting() as found:
        revoke_grant(found.session, found.on, membership_id, by=found.by)
    flash(gettext("This card is closed to them from now on."))
    return redirect(url_for("cards.card"), 303)
