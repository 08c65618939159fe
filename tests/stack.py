"""The whole product as real processes on one database: web, work, Valkey and a mail server."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from jobs.bell import Bell
from jobs.broker import connect
from jobs.live import Live
from models import Database, Job, JobStatus, now
from models.settings import PREFIX, load
from tests.browser import PLAIN, Browser
from tests.people import Lead, Person, Team, make_card, make_guest, make_team
from tests.process import Process, until

BIN = Path(sys.executable).parent
NEVER = "0 0 1 1 *"
OPERATOR = "operator@ops.example"
IMPATIENT = {
    "JOB_PAUSE_SECONDS": "0.2",
    "JOB_LEASE_SECONDS": "5",
    "RELAY_SECONDS": "0.2",
    "NOTIFICATION_QUIET_SECONDS": "1",
    "STREAM_RECHECK_SECONDS": "1",
    "INVITATIONS_PER_HOUR": "100000",
    "WORKER_PROCESSES": "1",
    "OPERATORS": OPERATOR,
    # Browsers say where they are as a proxy would.
    "PROXIES": "1",
    "TRIES_PER_ADDRESS": "6",
    "TRIES_PER_PERSON": "8",
    # Tests sweep and expire when they want it, and plant breaches that nobody else should find first.
    "REMIND_CRON": NEVER,
    "REVIEW_CRON": NEVER,
    **dict.fromkeys(("SWEEP_ACCESS_CRON", "SWEEP_INVITATIONS_CRON", "SWEEP_WORK_CRON", "EXPIRE_CRON"), NEVER),
}


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived, and what it is asked for by, read once."""

    arrived: int
    to: str
    template: str
    mail: EmailMessage

    @classmethod
    def read(cls, path: Path) -> "Mail":
        mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        return cls(path.stat().st_mtime_ns, str(mail["Delivered-To"]), str(mail["X-Guestlist-Template"]), mail)


class Stack:
    """Everything a story needs: forms go in at `.url`, mails come out of `.mails()`."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{free_port()}"
        chosen = {"DATA_DIR": str(home), "DATABASE_URL": database_url, "BASE_URL": self.url, **IMPATIENT}
        self.settings = {PREFIX + name: value for name, value in chosen.items()}
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | self.settings
        self.database = Database(database_url)
        self._mails: dict[str, Mail] = {}
        self._closing = ExitStack()
        commands = {
            "valkey": (sys.executable, "-m", "jobs.embedded"),
            "mailbox": (sys.executable, "-m", "jobs.mailbox"),
            "web": (str(BIN / "guestlist"), "web"),
            "work": (str(BIN / "guestlist"), "work"),
        }
        self.processes = {
            name: Process(*command, env=self.env, log=home / f"{name}.log") for name, command in commands.items()
        }

    def start(self) -> None:
        """Start every process; return when pages are answered."""
        for each in self.processes.values():
            self._closing.callback(each.kill)
            each.start()
        self.wait_for_web()
        # What the test process itself commits is rung for as what the others do.
        own = load(data_dir=self.home)
        bell = Bell(self.database, connect(own.broker), Live(own.redis))
        self._closing.callback(bell.close)
        self.database.on_commit(bell)

    def wait_for_web(self) -> None:
        """Wait until the web server answers, after a start of the test's own."""
        until(self._answers, what="the web server", within=60)

    def wait_for_work(self) -> None:
        """Wait until the workers take jobs, after a start of the test before, or of the test's own."""
        work = self.processes["work"]
        if work.is_running:
            until(lambda: work.has_said("ready for action"), what="the workers", within=60)

    def close(self) -> None:
        """Pull the plug: that each process ends well when asked to is a story of its own."""
        self._closing.close()
        self.database.close()

    def process(self, name: str) -> Process:
        """Return `web`, `work`, `valkey` or `mailbox`, to kill and start again. A test leaves it running."""
        return self.processes[name]

    def account(self) -> Team:
        """Make a fresh account with an admin and a member."""
        return make_team(self.database)

    def guest(self, team: Team, **known: str) -> Person:
        """Make a free user of the account who has a password, and no card yet."""
        return make_guest(self.database, team, **known)

    def card(self, team: Team, **known: str) -> Lead:
        """Make a lead, or with `kind="customer"` a customer."""
        return make_card(self.database, team, **known)

    def client(self, person: Person | None = None) -> Browser:
        """Return a fresh browser, signed in where a person is given."""
        browser = Browser(self.url)
        self._closing.callback(browser.close)
        if person is not None:
            answer = browser.sign_in(person.email, person.password)
            assert answer.status_code == httpx.codes.SEE_OTHER, f"{person.email}: {answer.text[:2000]}"
        return browser

    def guestlist(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this stack's settings."""
        command = [str(BIN / "guestlist"), *arguments]
        return subprocess.run(
            command, env=self.env | env, cwd=self.home, capture_output=True, text=True, timeout=120, check=False
        )

    def mails(self, to: str, *, count: int = 1, template: str = "", within: float = 20) -> list[EmailMessage]:
        """Wait until at least `count` mails to an address (of one template) have arrived; return them, oldest first."""
        wanted = f"{count} {template or 'mail'}(s) to {to}"
        found: list[EmailMessage] = []

        def look() -> bool:
            found[:] = self.mails_now(to, template=template)
            return len(found) >= count

        until(look, what=wanted, within=within)
        return found

    def mails_now(self, to: str, *, template: str = "") -> list[EmailMessage]:
        """Return what has arrived for an address until now. To prove silence, call `.idle()` first."""
        box = self.home / "mail" / "new"
        for name in set(os.listdir(box) if box.exists() else ()) - self._mails.keys():
            with suppress(FileNotFoundError):
                self._mails[name] = Mail.read(box / name)
        arrived = sorted(self._mails.values(), key=lambda mail: mail.arrived)
        return [each.mail for each in arrived if to in each.to and template in ("", each.template)]

    def idle(self, *, within: float = 30) -> None:
        """Wait until no job is due or running, or will be within a few seconds: whatever was to happen has happened."""
        unfinished = select(func.count(Job.id)).where(
            (Job.status == JobStatus.RUNNING)
            | ((Job.status == JobStatus.WAITING) & (Job.not_before < now() + timedelta(seconds=within / 2)))
        )

        def is_idle() -> bool:
            with self.database.reading() as session:
                return session.scalar(unfinished) == 0

        until(is_idle, what="all jobs to end", within=within)

    def _answers(self) -> bool:
        web = self.processes["web"]
        assert web.is_running, web.log()
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/healthz", verify=PLAIN, trust_env=False).is_success
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: Any = asked.getsockname()[1]
        return int(port)
