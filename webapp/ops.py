"""The platform operator's view of the queues (R73)."""

from collections.abc import Sequence

from flask import Blueprint, render_template
from sqlalchemy import func, select

from models import Job, JobStatus
from webapp.access import here, needs
from workflows.permissions import Action

pages = Blueprint("ops", __name__, url_prefix="/ops")
MOST = 100


@pages.get("/jobs")
@needs(Action.OPERATE)
def jobs() -> str:
    """Show how many jobs there are of each kind, and those that need a look."""
    session = here().session
    counts = dict(session.execute(select(Job.status, func.count()).group_by(Job.status)).tuples().all())
    return render_template(
        "pages/jobs.html",
        counts={status: counts.get(status, 0) for status in JobStatus},
        dead=_jobs(JobStatus.DEAD),
        running=_jobs(JobStatus.RUNNING),
        waiting=_jobs(JobStatus.WAITING),
    )


def _jobs(status: JobStatus) -> Sequence[Job]:
    return here().session.scalars(select(Job).where(Job.status == status).order_by(Job.id.desc()).limit(MOST)).all()
