"""Direct chat between two people of an account (R33)."""

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import TextForm, before
from workflows.correspond import correspondent, direct_between, is_reachable, write_direct
from workflows.permissions import Action
from workflows.refusals import Refusal

pages = Blueprint("direct", __name__, url_prefix="/a/<slug:slug>/direct")


def _page(refusal: Refusal | None = None) -> str:
    found = here()
    other = correspondent(found.session, g.other_id, by=found.by)
    messages = direct_between(found.session, found.by, other, before=before("talk"))
    may_write = found.may(Action.WRITE_DIRECT) and is_reachable(other)
    shown = {"other": other, "messages": messages, "may_write": may_write, "before": before("talk") or None}
    return render_template("pages/direct.html", refusal=refusal, **shown)


@pages.get("/<number:membership_id>")
@needs(Action.READ_DIRECT)
def conversation(membership_id: int) -> str:
    """Show what the two wrote."""
    g.other_id = membership_id
    return _page()


@pages.post("/<number:membership_id>")
@needs(Action.WRITE_DIRECT)
@answers_on(_page)
def write(membership_id: int) -> ResponseReturnValue:
    """Write to the other."""
    g.other_id = membership_id
    sent = TextForm.read()
    with acting() as found:
        write_direct(found.session, membership_id, by=found.by, text=sent.text)
    return redirect(url_for(".conversation", membership_id=membership_id), 303)
