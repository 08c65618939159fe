"""What two databases have in common if the same things happened in both, whenever, and with whatever ids."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import Column, select

from models import Base, Database

# Drawn anew each time, or told of how often something was tried.
DRAWN = {"digest", "mail_id", "request_id", "last_error", "attempts"}
# What these count is what was done; every other number is an id.
COUNTED = {"wanted", "ended"}
Row = tuple[tuple[str, object], ...]
Likeness = Counter[tuple[str, Row]]


def likeness(database: Database) -> Likeness:
    """Count the rows of every table by all that they say, times being there or not, ids and secrets aside."""
    seen: Likeness = Counter()
    with database.reading() as session:
        for name, table in Base.metadata.tables.items():
            columns = [column for column in table.columns if not column.primary_key and column.name not in DRAWN]
            for row in session.execute(select(*columns)):
                seen[
                    name, tuple((each.name, _told(each, value)) for each, value in zip(columns, row, strict=True))
                ] += 1
    return seen


def difference(wanted: Likeness, seen: Likeness) -> str:
    """Say which rows are missing, and which are too many; nothing where there are none."""
    told = [f"missing {_shown(row)}" for row in (wanted - seen).elements()]
    return "; ".join(told + [f"too many {_shown(row)}" for row in (seen - wanted).elements()])


def _told(column: Column[Any], value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, int) and not isinstance(value, bool)):
        return "there"
    return _flat(value, keeps_numbers=column.name in COUNTED)


def _flat(value: Any, *, keeps_numbers: bool) -> object:  # noqa: ANN401
    if isinstance(value, dict):
        told = {key: each for key, each in value.items() if key not in {"at", "seconds"} and key[-3:] != "_at"}
        return tuple((key, _flat(each, keeps_numbers=keeps_numbers)) for key, each in sorted(told.items()))
    if isinstance(value, list):
        return tuple(_flat(each, keeps_numbers=keeps_numbers) for each in value)
    if isinstance(value, int | float) and not isinstance(value, bool) and not keeps_numbers:
        return "there"
    return str(value) if isinstance(value, str) else value


def _shown(row: tuple[str, Row]) -> str:
    name, values = row
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in values if value not in (None, 'there'))})"
