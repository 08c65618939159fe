"""The audit record of an account, newest first."""

from flask import Blueprint, render_template, request
from sqlalchemy import select

from models import AuditEvent, Event
from webapp.access import here, needs
from workflows.permissions import Action
from workflows.tell import tell

pages = Blueprint("audit", __name__, url_prefix="/a/<slug:slug>/audit")
PER_PAGE = 100


@pages.get("")
@needs(Action.AUDIT)
def listed() -> str:
    """Show a page of the record; `before` is the id that the last page ended with."""
    found = here()
    own = select(AuditEvent).where(AuditEvent.account_id == found.by.account_id)
    before = request.args.get("before", 0, type=int) or 0
    kind = request.args.get("event", "")
    if 0 < before < 2**63:
        own = own.where(AuditEvent.id < before)
    if kind in set(Event):
        own = own.where(AuditEvent.event == Event(kind))
    rows = found.session.scalars(own.order_by(AuditEvent.id.desc()).limit(PER_PAGE + 1)).all()
    events = rows[:PER_PAGE]
    told = zip(events, tell(found.session, found.by.account_id, events), strict=True)
    last = events[-1].id if len(rows) > PER_PAGE else None
    return render_template("pages/audit.html", events=list(Event), kind=kind, rows=told, last=last)
