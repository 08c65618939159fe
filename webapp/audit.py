"""The audit record of an account, newest first."""

from flask import Blueprint, render_template, request
from sqlalchemy import select

from models import AuditEvent, Event
from models.pieces import newest
from webapp.access import here, needs
from webapp.forms import before
from workflows.permissions import Action
from workflows.tell import tell

pages = Blueprint("audit", __name__, url_prefix="/a/<slug:slug>/audit")
PER_PAGE = 100
# What people and operators do belongs to no account, and stands in no account's record.
OF_NO_ACCOUNT = {Event.PASSWORD_SET, Event.SIGNED_IN, Event.SIGN_IN_REFUSED}
OF_NO_ACCOUNT |= {Event.JOB_REPLAYED, Event.JOB_DISCARDED, Event.JOBS_PAUSED, Event.JOBS_RESUMED}
KINDS = [each for each in Event if each not in OF_NO_ACCOUNT]


@pages.get("")
@needs(Action.AUDIT)
def listed() -> str:
    """Show a page of the record; `before` is the id that the last page ended with."""
    found = here()
    own = select(AuditEvent).where(AuditEvent.account_id == found.by.account_id)
    kind = request.args.get("event", "")
    if kind in set(Event):
        own = own.where(AuditEvent.event == Event(kind))
    events, has_more = newest(found.session.scalars, own, AuditEvent.id, PER_PAGE, before=before())
    told = zip(events, tell(found.session, found.by.account_id, events), strict=True)
    last = events[-1].id if has_more else None
    return render_template("pages/audit.html", events=KINDS, kind=kind, rows=told, last=last)
