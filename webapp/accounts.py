"""The choice of an account, and the invitations that wait for an answer."""

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from webapp.access import acting, here, needs
from webapp.errors import answers_on
from workflows.join import join
from workflows.permissions import Action
from workflows.refusals import Refusal
from workflows.sign_in import memberships_of, pending_invitations_of

pages = Blueprint("accounts", __name__)


def _page(refusal: Refusal | None = None) -> str:
    found = here()
    return render_template(
        "pages/accounts.html",
        refusal=refusal,
        memberships=memberships_of(found.session, found.me.id),
        invitations=pending_invitations_of(found.session, found.me.id),
    )


@pages.get("/accounts")
@needs(Action.JOIN)
def listed() -> str:
    """Show the accounts that are open to this person, and those that ask for them."""
    return _page()


@pages.post("/accounts/<number:invitation_id>/join")
@needs(Action.JOIN)
@answers_on(_page)
def accept(invitation_id: int) -> ResponseReturnValue:
    """Join an account that invited this person."""
    with acting() as found:
        join(found.session, invitation_id, user_id=found.me.id)
    return redirect("/accounts", 303)
