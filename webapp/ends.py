"""Until when a guest has access: admins set it, guests ask for more time (R14)."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from models.language import gettext
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import EndForm, end_of_day
from workflows.extend import ask_extension, guest_of, set_end
from workflows.permissions import Action
from workflows.refusals import Refusal
from workflows.warn import MINUTE

pages = Blueprint("ends", __name__, url_prefix="/a/<slug:slug>")


def _page(refusal: Refusal | None = None) -> str:
    found = here()
    guest = guest_of(found.session, g.guest_id, by=found.by)
    last = (guest.ends_at - MINUTE).astimezone(found.by.account.zone).date() if guest.ends_at else ""
    return render_template("pages/end.html", refusal=refusal, guest=guest, last=last)


@pages.get("/settings/users/<number:membership_id>/end")
@needs(Action.SET_END)
def end(membership_id: int) -> str:
    """Show until when a guest has access, and the form that moves it."""
    g.guest_id = membership_id
    return _page()


@pages.post("/settings/users/<number:membership_id>/end")
@needs(Action.SET_END)
@answers_on(_page)
def move(membership_id: int) -> ResponseReturnValue:
    """Move the end; an empty day is no end."""
    g.guest_id = membership_id
    sent = EndForm.read()
    with acting() as found:
        ends_at = end_of_day(sent.expires_on, found.by.account.zone)
        name = set_end(found.session, membership_id, by=found.by, ends_at=ends_at).display_name
    to_the_end = gettext("%(name)s has access to the end of %(day)s.", name=name, day=sent.expires_on)
    flash(to_the_end if ends_at else gettext("%(name)s has access without an end.", name=name))
    return redirect(url_for("users.listed"), 303)


@pages.post("/extension")
@needs(Action.ASK_EXTENSION)
def ask() -> ResponseReturnValue:
    """Ask whoever answers for the guest for more time."""
    with acting() as found:
        asked = ask_extension(found.session, by=found.by).display_name
    flash(gettext("%(name)s was asked. The answer comes here, too.", name=asked))
    return redirect("/notifications", 303)
