"""Forget jobs that are long done, so that the table holds what somebody may still ask about."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models import Job, JobStatus, now, settings

BATCH = 1000
# Dead letters stay until somebody has decided about them.
OVER = (JobStatus.DONE, JobStatus.DISCARDED)


def purge_jobs(session: Session) -> bool:
    """Delete one batch of the jobs that were over before the days of the settings; return whether there may be more."""
    until = now() - timedelta(days=settings().job_keep_days)
    old = select(Job.id).where(Job.status.in_(OVER), Job.finished_at < until).order_by(Job.id).limit(BATCH)
    gone = session.scalars(delete(Job).where(Job.id.in_(old.with_for_update(skip_locked=True))).returning(Job.id)).all()
    return len(gone) == BATCH
