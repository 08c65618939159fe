"""Deleting users: what will end, its progress, the receipt, and undoing it (R51 to R58)."""

import json

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from models import Removal, RemovalStatus, now
from models.language import N_, gettext
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import DeleteForm
from webapp.users import users_page
from webapp.visit import Here
from workflows.permissions import Action
from workflows.refusals import BadInput, NotFound, Refusal
from workflows.revoke import preview_removal, remove
from workflows.undo import comebacks, undo_removal

pages = Blueprint("removals", __name__, url_prefix="/a/<slug:slug>")
ENDED = {
    "grants": N_("Leads and customers closed"),
    "notifications": N_("Notifications purged"),
    "mails": N_("Queued mails cancelled"),
    "invitations": N_("Invitations cancelled"),
    "links": N_("Links made useless"),
    "sessions": N_("Sessions ended"),
}

# What a receipt says was asked, in words that are kept in English.
ASKED = (N_("Enter the account"), N_("Use an open grant"), N_("Read notifications"))
OPENED = (N_("Open the lead “%(card)s”"), N_("Open the customer “%(card)s”"))


@pages.app_template_filter()
def asked(probe: dict[str, str]) -> str:
    """Return what a receipt's probe asked for."""
    said = probe["asked"]
    for each in OPENED:
        before, _, after = each.partition("%(card)s")
        if said.startswith(before):
            return gettext(each, card=said.removeprefix(before).removesuffix(after))
    return gettext(said) if said in ASKED else said


def removal_page(refusal: Refusal | None = None) -> str:
    """Return the page of the removal in the address: its progress, then its receipt and who would return."""
    found = here()
    removal = _own(found, (request.view_args or {})["removal_id"])
    wanted, is_running = removal.wanted or {}, removal.status is RemovalStatus.RUNNING
    done = {part: removal.ended.get(part, {}).get("rows", 0) for part in wanted}
    is_undoable = not is_running and removal.undone_at is None and removal.undoable_until > now()
    return render_template(
        "pages/removal.html",
        refusal=refusal,
        removal=removal,
        is_running=is_running,
        comebacks=comebacks(found.session, removal) if is_undoable else [],
        parts=[(part, ENDED.get(part, part), done[part], wanted[part]) for part in wanted],
        done=sum(done.values()),
        total=sum(wanted.values()),
    )


@pages.post("/settings/users/delete")
@needs(Action.REMOVE)
@answers_on(users_page)
def delete() -> ResponseReturnValue:
    """Show what deleting will end; once that is confirmed, end it."""
    sent = DeleteForm.read()
    if not sent.ids:
        raise BadInput(gettext("Choose somebody to delete first."))
    with acting() as found:
        if not sent.confirm:
            preview = preview_removal(found.session, sent.ids, by=found.by)
            return render_template("pages/delete.html", preview=preview)
        removal = remove(found.session, sent.ids, by=found.by)
    return redirect(url_for(".progress", removal_id=removal.id), 303)


@pages.get("/removals/<number:removal_id>")
@needs(Action.REMOVE)
def progress(removal_id: int) -> str:  # noqa: ARG001
    """Show how far a removal is, then its receipt."""
    return removal_page()


@pages.post("/removals/<number:removal_id>/undo")
@needs(Action.REMOVE)
@answers_on(removal_page)
def undo(removal_id: int) -> ResponseReturnValue:
    """Let the people of a removal return, with what it took from them."""
    with acting() as found:
        undo_removal(found.session, removal_id, by=found.by)
    return redirect(url_for(".progress", removal_id=removal_id), 303)


@pages.get("/removals/<number:removal_id>/receipt.json")
@needs(Action.REMOVE)
def receipt(removal_id: int) -> Response:
    """Give the receipt to programs, and whether it was undone since. Raises NotFound while it is not written."""
    removal = _own(here(), removal_id)
    if removal.receipt is None:
        raise NotFound
    told = {**removal.receipt, "undone": removal.undone}
    answer = Response(json.dumps(told, indent=2, ensure_ascii=False), mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="removal-{removal.id}-receipt.json"'
    return answer


def _own(found: Here, removal_id: int) -> Removal:
    removal = found.session.get(Removal, removal_id)
    if removal is None or removal.account_id != found.by.account_id:
        raise NotFound
    return removal
