"""Settings, Users: invite people, and see where each invitation stands (R1, R2, R6)."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from models import InvitationStatus
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import Asked, InviteForm, end_of_day
from webapp.seats import seats_of
from workflows.invite import cancel_invitation, invite, resend_invitation
from workflows.permissions import Action
from workflows.refusals import Refusal

pages = Blueprint("users", __name__, url_prefix="/a/<slug:slug>/settings")
GROUPS = (("free", "Free users"), ("member", "Members"), ("admin", "Admins"))


def users_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists everybody of the account, newest first."""
    found = here()
    asked = Asked.read()
    seats, has_more = seats_of(found.session, found.by.account_id, wanted=asked.q, page=asked.page)
    shown = {"seats": seats, "asked": asked, "has_more": has_more}
    return render_template("pages/users.html", refusal=refusal, groups=GROUPS, **shown)


@pages.get("/users")
@needs(Action.INVITE)
def listed() -> str:
    """Show everybody, and the form that adds somebody."""
    return users_page()


@pages.get("")
@pages.get("/invitations")
@needs(Action.INVITE)
def found_on_users() -> ResponseReturnValue:
    """Lead to the page on which the forms about users and invitations are."""
    return redirect(url_for(".listed"), 303)


@pages.post("/users")
@needs(Action.INVITE)
@answers_on(users_page)
def add() -> ResponseReturnValue:
    """Invite somebody: the answer waits for neither detection nor mail."""
    sent = InviteForm.read()
    with acting() as found:
        ends_at = end_of_day(sent.expires_on, found.by.account.zone)
        about = {"email": sent.email, "name": sent.name, "group": sent.group}
        invite(found.session, by=found.by, ends_at=ends_at, **about)
    return redirect(url_for(".listed"), 303)


@pages.post("/invitations/<number:invitation_id>/resend")
@needs(Action.INVITE)
@answers_on(users_page)
def resend(invitation_id: int) -> ResponseReturnValue:
    """Send the invitation again, with a fresh link."""
    with acting() as found:
        invitation = resend_invitation(found.session, invitation_id, by=found.by)
    flash(f"The invitation of {invitation.email_typed} is sent again, with a fresh link.")
    return redirect(url_for(".listed"), 303)


@pages.post("/invitations/<number:invitation_id>/cancel")
@needs(Action.INVITE)
@answers_on(users_page)
def cancel(invitation_id: int) -> ResponseReturnValue:
    """Cancel the invitation with everything that was sent for it."""
    with acting() as found:
        invitation = cancel_invitation(found.session, invitation_id, by=found.by)
    became = "had expired before" if invitation.status is InvitationStatus.EXPIRED else "is cancelled"
    flash(f"The invitation of {invitation.email_typed} {became}, and its links are dead.")
    return redirect(url_for(".listed"), 303)
