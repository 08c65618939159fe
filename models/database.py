"""The engine, and the one way to open a transaction on either database."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import POLLIN, poll
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, ExceptionContext, Index, Row, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session

from models.base import Base
from models.job import rung_for
from models.news import News, announced
from models.writes import Writes, carry_out_or_nothing

Listener = Callable[[list[tuple[int, str]], list[News]], None]
# A connection unused for so long is asked whether it still stands; before that, its end would have been heard.
IDLE_SECONDS = 5
# Each statement is a transaction; then there is nothing to undo when a connection is given back.
AT_ONCE = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None, "skip_autocommit_rollback": True}


class Database:
    """Opens transactions, and tells its listeners what each one left behind once it has committed."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """Connect lazily to an SQLAlchemy URL; `postgresql://` means psycopg 3."""
        self.is_postgresql = make_url(url).get_backend_name() == "postgresql"
        self.engine = _postgresql(url, pool_size) if self.is_postgresql else _sqlite(url)
        # Where a statement needs no BEGIN and COMMIT around it to be a transaction.
        self.at_once = _postgresql(url, pool_size, **AT_ONCE) if self.is_postgresql else self.engine
        self._reading = self.engine.execution_options(is_reading=True)
        self._listeners: list[Listener] = []

    def on_commit(self, listener: Listener) -> None:
        """Call `listener` after each commit with the jobs due (id, actor) and the news announced in it."""
        self._listeners.append(listener)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back on any error.

        On SQLite it takes the write lock at once, so it never fails half-way because another holds it.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
            self._tell(rung_for(session), announced(session))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session to read with, which waits for no writer and never commits."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    def write(self, *parts: Writes) -> None:
        """Write in a transaction of its own. Raises Unchanged, and writes nothing, where the last changes no row."""
        with self.at_once.begin() as connection:
            carry_out_or_nothing(connection, *parts)
        self._tell([], [each for part in parts for each in part.news])

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.at_once.dispose()

    def _tell(self, jobs: list[tuple[int, str]], news: list[News]) -> None:
        if jobs or news:
            for listener in self._listeners:
                listener(jobs, news)


def insert_once(session: Session, table: type[Base], **values: Any) -> int | None:  # noqa: ANN401
    """Insert a row and return its id, or None where a unique index says that there is one already.

    Of two at once the second waits for the first, and then gets None: the database settles the race.
    """
    once = _insert(session)(table).values(**values).on_conflict_do_nothing()
    return cast("int | None", session.scalar(once.returning(table.id)))


def insert_or_hold(session: Session, unique: Index, **values: Any) -> Row[Any]:  # noqa: ANN401
    """Insert a row and return it, or the one that a unique index says is there already, held until the commit."""
    dialect, columns, table = session.get_bind().dialect.name, unique.columns, cast(Table, unique.table)
    row = _insert(session)(table).values(**values)
    # Sets what is there already: only whoever writes a row holds it.
    is_there = {"index_elements": columns, "index_where": unique.dialect_options[dialect]["where"]}
    held = row.on_conflict_do_update(**is_there, set_={column.key: row.excluded[column.key] for column in columns})
    return session.execute(held.returning(*table.c)).one()


def _insert(session: Session) -> Callable[..., Any]:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


# Errors are logged, and kept with their jobs: what statements were given stays out of them.
def _postgresql(url: str, pool_size: int, **options: Any) -> Engine:  # noqa: ANN401
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, pool_size=pool_size, max_overflow=pool_size, hide_parameters=True, **options)

    @event.listens_for(engine, "checkin")
    def note(_: object, record: Any) -> None:  # noqa: ANN401
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: Any, _: object) -> None:  # noqa: ANN401
        # A server that ends a connection says so: without a word from it, asking would be a round trip for nothing.
        is_idle = time.monotonic() - record.info.get("used_at", 0) > IDLE_SECONDS
        if not _stands(engine, connection, is_idle=is_idle):
            raise InvalidatePoolError

    @event.listens_for(engine, "handle_error")
    def keep(context: ExceptionContext) -> None:
        # Behind its first words the server shows the row that it refused.
        if isinstance(context.original_exception, psycopg.Error):
            for error in filter(None, (context.original_exception, context.sqlalchemy_exception)):
                error.args = tuple(str(each).partition("\nDETAIL:")[0] for each in error.args)

    return engine


def _stands(engine: Engine, connection: Any, *, is_idle: bool) -> bool:  # noqa: ANN401
    try:
        return bool(engine.dialect.do_ping(connection)) if is_idle or _has_word(connection) else True
    except psycopg.Error:
        return False


def _has_word(connection: Any) -> bool:  # noqa: ANN401
    waiting = poll()
    waiting.register(connection.fileno(), POLLIN)
    return bool(waiting.poll(0))


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:  # noqa: ANN401
        # The driver's own BEGIN is deferred, and fails when two of them turn to writing.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("is_reading")
        connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")

    return engine
