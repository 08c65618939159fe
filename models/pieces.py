"""Long lists are read in pieces: so many rows, and whether there are more."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

Row = TypeVar("Row")
Wanted = Select[*tuple[Any, ...]]
Read = Callable[[Wanted], Any]


class Piece(NamedTuple, Generic[Row]):
    """Some rows of a list, in its order."""

    rows: Sequence[Row]
    has_more: bool


def piece(read: Read, wanted: Wanted, size: int, *, page: int = 0) -> Piece[Any]:
    """Return a page of what is wanted; `read` is `session.execute`, or `session.scalars` where a row is one thing."""
    rows = read(wanted.limit(size + 1).offset(page * size)).all()
    return Piece(rows[:size], len(rows) > size)


def newest(read: Read, wanted: Wanted, key: InstrumentedAttribute[int], size: int, *, before: int = 0) -> Piece[Any]:
    """Return the newest rows first; `before` is the id that the piece before this ended with."""
    older: ColumnElement[bool] = key < before
    return piece(read, (wanted.where(older) if before else wanted).order_by(key.desc()), size)
