"""Examines an installation: each part is well, or it says what is wrong and what mends it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlsplit

import redis
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from jobs.broker import AWAY, RedisDoorbell, connect
from jobs.clock import last_due
from jobs.mailer import MailTrouble, probe
from jobs.schedules import SCHEDULES, require_schedules
from models import Account, Database, Job, JobStatus, Tick, now, settings
from models.formats import shown
from models.news import CHANNEL
from models.schema import is_current
from models.settings import Misconfigured, Settings
from workflows.checks import require_known

LONGEST_WAIT = timedelta(minutes=5)
# How long the clock may owe a tick.
LATE = timedelta(minutes=3)


class Ailment(Exception):
    """What is wrong, and what mends it, in one line."""


@dataclass(frozen=True)
class Line:
    """What the examination of one part found."""

    part: str
    is_well: bool
    says: str


def examine(parts: Sequence[Callable[[Settings], str]] | None = None) -> Iterator[Line]:
    """Examine these parts, or all, one after the other. Changes nothing, and waits for nobody long."""
    try:
        chosen = settings()
        require_known(chosen.sweep_repair)
        require_schedules(chosen)
    except Misconfigured as error:
        yield Line("settings", is_well=False, says=str(error))
        return
    yield Line("settings", is_well=True, says=f"{len(chosen.model_fields_set)} chosen, the others on their defaults")
    for look in PARTS if parts is None else parts:
        part = look.__name__.replace("_", " ")
        try:
            yield Line(part, is_well=True, says=look(chosen))
        except Ailment as ailment:
            yield Line(part, is_well=False, says=str(ailment))


def secret_key(chosen: Settings) -> str:
    if not chosen.secret_key:
        return f"made and kept in {chosen.data_dir / 'secret.key'}; several hosts need one GUESTLIST_SECRET_KEY"
    return "set"


def data_directory(chosen: Settings) -> str:
    path = chosen.data_dir.resolve()
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise Ailment(f"{there} cannot be written: change its owner, or set GUESTLIST_DATA_DIR")
    return str(path) if path == there else f"{path} will be made"


def database(chosen: Settings) -> str:
    with _reading(chosen) as session:
        session.execute(select(1))
    return shown(chosen.database)


def migrations(chosen: Settings) -> str:
    with _open(chosen) as opened:
        if not is_current(opened):
            raise Ailment("the database is not at this version: run `guestlist migrate`")
    return "the database is at this version"


def broker(chosen: Settings) -> str:
    try:
        waiting = connect(chosen.broker).depth()
    except AWAY as error:
        mend = "check GUESTLIST_BROKER_URL" if chosen.broker_url else "run `guestlist up`, or set GUESTLIST_BROKER_URL"
        raise Ailment(f"cannot be reached ({_plain(error)}): {mend}") from error
    return f"{waiting} messages wait"


def redis_keeps(chosen: Settings) -> str:
    doorbell = connect(chosen.broker)
    if not isinstance(doorbell, RedisDoorbell):
        return "the broker is not a Redis"
    try:
        told = {**doorbell.client.info("memory"), **doorbell.client.info("persistence")}
    except redis.RedisError as error:
        raise Ailment(f"cannot be asked ({_plain(error)})") from error
    policy = str(told.get("maxmemory_policy", "unknown"))
    if policy.startswith("allkeys"):
        raise Ailment(f"Redis drops keys when it is full ({policy}): set maxmemory-policy to noeviction")
    if told.get("aof_last_write_status", "ok") != "ok":
        raise Ailment("Redis cannot write its append-only file: look at its disk")
    return policy + (", on disk" if told.get("aof_enabled") else ", not on disk: after a restart the relay rings again")


def live_events(chosen: Settings) -> str:
    if not chosen.redis:
        raise Ailment("open pages hear of nothing where the broker is not a Redis: set GUESTLIST_REDIS_URL")
    try:
        listening = redis.Redis.from_url(chosen.redis, socket_timeout=3).pubsub_numsub(CHANNEL)[0][1]
    except redis.RedisError as error:
        raise Ailment(f"Redis cannot be reached ({_plain(error)}): check GUESTLIST_REDIS_URL") from error
    return f"{listening} web processes listen"


def mail_server(chosen: Settings) -> str:
    url = urlsplit(chosen.smtp)
    try:
        probe()
    except MailTrouble as error:
        mend = "check GUESTLIST_SMTP_URL" if chosen.smtp_url else "run `guestlist up`, or set GUESTLIST_SMTP_URL"
        raise Ailment(f"{url.hostname}: {_plain(error)}: {mend}") from error
    return f"{url.hostname} answers" + (", and took the sign-in" if url.username else "")


def clock(chosen: Settings) -> str:
    with _reading(chosen) as session:
        latest = select(Tick.schedule, func.max(Tick.due_at)).group_by(Tick.schedule)
        ticked = {schedule: due_at for schedule, due_at in session.execute(latest)}
        since = session.scalar(select(func.min(Account.created_at)))
    for field in SCHEDULES:
        schedule = field.removesuffix("_cron").replace("_", "-")
        due_at = last_due(CronTrigger.from_crontab(getattr(chosen, field), timezone=UTC), now() - LATE)
        done_at = ticked.get(schedule, since)
        if due_at and done_at and due_at > done_at:
            raise Ailment(f"{schedule} was due at {due_at:%Y-%m-%d %H:%M} UTC: run `guestlist work` on some host")
    return f"last tick for {max(ticked.values()):%Y-%m-%d %H:%M} UTC" if ticked else "nothing was due yet"


def queues(chosen: Settings) -> str:
    with _reading(chosen) as session:
        number: dict[str, int] = {
            status: count for status, count in session.execute(select(Job.status, func.count()).group_by(Job.status))
        }
        due = select(func.min(Job.not_before)).where(Job.status == JobStatus.WAITING)
        oldest = session.scalar(due)
    if dead := number.get(JobStatus.DEAD):
        raise Ailment(f"{dead} dead jobs: see why on /ops/jobs")
    if oldest and now() - oldest > LONGEST_WAIT:
        raise Ailment(f"a job waits since {oldest:%Y-%m-%d %H:%M} UTC: is `guestlist work` running?")
    return f"{number.get(JobStatus.WAITING, 0)} waiting, {number.get(JobStatus.RUNNING, 0)} running, none dead"


PARTS: Sequence[Callable[[Settings], str]] = (
    secret_key,
    data_directory,
    database,
    migrations,
    broker,
    redis_keeps,
    live_events,
    mail_server,
    clock,
    queues,
)


@contextmanager
def _open(chosen: Settings) -> Iterator[Database]:
    url = make_url(chosen.database)
    if url.get_backend_name() == "sqlite" and url.database and not os.path.exists(url.database):
        raise Ailment(f"{url.database} does not exist yet: run `guestlist migrate`")
    opened = Database(chosen.database)
    try:
        yield opened
    except SQLAlchemyError as error:
        raise Ailment(f"{_plain(error)}: check GUESTLIST_DATABASE_URL, and run `guestlist migrate`") from error
    finally:
        opened.engine.dispose()


@contextmanager
def _reading(chosen: Settings) -> Iterator[Any]:
    with _open(chosen) as opened, opened.reading() as session:
        yield session


def _plain(error: BaseException) -> str:
    """Return the first line of what an error says, without the parts that only programmers read."""
    told = str(getattr(error, "orig", None) or error) or type(error).__name__
    return told.strip().splitlines()[0][:200]
