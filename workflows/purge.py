"""Forget jobs that are long done, and lists that nobody wanted: what is kept is what somebody may still ask about."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models import Import, ImportRow, Job, JobStatus, now, settings

BATCH = 1000
# Dead letters stay until somebody has decided about them.
OVER = (JobStatus.DONE, JobStatus.DISCARDED)


def purge_jobs(session: Session) -> bool:
    """Delete one batch of the jobs that were over before the days of the settings; return whether there may be more."""
    until = now() - timedelta(days=settings().job_keep_days)
    old = select(Job.id).where(Job.status.in_(OVER), Job.finished_at < until).order_by(Job.id).limit(BATCH)
    gone = session.scalars(delete(Job).where(Job.id.in_(old.with_for_update(skip_locked=True))).returning(Job.id)).all()
    return len(gone) == BATCH


def purge_lists(session: Session) -> bool:
    """Delete one batch of rows of an old list that was never confirmed, at last the list; return whether more is left.

    People who were not invited in the end are nobody's to keep.
    """
    until = now() - timedelta(days=settings().job_keep_days)
    old = select(Import).where(Import.confirmed_at.is_(None), Import.uploaded_at < until)
    found = session.scalars(old.order_by(Import.id).limit(1).with_for_update(skip_locked=True)).one_or_none()
    if found is None:
        return False
    rows = select(ImportRow.id).where(ImportRow.import_id == found.id).limit(BATCH)
    gone = session.scalars(delete(ImportRow).where(ImportRow.id.in_(rows)).returning(ImportRow.id)).all()
    if len(gone) < BATCH:
        session.delete(found)
    return True
