"""How fast jobs go: how many ended in each minute of the last hour, and how long after they were wanted (R73)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Job, JobStatus, now
from models.moments import minute_of, seconds_between

MINUTES = 60
# Of a flood of jobs the newest tell enough; those long done are not looked at.
NEWEST = 100_000
ENDED = (JobStatus.DONE, JobStatus.DEAD)


@dataclass(frozen=True)
class Minute:
    """The jobs that ended in one minute: how many, well or not, and the seconds that half and 95 % took at most."""

    at: datetime
    done: int = 0
    dead: int = 0
    half: float | None = None
    most: float | None = None


def pace(session: Session, *, kind: str = "") -> list[Minute]:
    """Return the minutes of the last hour, of all kinds of jobs or one, the present minute last."""
    last = int(now().timestamp()) // 60
    minutes = range(last - MINUTES + 1, last + 1)
    found = _ended(session, kind, since=_moment(minutes[0]))
    return [found.get(each, Minute(_moment(each))) for each in minutes]


def _ended(session: Session, kind: str, *, since: datetime) -> dict[int, Minute]:
    newest = select(func.max(Job.id)).scalar_subquery()
    recent = [Job.id > newest - NEWEST, Job.status.in_(ENDED), Job.finished_at >= since]
    minute, seconds = minute_of(session, Job.finished_at), seconds_between(session, Job.due_at, Job.finished_at)
    # Which part of the minute's jobs took as long or less: that of the first half, and of the first 95 in 100.
    share = func.cume_dist().over(partition_by=minute, order_by=seconds)
    columns = minute.label("minute"), Job.status, seconds.label("seconds"), share.label("share")
    each = select(*columns).where(*recent, *([Job.actor == kind] if kind else [])).subquery().c
    counts = (func.count().filter(each.status == status) for status in ENDED)
    within = (func.min(each.seconds).filter(each.share >= part) for part in (0.5, 0.95))
    rows = session.execute(select(each.minute, *counts, *within).group_by(each.minute))
    return {
        at: Minute(_moment(at), done, dead, max(0.0, float(half)), max(0.0, float(most)))
        for at, done, dead, half, most in rows
    }


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
