"""Statements that are made once and for all, and carried out together."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, cast

import psycopg
from sqlalchemy import Connection, CursorResult, Insert, Select, Update, func, literal, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from models.news import News, announce_all

Write = Insert | Update


class Unchanged(Exception):
    """The statement on which all others depend has changed no row."""


class Writes(NamedTuple):
    """Statements that belong together, what all of them are bound to, and what open pages are told of them.

    `together` does the same in one, where the database can.
    """

    statements: tuple[Write, ...]
    bound: Mapping[str, Any]
    together: Write | None = None
    news: tuple[News, ...] = ()


def unsynced(statement: Update) -> Update:
    """Return the same for PostgreSQL, whose transaction then waits for no disk.

    Only where whatever depends on it is committed after it, and so takes it along: a crash loses both or neither.
    """
    return statement.where(select(func.set_config("synchronous_commit", "off", True)).scalar_subquery() == "off")


def write(session: Session, *parts: Writes) -> int:
    """Carry them out, in one round trip where the database can; return how many rows the last statement changed.

    There no statement sees what another does: each has to say for itself what it is about.
    """
    announce_all(session, [each for part in parts for each in part.news])
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        return _rows(connection.execute(_merged(*_fewest(parts)), _bound(parts)))
    return _one_by_one(connection, parts)


def carry_out_or_nothing(connection: Connection, *parts: Writes) -> None:
    """Do the same on a connection that commits each statement, or ends with a rollback. Raises Unchanged."""
    if connection.dialect.name != "postgresql":
        if _one_by_one(connection, parts) == 0:
            raise Unchanged
        return
    try:
        connection.execute(_merged_or_nothing(*_fewest(parts)), _bound(parts))
    except DataError as error:
        if isinstance(error.orig, psycopg.errors.DivisionByZero):
            raise Unchanged from None
        raise


def _one_by_one(connection: Connection, parts: tuple[Writes, ...]) -> int:
    bound = _bound(parts)
    return [_rows(connection.execute(each, bound)) for part in parts for each in part.statements][-1]


def _fewest(parts: tuple[Writes, ...]) -> list[Write]:
    return [each for part in parts for each in ((part.together,) if part.together is not None else part.statements)]


def _bound(parts: tuple[Writes, ...]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.bound.items()}


def _rows(result: object) -> int:
    return cast("CursorResult[Any]", result).rowcount


@cache
def _merged(*statements: Write) -> Write:
    *others, last = statements
    return last.add_cte(*(each.cte(f"part_{number}") for number, each in enumerate(others)))


@cache
def _merged_or_nothing(*statements: Write) -> Select[Any]:
    """Return what divides by zero, and so undoes all of itself, where the last statement changes no row."""
    *others, last = statements
    changed = last.returning(literal(1)).cte("changed")
    merged = select(1 / select(func.count()).select_from(changed).scalar_subquery())
    return merged.add_cte(*(each.cte(f"part_{number}") for number, each in enumerate(others)))
