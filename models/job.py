"""One piece of background work, recorded by the transaction that wants it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.audit import request_id
from models.base import Base, now

# How long the relay leaves the bell of the committing process a head start.
HEAD_START = timedelta(seconds=10)
# A transaction that wants more jobs has them wait in line, so that no account fills the doorbell's queue.
RUNG_AT_ONCE = 10
EVERY_KIND = "*"
_RUNG = "jobs"


class JobStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    DISCARDED = "discarded"


class Job(Base):
    """The truth about a job; the broker's message is only a doorbell that carries its id.

    `ring_at` is when the relay must ring (again): after a lost bell, a due delay, or, while the job
    runs, the end of its lease. It is empty once the job is over. `due_at` is when it was wanted, and
    does not move when the job is tried again.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_due",
            "ring_at",
            sqlite_where=text("ring_at IS NOT NULL"),
            postgresql_where=text("ring_at IS NOT NULL"),
        ),
        Index("ix_jobs_finished", "status", "id"),
        # What the clock alone wants, so that its last success is found among any number of others.
        Index(
            "ix_jobs_scheduled",
            "actor",
            "id",
            sqlite_where=text("actor IN ('expire', 'purge')"),
            postgresql_where=text("actor IN ('expire', 'purge')"),
        ),
    )

    actor: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    status: Mapped[JobStatus] = mapped_column(default=JobStatus.WAITING)
    due_at: Mapped[datetime] = mapped_column(default=now)
    not_before: Mapped[datetime] = mapped_column(default=now)
    ring_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    # Of the request that wanted it: it follows the job into the log, the record and the mail.
    request_id: Mapped[str] = mapped_column(String(64), default="", server_default="")


class Pause(Base):
    """A kind of job, or every kind, that workers leave waiting until an operator lets it go on."""

    __tablename__ = "pauses"

    actor: Mapped[str] = mapped_column(String(64), unique=True)
    paused_at: Mapped[datetime] = mapped_column(default=now)
    paused_by: Mapped[str] = mapped_column(String(254))


def is_paused() -> ColumnElement[bool]:
    """Whether a row of jobs is of a kind that is paused."""
    return exists(select(Pause.id).where(Pause.actor.in_((Job.actor, EVERY_KIND))).correlate(Job))


def enqueue(
    session: Session,
    actor: str,
    *,
    account_id: int | None = None,
    not_before: datetime | None = None,
    **arguments: int,
) -> Job:
    """Record a job in the caller's transaction; once that has committed, the bell rings for it.

    Arguments are ids only: an actor reads again what they stand for. A job with `not_before` in the
    future is rung by the relay when it is due; so are those beyond the first few of a transaction.
    """
    at = now()
    due = max(not_before or at, at)
    job = Job(
        actor=actor,
        arguments=dict(arguments),
        account_id=account_id,
        due_at=due,
        not_before=due,
        ring_at=due,
        created_at=at,
        request_id=request_id.get(),
    )
    session.add(job)
    if due == at:
        ring_for(session, job)
    return job


def ring_for(session: Session, job: Job) -> None:
    """Let the bell ring for a job that is due, once the caller's transaction has committed.

    Beyond the first few of a transaction it is the relay that rings, at its next look.
    """
    rung: list[Job] = session.info.setdefault(_RUNG, [])
    if len(rung) < RUNG_AT_ONCE:
        rung.append(job)
    job.ring_at = now() + HEAD_START if job in rung else now()


def rung_for(session: Session) -> list[tuple[int, str]]:
    """Return id and actor of the jobs that the bell is to ring for, each once."""
    return [(job.id, job.actor) for job in session.info.pop(_RUNG, [])]
