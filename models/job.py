"""One piece of background work, recorded by the transaction that wants it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, now

# How long the relay leaves the bell of the committing process a head start.
HEAD_START = timedelta(seconds=10)


class JobStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Job(Base):
    """The truth about a job; the broker's message is only a doorbell that carries its id.

    `ring_at` is when the relay must ring (again): after a lost bell, a due delay, or, while the job
    runs, the end of its lease. It is empty once the job is done or dead.
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
    )

    actor: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    status: Mapped[JobStatus] = mapped_column(default=JobStatus.WAITING)
    not_before: Mapped[datetime] = mapped_column(default=now)
    ring_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


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
    future is rung by the relay when it is due.
    """
    at = now()
    due = max(not_before or at, at)
    job = Job(
        actor=actor,
        arguments=dict(arguments),
        account_id=account_id,
        not_before=due,
        ring_at=due + HEAD_START if due == at else due,
        created_at=at,
    )
    session.add(job)
    if due == at:
        session.info.setdefault("jobs", []).append(job)
    return job
