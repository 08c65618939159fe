"""Settings, Users: invite people, and see where each invitation stands (R1, R2, R6)."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select

from models import Import, ImportStatus, InvitationStatus, Membership
from models.language import N_, gettext
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import LARGEST_ID, InviteForm, end_of_day
from webapp.labels import word
from webapp.seats import AskedPeople, Status, seats_of
from webapp.visit import Here
from workflows.invite import cancel_invitation, invite, resend_invitation
from workflows.permissions import Action
from workflows.refusals import NotFound, Refusal
from workflows.restore import former_access, lost_cards, restore_access

pages = Blueprint("users", __name__, url_prefix="/a/<slug:slug>/settings")
IMPORTS_SHOWN = 3
GROUPS = (("free", N_("Free users")), ("member", N_("Members")), ("admin", N_("Admins")))


def users_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists everybody of the account, newest first."""
    found = here()
    asked = AskedPeople.read()
    seats, has_more = seats_of(found.session, found.by.account_id, asked)
    # What was thrown away unread is of no interest.
    kept = or_(Import.status != ImportStatus.CANCELLED, Import.confirmed_at.is_not(None))
    mine = select(Import).where(Import.account_id == found.by.account_id, kept)
    imports = found.session.scalars(mine.order_by(Import.id.desc()).limit(IMPORTS_SHOWN)).all()
    shown = {"seats": seats, "asked": asked, "has_more": has_more, "imports": imports}
    return render_template(
        "pages/users.html",
        refusal=refusal,
        groups=_groups(),
        states=[(each.value, word(each)) for each in Status],
        **shown,
    )


def again_page(membership_id: int, refusal: Refusal | None = None) -> str:
    """Return the page that invites somebody again who was here, and lists what they would have back (R13)."""
    found = here()
    former = _former(found, membership_id)
    about = {"account_id": former.account_id, "user_id": former.user_id}
    held = former_access(found.session, **about)
    lost = lost_cards(found.session, [held])[held] if held else None
    return render_template("pages/again.html", refusal=refusal, former=former, groups=_groups(), lost=lost)


def page_of_the_form(refusal: Refusal) -> str:
    """Return the page that the form of an invitation was sent from."""
    typed = request.form.get("again", type=int)
    return again_page(typed, refusal) if typed and 0 < typed <= LARGEST_ID else users_page(refusal)


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


@pages.get("/users/<number:membership_id>/again")
@needs(Action.INVITE)
def again(membership_id: int) -> ResponseReturnValue:
    """Show what inviting a former user again can restore; whoever is a user now is on the list of them."""
    return again_page(membership_id) if _former(here(), membership_id).is_removed else found_on_users()


@pages.post("/users")
@needs(Action.INVITE)
@answers_on(page_of_the_form)
def add() -> ResponseReturnValue:
    """Invite somebody: the answer waits for neither detection nor mail."""
    sent = InviteForm.read()
    with acting() as found:
        ends_at = end_of_day(sent.expires_on, found.by.account.zone)
        about = {"email": sent.email, "name": sent.name, "group": sent.group}
        invitation = invite(found.session, by=found.by, ends_at=ends_at, **about)
        if sent.restore:
            restore_access(found.session, invitation.membership, by=found.by)
    return redirect(url_for(".listed"), 303)


@pages.post("/invitations/<number:invitation_id>/resend")
@needs(Action.INVITE)
@answers_on(users_page)
def resend(invitation_id: int) -> ResponseReturnValue:
    """Send the invitation again, with a fresh link."""
    with acting() as found:
        invitation = resend_invitation(found.session, invitation_id, by=found.by)
    to = invitation.email_typed
    flash(gettext("The invitation of %(address)s is sent again, with a fresh link.", address=to))
    return redirect(url_for(".listed"), 303)


@pages.post("/invitations/<number:invitation_id>/cancel")
@needs(Action.INVITE)
@answers_on(users_page)
def cancel(invitation_id: int) -> ResponseReturnValue:
    """Cancel the invitation with everything that was sent for it."""
    with acting() as found:
        invitation = cancel_invitation(found.session, invitation_id, by=found.by)
    expired = N_("The invitation of %(address)s had expired before, and its links are dead.")
    cancelled = N_("The invitation of %(address)s is cancelled, and its links are dead.")
    is_late = invitation.status is InvitationStatus.EXPIRED
    flash(gettext(expired if is_late else cancelled, address=invitation.email_typed))
    return redirect(url_for(".listed"), 303)


def _groups() -> list[tuple[str, str]]:
    return [(group, gettext(label)) for group, label in GROUPS]


def _former(found: Here, membership_id: int) -> Membership:
    membership = found.session.get(Membership, membership_id)
    if membership is None or membership.account_id != found.by.account_id:
        raise NotFound
    return membership
