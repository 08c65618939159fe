"""A fuse that kills its own process at one statement, and children to burn it in."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from models import Database

PATIENCE = 60
COMMIT = "COMMIT"
KILLED = -signal.SIGKILL


@dataclass(frozen=True, order=True)
class Stop:
    """The moment before or after the statement of a number, counted from 0."""

    number: int
    is_after: bool

    def __str__(self) -> str:
        return f"{'after' if self.is_after else 'before'} statement {self.number + 1}"


class Fuse:
    """Counts the statements and commits on a database, and ends its process with -9 where it should stop."""

    def __init__(self, database: Database, stop: Stop | None = None) -> None:
        self.statements: list[str] = []
        self._stop = stop
        for engine in {database.engine, database.at_once}:
            self._lay(engine)

    def _lay(self, engine: Engine) -> None:
        commit = engine.dialect.do_commit

        def commit_between(connection: Any) -> None:  # noqa: ANN401
            self._begin(COMMIT)
            commit(connection)
            self._end()

        engine.dialect.do_commit = commit_between  # type: ignore[method-assign]
        event.listen(engine, "before_cursor_execute", lambda _, __, statement, *___: self._begin(statement))
        event.listen(engine, "after_cursor_execute", lambda *_: self._end())

    def _begin(self, statement: str) -> None:
        self.statements.append(" ".join(statement.split())[:80])
        self._burn(is_after=False)

    def _end(self) -> None:
        self._burn(is_after=True)

    def _burn(self, *, is_after: bool) -> None:
        if self._stop == Stop(len(self.statements) - 1, is_after):
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(act: Callable[[], object]) -> int:
    """Do it in a process of its own, and return how that ended: 0, 1 for an error, minus the signal that killed it."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status)
    return _wait(pid)


def _wait(pid: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGABRT)
            ended = os.waitpid(pid, 0)
            break
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(ended[1])
