"""The real actors, claimed, carried out and rung for as in life, by a worker and a relay with a broker in memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dramatiq
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import select, update

from jobs.broker import QUEUE, ring
from jobs.durable import Durable
from jobs.ledger import Ledger
from jobs.relay import Relay
from models import Database, Job, JobStatus, now, settings

# Whatever is due later than this is not waited for.
SOON = timedelta(minutes=1)
POLL_SECONDS = 0.01


class Doorbell(StubBroker):
    """A broker of this process alone: it dies with it, and so do all its messages."""

    def depth(self) -> int:
        return 0


durable = Durable(None)  # type: ignore[arg-type]  # the ledger comes with the database
doorbell = Doorbell(middleware=[durable])
dramatiq.set_broker(doorbell)

from jobs import imports, mail, removals, upkeep  # noqa: E402, F401


@contextmanager
def working(database: Database) -> Iterator[None]:
    """Carry out what each commit rings for, until the bell is silent."""
    with _worker(database):
        yield
        doorbell.join(QUEUE, fail_fast=False)


def ring_again(database: Database) -> None:
    """Ring for all that waits."""
    for job_id, actor in _unfinished(database, JobStatus.WAITING):
        ring(doorbell, job_id, actor)


def resume(database: Database) -> None:
    """Be the relay and the worker that come after: ring for what is recorded, until all of it has ended."""
    with _worker(database) as ledger:
        relay = Relay(ledger, doorbell)  # type: ignore[arg-type]
        while _unfinished(database, JobStatus.WAITING, JobStatus.RUNNING):
            _let_time_pass(database)
            relay.look()
            doorbell.join(QUEUE, fail_fast=False)
            time.sleep(POLL_SECONDS)


@contextmanager
def _worker(database: Database) -> Iterator[Ledger]:
    ledger = durable.ledger = Ledger(database, settings())
    database.on_commit(lambda jobs, _: [ring(doorbell, *job) for job in jobs])
    worker = dramatiq.Worker(doorbell, worker_timeout=5, worker_threads=1)
    worker.start()
    try:
        yield ledger
    finally:
        worker.stop()


def _unfinished(database: Database, *statuses: JobStatus) -> list[tuple[int, str]]:
    of = select(Job.id, Job.actor).where(Job.status.in_(statuses), Job.not_before < now() + SOON)
    with database.reading() as session:
        return [tuple(row) for row in session.execute(of.order_by(Job.id))]


def _let_time_pass(database: Database) -> None:
    """Let leases and head starts be over."""
    with database.transaction() as session:
        due = update(Job).where(Job.ring_at.is_not(None), Job.not_before < now() + SOON)
        session.execute(due.values(ring_at=now()))
