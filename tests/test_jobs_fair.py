"""Whoever wants much waits for it, and nobody else does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import func, select, update

from jobs.bell import CROWD
from jobs.relay import MOST
from models import Job, JobStatus, enqueue, now
from tests.people import make_team
from tests.process import until
from tests.yard import THREADS, Yard, numbers

MANY = 3_000
# What a worker has fetched already.
IN_HAND = 4 * THREADS


def test_a_large_import_does_not_hold_up_a_single_invitation(yard: Yard) -> None:
    with importing(yard) as large:
        with yard.database.transaction() as session:
            for _ in range(MANY):
                enqueue(session, "note", account_id=large, number=next(numbers))
        until(lambda: number(yard, large, JobStatus.DONE) > 2 * CROWD, what="the import to be under way", within=60)
        single = yard.ended(yard.want("note", account_id=make_team(yard.database).id))

        assert overtaken_by(yard, large, single) <= MOST + CROWD + IN_HAND
        assert number(yard, large, JobStatus.WAITING) > MANY / 2


def test_many_small_transactions_crowd_nobody_out_either(yard: Yard) -> None:
    with importing(yard) as large:
        with suspended(yard):
            jobs = [yard.want("note", account_id=large) for _ in range(10 * CROWD)]
            single = yard.want("note", account_id=make_team(yard.database).id)
            until(lambda: yard.see(single).ring_at <= now(), what="the bell to see the crowd")

        assert overtaken_by(yard, large, yard.ended(single)) <= len(jobs) / 2


@contextmanager
def importing(yard: Yard) -> Iterator[int]:
    """Give an account to fill with jobs; what is left of them at the end is nobody's."""
    large = make_team(yard.database).id
    try:
        yield large
    finally:
        left = update(Job).where(Job.account_id == large, Job.status == JobStatus.WAITING)
        with yard.database.transaction() as session:
            session.execute(left.values(status=JobStatus.DISCARDED, ring_at=None))


@contextmanager
def suspended(yard: Yard) -> Iterator[None]:
    """Let the worker stand still for a while, outside of any transaction that others would wait for."""
    worker = psutil.Process(yard.processes["worker"].inner.pid)
    tree = [worker, *worker.children(recursive=True)]
    with yard.database.transaction() as session:
        # Nothing is begun before it is used.
        session.connection()
        for each in tree:
            each.suspend()
        until(lambda: all(is_stopped(each.pid) for each in tree), what="the worker to stand still")
    try:
        yield
    finally:
        for each in tree:
            each.resume()


def is_stopped(pid: int) -> bool:
    # A signal is only sent when kill returns: each thread stops a moment later.
    threads = Path(f"/proc/{pid}/task").glob("*/status")
    return all("State:\tT" in thread.read_text() for thread in threads)


def number(yard: Yard, account_id: int, status: JobStatus) -> int:
    counted = select(func.count(Job.id)).where(Job.account_id == account_id, Job.status == status)
    with yard.database.reading() as session:
        return session.scalars(counted).one()


def overtaken_by(yard: Yard, account_id: int, single: Job) -> int:
    """Return how many jobs of the account were done between the wish for the single one and its end."""
    during = Job.finished_at.between(single.created_at, single.finished_at)
    with yard.database.reading() as session:
        return session.scalars(select(func.count(Job.id)).where(Job.account_id == account_id, during)).one()
