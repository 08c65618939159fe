"""Examines whether the work goes on: the clock ticks, sweeps succeed, jobs are done."""

from datetime import UTC, timedelta

from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import func, select

from jobs.ailment import Ailment, reading
from jobs.clock import last_due
from jobs.schedules import SCHEDULES
from models import Account, Job, JobStatus, Settings, SweepKind, Tick, now
from workflows.checks.schedules import is_overdue

LONGEST_WAIT = timedelta(minutes=5)
# How long the clock may owe a tick.
LATE = timedelta(minutes=3)


def clock(chosen: Settings) -> str:
    with reading(chosen) as session:
        latest = select(Tick.schedule, func.max(Tick.due_at)).group_by(Tick.schedule)
        ticked = {schedule: due_at for schedule, due_at in session.execute(latest)}
        since = session.scalar(select(func.min(Account.created_at)))
    for field in SCHEDULES:
        schedule = field.removesuffix("_cron").replace("_", "-")
        due_at = last_due(CronTrigger.from_crontab(getattr(chosen, field), timezone=UTC), now() - LATE)
        # One that is new here has missed nothing while the clock ran for others.
        done_at = ticked.get(schedule) or max(ticked.values(), default=since)
        if due_at and done_at and due_at > done_at:
            raise Ailment(f"{schedule} was due at {due_at:%Y-%m-%d %H:%M} UTC: run `guestlist work` on some host")
    return f"last tick for {max(ticked.values()):%Y-%m-%d %H:%M} UTC" if ticked else "nothing was due yet"


def sweeps(chosen: Settings) -> str:
    with reading(chosen) as session:
        overdue = [kind for kind in SweepKind if is_overdue(session, kind, now())]
    if overdue:
        mend = "see that `guestlist work` runs; `guestlist sweep --repair` begins one"
        raise Ailment(f"no sweep of {', '.join(overdue)} has succeeded for twice its period: {mend}")
    return "none is overdue"


def queues(chosen: Settings) -> str:
    with reading(chosen) as session:
        number: dict[str, int] = {
            status: count for status, count in session.execute(select(Job.status, func.count()).group_by(Job.status))
        }
        due = select(func.min(Job.not_before)).where(Job.status == JobStatus.WAITING)
        oldest = session.scalar(due)
    if dead := number.get(JobStatus.DEAD):
        raise Ailment(f"{dead} dead jobs: `guestlist jobs list --state dead` says why, `jobs replay` tries them again")
    if oldest and now() - oldest > LONGEST_WAIT:
        raise Ailment(f"a job waits since {oldest:%Y-%m-%d %H:%M} UTC: is `guestlist work` running?")
    return f"{number.get(JobStatus.WAITING, 0)} waiting, {number.get(JobStatus.RUNNING, 0)} running, none dead"
