"""Several hosts run clocks, as processes: time jumps, hosts freeze, days are missed, and each tick is taken once."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.clock import _schedules
from models import Database, Job, Settings, Tick, now
from models.settings import PREFIX
from tests.process import end_with_parent, until

HOURLY = "5 * * * *"
LINES = {f"{PREFIX}{name.upper()}": HOURLY for name in Settings.model_fields if name.endswith("_cron")}
SCHEDULES = frozenset(_schedules(Settings()))
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
HALF_PAST = datetime(2030, 3, 1, 12, 30, tzinfo=UTC)


class Host:
    """A process that runs a clock on the database, in a time of its own."""

    def __init__(self, database: Database, home: Path, name: str) -> None:
        self.log = home / f"{name}.log"
        url = database.engine.url.render_as_string(hide_password=False)
        chosen = {
            f"{PREFIX}DATABASE_URL": url,
            f"{PREFIX}DATA_DIR": str(home),
            f"{PREFIX}RELAY_SECONDS": "0.2",
            **LINES,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.clock_host", str((HALF_PAST - now()).total_seconds())],
                env={**os.environ, **chosen},
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,  # noqa: PLW1509
            )

    def shift(self, by: timedelta) -> None:
        """Set its time forward or back."""
        self.process.stdin.write(f"{by.total_seconds()}\n".encode())
        self.process.stdin.flush()

    def said(self, words: str) -> int:
        """Return how often it said so."""
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text().count(words)

    def looks_twice(self) -> None:
        """Wait until it has looked twice from now on: what it was to do at once is done."""
        before = self.said("looked")
        until(lambda: self.said("looked") > before + 1, what="two looks", within=60)


@pytest.fixture
def hosts(database: Database, tmp_path: Path) -> Iterator[list[Host]]:
    """Two hosts at half past twelve, with every schedule taken at five past."""
    five_past = HALF_PAST - timedelta(minutes=25)
    with database.transaction() as session:
        session.add_all([Tick(schedule=each, due_at=five_past) for each in SCHEDULES])
    two = [Host(database, tmp_path, name) for name in ("first", "second")]
    try:
        for each in two:
            each.looks_twice()
        yield two
    finally:
        for each in two:
            each.process.kill()
            each.process.wait(10)
            each.process.stdin.close()


def test_r60_hosts_jump_freeze_and_miss_a_day_and_each_tick_is_taken_once(
    database: Database, hosts: list[Host]
) -> None:
    first, second = hosts
    assert taken(database) == []

    jump(hosts, AN_HOUR)
    until(lambda: len(taken(database)) == 1, what="the ticks of the next hour")

    os.kill(first.process.pid, signal.SIGSTOP)
    jump([second], AN_HOUR)
    until(lambda: len(taken(database)) == 2, what="the ticks while one host is frozen")
    with noticing([first]):
        first.shift(AN_HOUR)
        os.kill(first.process.pid, signal.SIGCONT)

    # An hour that was set back is not slept through, and its ticks are not taken again.
    jump(hosts, -AN_HOUR)
    jump(hosts, AN_HOUR)
    assert len(taken(database)) == 2

    jump(hosts, A_DAY)
    caught_up = until(lambda: taken(database)[2:], what="the missed day")
    assert caught_up == [HALF_PAST - timedelta(minutes=25) + A_DAY + 2 * AN_HOUR]
    assert sum(each.said("is caught up") for each in hosts) == 3 * len(SCHEDULES)


def jump(hosts: list[Host], by: timedelta) -> None:
    """Set the time of hosts."""
    with noticing(hosts):
        for each in hosts:
            each.shift(by)


@contextmanager
def noticing(hosts: list[Host]) -> Iterator[None]:
    """Wait in the end until each host has noticed that its time was set, and looked again."""
    jumps = [each.said("jumped by") for each in hosts]
    yield
    for each, before in zip(hosts, jumps, strict=True):
        until(lambda each=each, before=before: each.said("jumped by") > before, what="the jump", within=60)
        each.looks_twice()


def taken(database: Database) -> list[datetime]:
    """Return the moments that were taken, each by every schedule once, with one job."""
    with database.reading() as session:
        ticks = session.execute(select(Tick.schedule, Tick.due_at).where(Tick.due_at > HALF_PAST)).all()
        jobs = session.scalars(select(Job.id)).all()
    moments = Counter(due_at for _, due_at in ticks)
    assert len(jobs) == len(ticks)
    return sorted(due_at for due_at, count in moments.items() if count == len(SCHEDULES))
