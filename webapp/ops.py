"""The platform operator's pages: the jobs of all accounts (R73), and what was decided about invitations (R3)."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from models import Account, Delivery, Invitation, Job, JobStatus, Membership, Pause, User, now
from models.job import EVERY_KIND
from models.pieces import newest
from models.visible import plain
from webapp.access import acting, here, needs
from webapp.charts import Series, bars, lines
from webapp.errors import answers_on
from webapp.forms import JobsForm, before
from webapp.pace import Minute, pace
from workflows import operate
from workflows.permissions import Action
from workflows.refusals import NotFound, Refusal

pages = Blueprint("ops", __name__, url_prefix="/ops")
PER_PAGE = 50
WAITS, IS_TRIED_AGAIN = Job.status == JobStatus.WAITING, Job.attempts > 0
STATES: dict[str, ColumnElement[bool]] = {
    "waiting": WAITS & ~IS_TRIED_AGAIN,
    "running": Job.status == JobStatus.RUNNING,
    "retrying": WAITS & IS_TRIED_AGAIN,
    "dead": Job.status == JobStatus.DEAD,
    "done": Job.status == JobStatus.DONE,
    "discarded": Job.status == JobStatus.DISCARDED,
}
# Those that an operator may have to do something about; the others are history, and may be many.
OPEN = ("waiting", "running", "retrying", "dead")
UNFINISHED = Job.status.in_((JobStatus.WAITING, JobStatus.RUNNING, JobStatus.DEAD))


def _page(refusal: Refusal | None = None) -> str:
    session, state, kind = here().session, request.values.get("state", ""), _kind()
    wanted = select(Job, Account.slug).outerjoin(Account, Account.id == Job.account_id)
    wanted = wanted.where(STATES.get(state, UNFINISHED))
    wanted = wanted.where(Job.actor == kind) if kind else wanted
    rows, has_more = newest(session.execute, wanted, Job.id, PER_PAGE, before=before())
    paused = session.scalars(select(Pause).order_by(Pause.actor)).all()
    shown = {"rows": rows, "has_more": has_more, "paused": paused, "oldest": _oldest(session), "at": now()}
    shown["minutes"] = pace(session, kind=kind)
    choices = {"states": list(STATES), "kinds": operate.KINDS, "every_kind": EVERY_KIND, "state": state, "kind": kind}
    return render_template("pages/jobs.html", refusal=refusal, counts=_counts(session), **shown, **choices)


@pages.get("/jobs")
@needs(Action.OPERATE)
def jobs() -> str:
    """Show how many jobs there are in each state, and those of one state and kind."""
    return _page()


@pages.get("/jobs/throughput.svg")
@needs(Action.OPERATE)
def throughput() -> Response:
    """Draw how many jobs ended in each minute of the last hour, and how."""
    clock, minutes = _minutes()
    done = Series("Done", "accent", [each.done for each in minutes])
    return bars(clock, [done, Series("Dead", "wrong", [each.dead for each in minutes])])


@pages.get("/jobs/latency.svg")
@needs(Action.OPERATE)
def latency() -> Response:
    """Draw how long after they were wanted the jobs of each minute of the last hour ended."""
    clock, minutes = _minutes()
    half = Series("Half within", "accent", [each.half for each in minutes])
    return lines(clock, [half, Series("95 % within", "warn", [each.most for each in minutes])])


@pages.post("/jobs/replay")
@needs(Action.OPERATE)
@answers_on(_page)
def replay() -> ResponseReturnValue:
    """Let dead letters begin anew: those that are ticked, or a batch of all."""
    return _settle(operate.replay)


@pages.post("/jobs/discard")
@needs(Action.OPERATE)
@answers_on(_page)
def discard() -> ResponseReturnValue:
    """Put dead letters away: those that are ticked, or a batch of all."""
    return _settle(operate.discard)


@pages.post("/jobs/pause")
@needs(Action.OPERATE)
@answers_on(_page)
def pause() -> ResponseReturnValue:
    """Leave jobs of a kind waiting."""
    sent = JobsForm.read()
    with acting() as found:
        operate.pause(found.session, sent.kind, by=found.me.email)
    return redirect(url_for(".jobs"), 303)


@pages.post("/jobs/resume")
@needs(Action.OPERATE)
@answers_on(_page)
def resume() -> ResponseReturnValue:
    """Let jobs of a kind go on."""
    sent = JobsForm.read()
    with acting() as found:
        operate.resume(found.session, sent.kind, by=found.me.email)
    return redirect(url_for(".jobs"), 303)


@pages.get("/jobs/<number:job_id>")
@needs(Action.OPERATE)
def job(job_id: int) -> str:
    """Show all about one job, and, where it sends an invitation, what was decided about it."""
    session = here().session
    found = session.get(Job, job_id)
    if found is None:
        raise NotFound
    sent = select(Delivery).where(Delivery.id == found.arguments.get("delivery_id", 0))
    delivery = session.scalars(sent).one_or_none() if found.actor == "deliver" else None
    invitation = session.get(Invitation, delivery.invitation_id or 0) if delivery else None
    account = session.get(Account, found.account_id or 0)
    return render_template("pages/job.html", job=found, account=account, delivery=delivery, invitation=invitation)


@pages.get("/invitations")
@needs(Action.OPERATE)
def invitations() -> str:
    """Show what was decided about each invitation, with its reason and when: the record that admins never see (R6)."""
    session, q = here().session, plain(request.args.get("q", ""))[:254]
    inviter, inviting = aliased(Membership), aliased(User)
    wanted = select(Invitation, Account, User.email, inviting.email).join(Invitation.membership)
    wanted = wanted.join(Account, Account.id == Invitation.account_id).join(User, User.id == Membership.user_id)
    wanted = wanted.join(inviter, inviter.id == Invitation.inviter_id).join(inviting, inviting.id == inviter.user_id)
    is_like = User.email.contains(q.lower(), autoescape=True)
    wanted = wanted.where(is_like) if q else wanted
    rows, has_more = newest(session.execute, wanted, Invitation.id, PER_PAGE, before=before())
    return render_template("pages/invitations.html", rows=rows, has_more=has_more, q=q)


def _kind() -> str:
    return plain(request.values.get("kind", ""))[:64]


def _minutes() -> tuple[list[str], list[Minute]]:
    minutes = pace(here().session, kind=_kind())
    return [f"{each.at:%H:%M}" for each in minutes], minutes


def _settle(settle: Callable[..., int]) -> ResponseReturnValue:
    sent = JobsForm.read()
    with acting() as found:
        ids = operate.dead_letters(found.session, kind=sent.kind) if sent.every else sent.ids
        settle(found.session, ids, by=found.me.email)
    return redirect(url_for(".jobs", state=sent.state or None, kind=sent.kind or None), 303)


def _counts(session: Session) -> dict[str, int]:
    counted = (func.count().filter(STATES[state]) for state in OPEN)
    row = session.execute(select(*counted).where(UNFINISHED)).one()
    return dict(zip(OPEN, row, strict=True))


def _oldest(session: Session) -> datetime | None:
    """Return since when the job waits that is due the longest."""
    return session.scalar(select(func.min(Job.due_at)).where(WAITS, Job.not_before <= now()))
