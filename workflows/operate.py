"""Operate the jobs of all accounts: replay and discard dead letters, pause and resume kinds of jobs (R73)."""

from collections.abc import Callable, Sequence

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from models import Delivery, DeliveryStatus, Event, Job, JobStatus, Pause, Template, insert_once, now, record
from models.job import EVERY_KIND, ring_for
from workflows.refusals import BadInput, NotDead

KINDS = ("carry_out_import", "carry_out_removal", "deliver", "expire", "purge", "remind", "review", "sweep")
# What one call settles; the rest is left for the next.
BATCH = 1000


def replay(session: Session, job_ids: Sequence[int], *, by: str) -> int:
    """Let dead letters begin anew, with all their attempts; return how many there were. Raises NotDead."""
    at = now()
    jobs = _dead(session, job_ids)
    for job in jobs:
        job.status, job.attempts, job.finished_at = JobStatus.WAITING, 0, None
        job.due_at = job.not_before = at
        ring_for(session, job)
        if reopen := REOPEN.get(job.actor):
            reopen(session, **job.arguments)
        _note(session, Event.JOB_REPLAYED, job, by)
    return len(jobs)


def discard(session: Session, job_ids: Sequence[int], *, by: str) -> int:
    """Put dead letters away for good; return how many there were. Raises NotDead."""
    jobs = _dead(session, job_ids)
    for job in jobs:
        job.status, job.finished_at = JobStatus.DISCARDED, now()
        _note(session, Event.JOB_DISCARDED, job, by)
    return len(jobs)


def dead_letters(session: Session, *, kind: str = "", after: int = 0) -> Sequence[int]:
    """Return the ids of one batch of dead letters beyond an id, of all kinds or one, the oldest first."""
    dead = select(Job.id).where(Job.status == JobStatus.DEAD, Job.id > after).order_by(Job.id).limit(BATCH)
    return session.scalars(dead.where(Job.actor == kind) if kind else dead).all()


def pause(session: Session, kind: str, *, by: str) -> None:
    """Leave jobs of a kind, or of every kind, waiting from now on. What runs is finished. Pausing twice is once."""
    _check(kind)
    if insert_once(session, Pause, actor=kind, paused_by=by):
        record(session, Event.JOBS_PAUSED, kind=kind, operator=by)


def resume(session: Session, kind: str, *, by: str) -> None:
    """Let jobs of a kind go on; the relay rings for those that waited. Resuming twice is once."""
    _check(kind)
    if session.scalars(delete(Pause).where(Pause.actor == kind).returning(Pause.id)).all():
        record(session, Event.JOBS_RESUMED, kind=kind, operator=by)
        waiting = update(Job).where(Job.status == JobStatus.WAITING, Job.not_before <= now())
        session.execute((waiting if kind == EVERY_KIND else waiting.where(Job.actor == kind)).values(ring_at=now()))


def _dead(session: Session, job_ids: Sequence[int]) -> Sequence[Job]:
    if not job_ids:
        raise BadInput("Choose one job at least.")
    mine = select(Job).where(Job.id.in_(job_ids), Job.status == JobStatus.DEAD)
    jobs = session.scalars(mine.order_by(Job.id).with_for_update()).all()
    if len(jobs) < len(set(job_ids)):
        raise NotDead(min(set(job_ids) - {job.id for job in jobs}))
    return jobs


def _note(session: Session, event: Event, job: Job, by: str) -> None:
    record(session, event, job.id, account_id=job.account_id, kind=job.actor, **job.arguments, operator=by)


def _check(kind: str) -> None:
    if kind not in {*KINDS, EVERY_KIND}:
        raise BadInput(f"There is no kind of job “{kind[:64]}”; choose {', '.join(KINDS)}.")


def _reopen_delivery(session: Session, *, delivery_id: int) -> None:
    """Queue a mail again that was given up when its job died; a newer digest of the same person stands for an older."""
    newer = aliased(Delivery)
    is_queued = (newer.status == DeliveryStatus.QUEUED) & (newer.template == Template.NOTIFICATION)
    same = exists(select(newer.id).where(newer.membership_id == Delivery.membership_id, is_queued))
    given_up = update(Delivery).where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.FAILED)
    is_free = (Delivery.template.is_(None)) | (Delivery.template != Template.NOTIFICATION) | ~same
    session.execute(
        given_up.where(is_free).values(status=DeliveryStatus.QUEUED, ended_at=None, last_error=None),
        execution_options={"synchronize_session": False},
    )


# What the death of a job had settled is opened again, so that there is something to do.
REOPEN: dict[str, Callable[..., None]] = {"deliver": _reopen_delivery}
