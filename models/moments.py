"""Arithmetic with moments, which every database does in a way of its own."""

from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, extract, func
from sqlalchemy.orm import Session


def seconds_between(session: Session, begin: Any, end: Any) -> ColumnElement[Any]:  # noqa: ANN401
    """Return the seconds from one moment of a row to another, with their fraction."""
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(end) - func.julianday(begin)) * 86400
    return extract("epoch", end - begin)


def minute_of(session: Session, moment: Any) -> ColumnElement[int]:  # noqa: ANN401
    """Return the whole minutes from 1970 to a moment of a row."""
    if session.get_bind().dialect.name == "sqlite":
        return cast(func.strftime("%s", moment), Integer) // 60
    return cast(func.floor(extract("epoch", moment) / 60), Integer)
