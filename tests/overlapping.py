"""Transactions that overlap: the second one begins before the first one commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.orm import Session

from models import Database

T = TypeVar("T")
# By then the second has either waited for the first, or is done without having waited.
HEAD_START_SECONDS = 0.5
Act = Callable[[Session], T]


@contextmanager
def overlapping(database: Database, first: Act[object], second: Act[T]) -> Iterator[Future[T]]:
    """Let the second begin when the first has done all but commit; offer what becomes of the second."""
    with ThreadPoolExecutor(1) as threads:
        with database.transaction() as session:
            first(session)
            session.flush()
            doing = threads.submit(_do, database, second)
            wait([doing], HEAD_START_SECONDS)
        wait([doing], 20)
        yield doing


def _do(database: Database, act: Act[T]) -> T:
    with database.transaction() as session:
        return act(session)
