"""The fixtures: `stack` is the whole product running, `database` a fresh database; each on both databases."""

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from jobs import mailer
from models import Database, settings
from models.schema import migrate
from models.settings import PREFIX
from tests.databases import KINDS
from tests.mail_server import MailServer, mail_server
from tests.mailing import BASE
from tests.people import Team, make_team
from tests.postgres import Postgres
from tests.process import until
from tests.stack import Stack
from tests.yard import Yard

DATA_DIR = f"{PREFIX}DATA_DIR"
# The stack that runs now, for those who do not ask for one.
STACK = pytest.StashKey[Stack]()
Create = Callable[[str], str]


def each_database(what: str) -> list[Any]:
    """Return both kinds, for a dear fixture: the group keeps all its tests on one kind in one test worker."""
    return [pytest.param(kind, marks=pytest.mark.xdist_group(f"{what} on {kind}")) for kind in KINDS]


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Keep the tests away from the settings and the data of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        home = tmp_path_factory.mktemp("home")
        patch.chdir(home)
        patch.setenv(DATA_DIR, str(home / "data"))
        settings.cache_clear()
        yield {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


@pytest.fixture(autouse=True)
def settled(request: pytest.FixtureRequest, own_settings: dict[str, str]) -> Iterator[None]:
    """Let a test on the stack begin with its workers at work, and any other without the stack's settings."""
    running = request.session.stash.get(STACK, None)
    if running is None or os.environ[DATA_DIR] != running.settings[DATA_DIR]:
        yield
    elif "stack" in request.fixturenames:
        running.wait_for_work()
        yield
    else:
        with pytest.MonkeyPatch.context() as patch:
            for name in running.settings.keys() - own_settings.keys():
                patch.delenv(name)
            for name, value in own_settings.items():
                patch.setenv(name, value)
            settings.cache_clear()
            yield
        settings.cache_clear()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Change settings of the test process for one test: `choose(job_attempts=3)`."""

    def change(**chosen: object) -> None:
        for name, value in chosen.items():
            monkeypatch.setenv(PREFIX + name.upper(), str(value))
        settings.cache_clear()

    yield change
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, started when first wanted."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def create(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Create]:
    """Return, for the name of a database, what creates migrated ones of that kind and returns their URLs."""
    made: dict[str, Create] = {}
    number = count(1)

    def sqlite() -> Create:
        home = tmp_path_factory.mktemp("sqlite")
        _migrate(f"sqlite:///{home / 'template.db'}")

        def copy(name: str) -> str:
            return f"sqlite:///{shutil.copy(home / 'template.db', home / f'{name}.db')}"

        return copy

    def postgresql() -> Create:
        server: Postgres = request.getfixturevalue("postgres")
        _migrate(server.create("template_guestlist"))
        return lambda name: server.create(name, template="template_guestlist")

    def of_kind(kind: str) -> Create:
        if kind not in made:
            made[kind] = {"sqlite": sqlite, "postgresql": postgresql}[kind]()
        return lambda name: made[kind](f"{name}_{next(number)}")

    return of_kind


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, create: Callable[[str], Create]) -> Iterator[Database]:
    """A fresh, migrated database that no process works on."""
    fresh = Database(create(request.param)("test"))
    yield fresh
    fresh.close()


@pytest.fixture
def server(tmp_path: Path, choose: Callable[..., None]) -> Iterator[MailServer]:
    """A mail server that the test process sends to."""
    with mail_server(tmp_path) as running:
        choose(smtp_url=running.url(), base_url=BASE, smtp_timeout=2)
        yield running
        mailer.hang_up()


@pytest.fixture
def team(database: Database) -> Team:
    """An account with an admin and a member."""
    return make_team(database)


@pytest.fixture(scope="session", params=KINDS)
def stack(
    request: pytest.FixtureRequest, create: Callable[[str], Create], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The whole product running. The test process has its settings, so that workflows called here agree with it."""
    home: Path = tmp_path_factory.mktemp(f"stack-{request.param}")
    running = request.session.stash[STACK] = Stack(create(request.param)("stack"), home)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.settings.items():
            patch.setenv(name, value)
        settings.cache_clear()
        try:
            running.start()
            yield running
        finally:
            running.close()
            del request.session.stash[STACK]
    settings.cache_clear()


@pytest.fixture(scope="session", params=each_database("yard"))
def yard(
    request: pytest.FixtureRequest, create: Callable[[str], Create], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    """Workers and a relay that the test gives jobs to, made to be tried."""
    running = Yard(create(request.param)("jobs"), tmp_path_factory.mktemp("yard"))
    running.start("valkey")
    try:
        until(running.settings.valkey_socket.exists, what="Valkey", within=60)
        running.start("worker", "clock")
        # Not before it has done something is the worker known to be there.
        running.ended(running.want("note"))
        yield running
    finally:
        running.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each database two stacks: the tests of one file share one, and with it a test worker."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            which = f"stack {crc32(item.path.name.encode()) % 2} on {item.callspec.params['stack']}"  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.xdist_group(which))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what the processes said beside a failure."""
    report = yield
    running = getattr(item, "funcargs", {}).get("stack")
    if report.failed and running is not None:
        report.sections.extend((f"{name} said", each.log()) for name, each in running.processes.items())
    return report


def _migrate(url: str) -> None:
    template = Database(url)
    migrate(template)
    template.close()
