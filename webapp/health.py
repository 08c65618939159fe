"""Whether the service is well, for load balancers and Prometheus."""

from datetime import datetime, timedelta

import redis
from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import Delivery, DeliveryStatus, Job, JobStatus, SweepKind, now
from models.job import is_paused
from models.schema import is_current
from webapp.access import database, needs
from webapp.display import product
from webapp.metrics import exposition
from workflows.checks.schedules import is_overdue
from workflows.permissions import Action

pages = Blueprint("health", __name__)
WELL = "ok"
PATIENCE_SECONDS = 1.0
# A job that is due for so long, while none is taken up, is taken up by nobody.
LONGEST_WAIT = timedelta(seconds=60)
# What was taken up or sent since is among the newest.
NEWEST = 100_000


@pages.get("/healthz")
@needs(Action.CHECK_HEALTH)
def alive() -> ResponseReturnValue:
    """Say that this process answers."""
    return {"status": WELL}


@pages.get("/readyz")
@needs(Action.CHECK_HEALTH)
def ready() -> ResponseReturnValue:
    """Say of each part whether it is well, and what is wrong. Without the database nothing can be answered: 503.

    What is wrong with other parts impairs, but loses nothing; taking every host out of service for it would.
    """
    try:
        if not is_current(database()):
            return {"status": "unavailable", "database": "has not been migrated: run `guestlist migrate`"}, 503
        with database().reading() as session:
            looks = {"workers": _workers, "mail": _mail, "dead_letters": _dead_letters, "sweeps": _sweeps}
            parts = {name: look(session) for name, look in looks.items()}
    except SQLAlchemyError:
        return {"status": "unavailable", "database": "does not answer"}, 503
    parts = {"database": WELL, "live_events": _live_events(), **parts}
    return {"status": WELL if set(parts.values()) == {WELL} else "impaired", **parts}


@pages.get("/metrics")
@needs(Action.CHECK_HEALTH)
def metrics() -> ResponseReturnValue:
    """Give the metrics to Prometheus."""
    with database().reading() as session:
        return exposition(session), 200, {"Content-Type": CONTENT_TYPE_LATEST}


def _workers(session: Session) -> str:
    due = select(func.min(Job.not_before)).where(
        Job.status == JobStatus.WAITING, Job.ring_at.is_not(None), ~is_paused()
    )
    oldest = _long_ago(session.scalar(due))
    if oldest is None or _is_among_newest(session, Job, Job.started_at > now() - LONGEST_WAIT):
        return WELL
    return f"a job is due for {_since(oldest)}, and nobody takes any up: does `guestlist work` run?"


def _mail(session: Session) -> str:
    """Say whether a mail is tried again and again while none is sent; one that alone is put off is no trouble."""
    tried = select(func.min(Job.due_at)).where(
        Job.actor == "deliver", Job.status == JobStatus.WAITING, Job.last_error.is_not(None), ~is_paused()
    )
    oldest = _long_ago(session.scalar(tried))
    is_sent = Delivery.status == DeliveryStatus.SENT
    if oldest is None or _is_among_newest(session, Delivery, is_sent & (Delivery.ended_at > oldest)):
        return WELL
    return f"a mail is tried again for {_since(oldest)}, and none is sent: `guestlist doctor` says why"


def _dead_letters(session: Session) -> str:
    count = session.scalar(select(func.count()).where(Job.status == JobStatus.DEAD))
    return f"{count} wait for an operator, on /ops/jobs or in `guestlist jobs list --state dead`" if count else WELL


def _sweeps(session: Session) -> str:
    overdue = [kind for kind in SweepKind if is_overdue(session, kind, now())]
    return f"none has succeeded for twice its period: {', '.join(overdue)}" if overdue else WELL


def _live_events() -> str:
    if not product().redis:
        return WELL
    patience = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    try:
        with redis.Redis.from_url(product().redis, retry=Retry(NoBackoff(), 0), **patience) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "Redis does not answer; pages show changes when they are loaded"
    return WELL


def _long_ago(moment: datetime | None) -> datetime | None:
    return moment if moment and moment < now() - LONGEST_WAIT else None


def _since(moment: datetime) -> str:
    return f"{(now() - moment).total_seconds():.0f} seconds"


def _is_among_newest(session: Session, table: type[Job | Delivery], is_such: ColumnElement[bool]) -> bool:
    newest = select(func.max(table.id)).scalar_subquery()
    return bool(session.scalar(select(exists().where(table.id > newest - NEWEST, is_such))))
