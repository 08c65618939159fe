"""What goes over the wire to PostgreSQL, as libpq itself traces it."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from models import Database

FRAMES = ('"BEGIN', '"COMMIT"', '"ROLLBACK"')
# Statements go on over lines of their own.
LINE = re.compile(r"^\d{4}-\S+ \S+\t[FB]\t\d+\t(\w+)[\t ]*(.*)$", re.MULTILINE)
PING = '";"'


@dataclass
class Traffic:
    """Counted between two moments. What a lone statement commits by itself is a commit; a pool's ping is neither."""

    statements: float = 0
    commits: float = 0
    round_trips: float = 0

    def read(self, trace: str) -> None:
        """Count what a trace says."""
        is_ping = False
        for kind, said in LINE.findall(trace):
            if kind in ("Query", "Bind"):
                is_ping = said == PING
            self.statements += kind in ("Query", "Execute") and not is_ping and not said.startswith(FRAMES)
            self.commits += kind == "ReadyForQuery" and said == "I" and not is_ping
            self.round_trips += kind == "ReadyForQuery"

    def each(self, count: int) -> "Traffic":
        """Return the same by one of `count`."""
        return Traffic(self.statements / count, self.commits / count, self.round_trips / count)

    def __str__(self) -> str:
        return f"{self.statements:.1f} statements, {self.commits:.1f} commits, {self.round_trips:.1f} round trips"


class Tap:
    """Traces every connection that a database opens from now on."""

    def __init__(self, database: Database) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        for engine in (database.engine, database.at_once):
            event.listen(engine, "connect", self._tap)

    @contextmanager
    def counting(self) -> Iterator[Traffic]:
        """Count what happens inside."""
        traffic, start = Traffic(), os.fstat(self._file.fileno()).st_size
        yield traffic
        traffic.read(os.pread(self._file.fileno(), 1 << 30, start).decode())

    def _tap(self, connection: Any, _: object) -> None:  # noqa: ANN401
        connection.pgconn.trace(self._file.fileno())
