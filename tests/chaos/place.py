"""Where a run takes place: the product as real processes, its database server, and a mail server with moods."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from models import Database, settings
from models.schema import migrate
from models.settings import PREFIX
from tests.chaos.chronicle import Chronicle
from tests.chaos.post_office import PostOffice
from tests.postgres import Postgres
from tests.process import until
from tests.stack import Stack

# An operating system that stands loses nothing that was written without a sync.
LASTING = ("fsync=off", "full_page_writes=off")
EVERY_MINUTE = "* * * * *"
LEASE_SECONDS = 5
CHOSEN = {
    "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "SMTP_TIMEOUT": "3",
    "WORKER_PROCESSES": "2",
    "RESENDS_PER_DAY": "100000",
    "MAILS_PER_RECIPIENT_DAY": "100000",
    "REMIND_CRON": EVERY_MINUTE,
    **dict.fromkeys(("SWEEP_ACCESS_CRON", "SWEEP_INVITATIONS_CRON", "SWEEP_WORK_CRON", "EXPIRE_CRON"), EVERY_MINUTE),
}


@dataclass
class Place:
    """What drivers and faults share."""

    stack: Stack
    office: PostOffice
    postgres: Postgres | None
    chronicle: Chronicle = field(default_factory=Chronicle)
    is_over: threading.Event = field(default_factory=threading.Event)
    lease: int = LEASE_SECONDS

    def __post_init__(self) -> None:
        # Kept, for one that is made anew loads every certificate of the system first.
        self._asking = httpx.Client(base_url=self.stack.url, timeout=5)
        self._starting = threading.Lock()
        self._down: set[str] = set()

    @property
    def server(self) -> Postgres:
        assert self.postgres is not None
        return self.postgres

    def keep_up(self) -> None:
        """Start again what ended by itself, as whatever runs services on a host does."""
        with self._starting:
            for name in {"web", "work"} - self._down:
                process = self.stack.process(name)
                if process.is_running:
                    continue
                last = process.log().rpartition("guestlist: ")[2]
                if last.startswith("GUESTLIST_DATABASE_URL: "):
                    self.chronicle.notes[f"{name} found no database, and was started again"] += 1
                else:
                    self.chronicle.violated("what nobody kills stays up", f"{name} ended: {last[-1000:]}")
                process.start()

    @contextmanager
    def killed(self, name: str) -> Iterator[None]:
        """Kill a process, and start it again afterwards: meanwhile nobody else does."""
        process = self.stack.process(name)
        with self._starting:
            self._down.add(name)
            process.kill()
        try:
            yield
        finally:
            with self._starting:
                process.start()
                self._down.discard(name)

    def answers(self) -> bool:
        self.keep_up()
        with suppress(httpx.TransportError):
            return self._asking.get("/healthz").is_success
        return False

    def workers(self) -> list[psutil.Process]:
        """Return the processes that carry out jobs, as soon as there are any."""
        return until(lambda: self._work("dramatiq"), what="a worker", within=60)

    def clocks(self) -> list[psutil.Process]:
        return until(lambda: [each for each in self._work("worker") if "dramatiq" not in _command(each)], within=60)

    def _work(self, word: str) -> list[psutil.Process]:
        self.keep_up()
        return [each for each in self.stack.process("work").tree() if word in _command(each)]


@contextmanager
def place(database: str) -> Iterator[Place]:
    """Run everything on a fresh database of a kind, and leave nothing of it behind."""
    with ExitStack() as closing:
        home = Path(tempfile.mkdtemp(prefix="guestlist-chaos-"))
        closing.callback(shutil.rmtree, home, ignore_errors=True)
        postgres = Postgres(options=LASTING) if database == "postgresql" else None
        if postgres:
            closing.callback(postgres.close)
        url = postgres.create("chaos") if postgres else f"sqlite:///{home / 'chaos.db'}"
        fresh = Database(url)
        migrate(fresh)
        fresh.close()
        office = PostOffice()
        closing.callback(office.close)
        stack = Stack(url, home)
        del stack.processes["mailbox"]
        chosen = stack.settings | {PREFIX + name: value for name, value in CHOSEN.items()}
        chosen[f"{PREFIX}SMTP_URL"] = office.url
        stack.env |= chosen
        closing.enter_context(_settings(chosen))
        closing.callback(stack.close)
        stack.start()
        stack.wait_for_work()
        yield Place(stack, office, postgres)


@contextmanager
def _settings(chosen: dict[str, str]) -> Iterator[None]:
    """Give this process the settings of the others, so that workflows called here agree with them."""
    before = dict(os.environ)
    os.environ.update(chosen)
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
