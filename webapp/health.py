"""Whether the service is well, for load balancers and Prometheus."""

import redis
from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import Job, JobStatus, SweepKind, now
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
# A job that is due for so long is taken up by nobody.
LONGEST_WAIT_SECONDS = 60


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
            parts = {"workers": _workers(session), "sweeps": _sweeps(session)}
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
    oldest = session.scalar(due)
    waits = (now() - oldest).total_seconds() if oldest else 0
    if waits <= LONGEST_WAIT_SECONDS:
        return WELL
    return f"a job is due for {waits:.0f} seconds, and nobody takes it up: does `guestlist work` run?"


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
