"""Deleting users: what will end, its progress, and the receipt (R51 to R57)."""

import json

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from models import Removal, RemovalStatus
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import DeleteForm
from webapp.users import users_page
from webapp.visit import Here
from workflows.permissions import Action
from workflows.refusals import BadInput, NotFound
from workflows.revoke import preview_removal, remove

pages = Blueprint("removals", __name__, url_prefix="/a/<slug:slug>")
ENDED = {
    "grants": "Leads and customers closed",
    "notifications": "Notifications purged",
    "mails": "Queued mails cancelled",
    "invitations": "Invitations cancelled",
    "links": "Links made useless",
    "sessions": "Sessions ended",
}


@pages.post("/settings/users/delete")
@needs(Action.REMOVE)
@answers_on(users_page)
def delete() -> ResponseReturnValue:
    """Show what deleting will end; once that is confirmed, end it."""
    sent = DeleteForm.read()
    if not sent.ids:
        raise BadInput("Choose somebody to delete first.")
    with acting() as found:
        if not sent.confirm:
            preview = preview_removal(found.session, sent.ids, by=found.by)
            return render_template("pages/delete.html", preview=preview)
        removal = remove(found.session, sent.ids, by=found.by)
    return redirect(url_for(".progress", removal_id=removal.id), 303)


@pages.get("/removals/<number:removal_id>")
@needs(Action.REMOVE)
def progress(removal_id: int) -> str:
    """Show how far a removal is, then its receipt."""
    removal = _own(here(), removal_id)
    wanted = removal.wanted or {}
    done = {part: removal.ended.get(part, {}).get("rows", 0) for part in wanted}
    return render_template(
        "pages/removal.html",
        removal=removal,
        is_running=removal.status is RemovalStatus.RUNNING,
        parts=[(part, ENDED.get(part, part), done[part], wanted[part]) for part in wanted],
        done=sum(done.values()),
        total=sum(wanted.values()),
    )


@pages.get("/removals/<number:removal_id>/receipt.json")
@needs(Action.REMOVE)
def receipt(removal_id: int) -> Response:
    """Give the receipt to programs. Raises NotFound while it is not written."""
    removal = _own(here(), removal_id)
    if removal.receipt is None:
        raise NotFound
    answer = Response(json.dumps(removal.receipt, indent=2, ensure_ascii=False), mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="removal-{removal.id}-receipt.json"'
    return answer


def _own(found: Here, removal_id: int) -> Removal:
    removal = found.session.get(Removal, removal_id)
    if removal is None or removal.account_id != found.by.account_id:
        raise NotFound
    return removal
