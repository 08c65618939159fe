"""The clock: each tick of each schedule once over all hosts, and a missed one caught up once."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.broker import AWAY, Doorbell
from jobs.relay import Relay
from models import Database, Settings, SweepKind, Tick, enqueue, insert_once, now
from models.audit import request_id
from workflows.sweep import begin_sweep

logger = logging.getLogger(__name__)
# A tick taken later than this was missed, and is caught up.
LATE = timedelta(seconds=5)
TRY_AGAIN = timedelta(seconds=5)
# Of its pause between two looks, how long the relay may be busy with a line.
BUSY_SHARE = 0.9
# How far this host's time may go astray in a second before it has jumped.
JUMP_SECONDS = 2
LONGEST_LOOK_BACK = timedelta(days=5 * 366)


def run(database: Database, settings: Settings, relay: Relay, broker: Doorbell) -> None:
    """Run the clock and the relay until the process ends."""
    scheduler = BlockingScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )

    def try_again(event: JobExecutionEvent) -> None:
        # A tick that could not be taken, because the database was away, is taken as soon as it is back.
        if event.job_id in schedules:
            scheduler.modify_job(event.job_id, next_run_time=now() + TRY_AGAIN)

    schedules = _schedules(settings)
    scheduler.add_listener(try_again, EVENT_JOB_ERROR)
    for name, (line, want) in schedules.items():
        trigger = CronTrigger.from_crontab(line, timezone=UTC)
        scheduler.add_job(tick, trigger, id=name, args=(database, name, trigger, want), next_run_time=now())
    pause = settings.relay_seconds
    scheduler.add_job(relay.look, "interval", seconds=pause, args=(pause * BUSY_SHARE,))
    scheduler.add_job(_tidy, "interval", hours=1, args=(broker,))
    threading.Thread(target=_mind_jumps, args=(scheduler,), daemon=True).start()
    scheduler.start()


def tick(database: Database, schedule: str, trigger: CronTrigger, want: Callable[[Session], object]) -> None:
    """Take the tick that is due, unless another clock has; one missed while no clock ran is caught up.

    A schedule that never ticked has missed nothing; nor has one that ticked since by another line.
    """
    at = now()
    due_at = last_due(trigger, at)
    if due_at is None:
        return
    with database.transaction() as session:
        is_late = at - due_at > LATE
        # What a clock that ran ahead has taken says nothing about the present.
        newest = select(func.max(Tick.due_at)).where(Tick.schedule == schedule, Tick.due_at <= at)
        before = session.scalar(newest) if is_late else None
        if is_late and (before is None or before >= due_at):
            return
        overdue_at = next_after(trigger, next_after(trigger, due_at))
        taken = {"schedule": schedule, "due_at": due_at, "overdue_at": overdue_at, "is_catch_up": is_late}
        if insert_once(session, Tick, **taken):
            request_id.set(uuid4().hex)
            want(session)
            if is_late:
                logger.warning("%s was missed since %s, and is caught up", schedule, before)


def last_due(trigger: CronTrigger, at: datetime) -> datetime | None:
    """Return the trigger's last moment up to `at`; None where there was none in five years."""
    back = timedelta(minutes=1)
    due: datetime | None
    while (due := trigger.get_next_fire_time(None, at - back)) is None or due > at:
        back *= 2
        if back > LONGEST_LOOK_BACK:
            return None
    while (later := trigger.get_next_fire_time(due, due)) is not None and later <= at:
        due = later
    return due.astimezone(UTC)


def next_after(trigger: CronTrigger, at: datetime | None) -> datetime | None:
    """Return the trigger's first moment after `at`; None where there is none."""
    later: datetime | None = trigger.get_next_fire_time(at, at) if at else None
    return later.astimezone(UTC) if later else None


def _mind_jumps(scheduler: BlockingScheduler) -> None:
    """Look anew whenever the host's time is set: the scheduler would sleep until an hour set back is over again."""
    before = time.time() - time.monotonic()
    while True:
        time.sleep(1)
        drift = time.time() - time.monotonic()
        if abs(drift - before) > JUMP_SECONDS:
            logger.warning("the time of this host jumped by %.0f s", drift - before)
            for job in scheduler.get_jobs():
                job.modify(next_run_time=now())
        before = drift


def _schedules(settings: Settings) -> dict[str, tuple[str, Callable[[Session], object]]]:
    return {
        "expire": (settings.expire_cron, lambda session: enqueue(session, "expire")),
        "remind": (settings.remind_cron, lambda session: enqueue(session, "remind")),
        "review": (settings.review_cron, lambda session: enqueue(session, "review")),
        "purge": (settings.purge_cron, lambda session: enqueue(session, "purge")),
        "sweep-access": (settings.sweep_access_cron, lambda session: begin_sweep(session, kind=SweepKind.ACCESS)),
        "sweep-invitations": (
            settings.sweep_invitations_cron,
            lambda session: begin_sweep(session, kind=SweepKind.INVITATIONS),
        ),
        "sweep-work": (settings.sweep_work_cron, lambda session: begin_sweep(session, kind=SweepKind.WORK)),
    }


def _tidy(broker: Doorbell) -> None:
    try:
        broker.tidy()
    except AWAY as error:
        logger.warning("the broker is away, and stays untidy: %s", error)
