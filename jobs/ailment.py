"""What may be wrong with a part of an installation, in one line that says what mends it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from models import Database, Settings
from models.absence import first_line
from models.settings import PREFIX


class Ailment(Exception):
    """What is wrong, and what mends it, in one line."""


@contextmanager
def opened(chosen: Settings) -> Iterator[Database]:
    """Yield the database. What goes wrong with it is an Ailment; none is made."""
    url = make_url(chosen.database)
    if url.get_backend_name() == "sqlite" and url.database and not os.path.exists(url.database):
        raise Ailment(f"{url.database} does not exist yet: run `guestlist migrate`")
    database = Database(chosen.database)
    try:
        yield database
    except SQLAlchemyError as error:
        raise Ailment(f"{first_line(error)}: check GUESTLIST_DATABASE_URL, and run `guestlist migrate`") from error
    finally:
        database.close()


@contextmanager
def reading(chosen: Settings) -> Iterator[Any]:
    """Yield a session that only reads."""
    with opened(chosen) as database, database.reading() as session:
        yield session


def mend(setting: str, url: str) -> str:
    """Return what mends a server that does not answer, whether it is chosen by its setting or embedded."""
    name = f"{PREFIX}{setting.upper()}"
    return f"check {name}" if url else f"run `guestlist up`, or set {name}"
