"""Databases for commands that run beside the tests: empty and migrated, or a copy of one that was filled."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models import Database
from models.schema import migrate
from tests.postgres import Postgres

KINDS = ("sqlite", "postgresql")
# For what a page looks like, or a mail says: there the databases do not differ.
on_one_database = pytest.mark.parametrize("stack", ["sqlite"], indirect=True)


class SqliteFiles:
    """Databases as files of one directory."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def create(self, name: str, *, like: str = "") -> str:
        """Return the URL of a new database: empty, or a copy of `like`, which nobody may have open."""
        path = self.home / f"{name}.db"
        if like:
            shutil.copy(self.home / f"{like}.db", path)
        return f"sqlite:///{path}"

    def drop(self, name: str) -> None:
        for path in self.home.glob(f"{name}.db*"):
            path.unlink()


class PostgresDatabases:
    """Databases of a server of our own."""

    def __init__(self, server: Postgres) -> None:
        self.server = server

    def create(self, name: str, *, like: str = "") -> str:
        """Return the URL of a new database: empty, or a copy of `like`, which nobody may have open."""
        return self.server.create(name, template=like or "template1")

    def drop(self, name: str) -> None:
        self.server.drop(name)


Databases = SqliteFiles | PostgresDatabases


@contextmanager
def databases(kind: str, home: Path) -> Iterator[Databases]:
    """Offer databases of a kind, with one named `migrated` to copy from, for as long as they are wanted."""
    server = Postgres() if kind == "postgresql" else None
    try:
        offered: Databases = PostgresDatabases(server) if server else SqliteFiles(home)
        fresh = Database(offered.create("migrated"))
        migrate(fresh)
        fresh.close()
        yield offered
    finally:
        if server:
            server.close()
