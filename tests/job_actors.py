"""Actors to try the jobs with: `dramatiq tests.job_actors` is a worker that has these beside the real ones."""

import time
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import BigInteger, bindparam, cast, func, null, select
from sqlalchemy.orm import Session

import worker
from jobs.durable import Again, durable
from models import AuditEvent, Event, Writes, in_lines, lines_about, record, settings
from workflows.refusals import NotFound

BATCHES = 4
A_DAY = timedelta(days=1)
PATIENCE = 3
NOTED = lines_about(select(bindparam("number", type_=BigInteger), cast(null(), BigInteger).label("account")))


class Passing(Exception):
    """Trouble that is nobody's fault."""

    counts = False


class Lasting(Exception):
    """Trouble that might be over at the next try."""


def give_up(session: Session, *, number: int) -> None:
    record(session, Event.DELIVERY_FAILED, number)


@durable(within=A_DAY)
def note(session: Session, *, number: int) -> None:
    record(session, Event.CARD_CREATED, number)


@durable(within=A_DAY)
def linger(session: Session, *, number: int) -> None:
    """Stay for ever at the first attempt."""
    record(session, Event.CARD_CREATED, number)
    if not _was_here(number):
        time.sleep(600)


@durable(within=A_DAY)
def dawdle(session: Session, *, number: int) -> Generator[Callable[[], None], None, list[Writes]]:  # noqa: ARG001
    """Take longer than a lease at the first attempt, outside any transaction."""
    yield lambda: None if _was_here(number) else _wait()
    return [_noted(number)]


@durable(within=A_DAY)
def doze(session: Session, *, number: int) -> Generator[Callable[[], None], None, list[Writes]]:  # noqa: ARG001
    """Take a while, but not long."""
    yield lambda: time.sleep(1)
    return [_noted(number)]


@durable(within=A_DAY)
def fetch(session: Session, *, number: int) -> Generator[Callable[[], int], int, list[Writes]]:
    """Look outside whether the database is free to be written, then note what was seen."""
    record(session, Event.INVITATION_MADE, number)
    answer = yield lambda: _commit_beside(number)
    return [_noted(answer)]


@durable(within=A_DAY, on_dead=give_up)
def stumble(session: Session, *, number: int) -> None:
    """Fail, after a change that must not stand."""
    record(session, Event.CARD_CREATED, number)
    session.flush()
    raise ValueError(f"stumbled over {number}")


@durable(within=A_DAY, on_dead=give_up)
def refuse(session: Session, *, number: int) -> None:  # noqa: ARG001
    raise NotFound


@durable(within=timedelta(0), throws=(Lasting,), on_dead=give_up)
def hurry(session: Session, *, number: int) -> None:  # noqa: ARG001
    """Fail past the deadline."""
    raise Lasting


@durable(within=A_DAY, throws=(Passing,))
def wait_out(session: Session, *, number: int) -> None:
    """Fail more often than attempts are allowed, but for reasons that do not count."""
    tries = settings().data_dir / f"tries-{number}"
    with tries.open("a") as file:
        file.write("x")
    if len(tries.read_text()) <= settings().job_attempts + 1:
        raise Passing
    record(session, Event.CARD_CREATED, number)


@durable(within=A_DAY)
def go_on(session: Session, *, number: int) -> type[Again] | None:
    """Do one of several batches."""
    record(session, Event.CARD_CREATED, number)
    session.flush()
    done = session.scalar(select(func.count(AuditEvent.id)).where(AuditEvent.object_id == number))
    return Again if done and done < BATCHES else None


def _noted(number: int) -> Writes:
    return Writes((NOTED,), {"number": number, **in_lines(Event.CARD_CREATED)})


def _was_here(number: int) -> bool:
    trace = Path(settings().data_dir / f"here-{number}")
    if trace.exists():
        return True
    trace.touch()
    return False


def _wait() -> None:
    for _ in range(6000):
        time.sleep(0.1)


def _commit_beside(number: int) -> int:
    with worker.database.transaction() as session:
        record(session, Event.CARD_CREATED, number)
    return number
