"""`guestlist doctor`: what is well, what is wrong, and what mends it."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis
from sqlalchemy import text

from jobs import doctor
from models import Account, Database, Job, JobStatus, SweepKind, Tick, now
from models.settings import Settings, load
from tests.process import Process, until
from tests.receiver import receiver
from tests.stack import Stack
from tests.terminal import clean_env, guestlist

NOWHERE = "127.0.0.1:1"
LONG_AGO = timedelta(days=40)


@pytest.fixture
def wrong(choose: Callable[..., None], tmp_path: Path) -> Callable[..., str]:
    """Return what examines one part, under these settings, and returns what is wrong with it."""

    def examine(part: Callable[[Settings], str], **chosen: object) -> str:
        choose(**{"data_dir": tmp_path, **chosen})
        line = list(doctor.examine([part]))[-1]
        assert not line.is_well, line
        return line.says

    return examine


def test_doctor_finds_everything_well(stack: Stack) -> None:
    ended = stack.guestlist("doctor", "--json")
    parts = json.loads(ended.stdout)
    assert [part for part in parts if not part["is_well"]] == []
    assert ended.returncode == 0
    assert len(parts) == len(doctor.PARTS) + 1


def test_doctor_exits_with_1_and_says_each_thing_in_a_line(tmp_path: Path) -> None:
    ended = guestlist("doctor", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    assert len(lines) == len(doctor.PARTS) + 1
    assert {line.split()[0] for line in lines} == {"ok", "WRONG"}
    assert all("GUESTLIST_" in line or "`guestlist " in line for line in lines if line.startswith("WRONG"))


@pytest.mark.parametrize(
    "chosen", [{"secret_key": "short"}, {"sweep_repair": "grant_past"}, {"purge_cron": "x"}, {"sentry_dsn": "x"}]
)
def test_doctor_names_a_bad_setting(wrong: Callable[..., str], chosen: dict[str, str]) -> None:
    assert f"GUESTLIST_{next(iter(chosen)).upper()}: " in wrong(doctor.secret_key, **chosen)


@pytest.mark.parametrize(
    ("part", "chosen", "mend"),
    [
        (doctor.data_directory, {"data_dir": "/proc/here"}, "/proc cannot be written"),
        (doctor.database, {"database_url": f"postgresql://x:tell-nobody@{NOWHERE}/x"}, "check GUESTLIST_DATABASE_URL"),
        (doctor.database, {}, "does not exist yet: run `guestlist migrate`"),
        (doctor.broker, {"broker_url": f"redis://{NOWHERE}"}, "check GUESTLIST_BROKER_URL"),
        (doctor.broker, {"broker_url": f"amqp://{NOWHERE}"}, "check GUESTLIST_BROKER_URL"),
        (doctor.broker, {}, "run `guestlist up`, or set GUESTLIST_BROKER_URL"),
        (doctor.redis_keeps, {"broker_url": f"redis://{NOWHERE}"}, "check GUESTLIST_BROKER_URL"),
        (doctor.live_events, {"broker_url": f"redis://{NOWHERE}"}, "check GUESTLIST_BROKER_URL"),
        (doctor.live_events, {"redis_url": f"redis://{NOWHERE}"}, "check GUESTLIST_REDIS_URL"),
        (doctor.live_events, {"broker_url": f"amqp://{NOWHERE}"}, "set GUESTLIST_REDIS_URL"),
        (doctor.mail_server, {"smtp_url": f"smtp://x:tell-nobody@{NOWHERE}"}, "check GUESTLIST_SMTP_URL"),
        (doctor.watchers, {"sentry_dsn": f"http://tell-nobody@{NOWHERE}/1"}, "check GUESTLIST_SENTRY_DSN"),
        (doctor.watchers, {"otel_endpoint": f"http://{NOWHERE}"}, "check GUESTLIST_OTEL_ENDPOINT"),
        (doctor.mail_server, {}, "run `guestlist up`, or set GUESTLIST_SMTP_URL"),
    ],
)
def test_doctor_says_what_is_away_and_what_mends_it(
    wrong: Callable[..., str], part: Callable[[Settings], str], chosen: dict[str, str], mend: str
) -> None:
    says = wrong(part, **chosen)
    assert mend in says
    assert "tell-nobody" not in says


def test_doctor_finds_a_database_of_another_version(wrong: Callable[..., str], database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM alembic_version"))
    assert "run `guestlist migrate`" in wrong(doctor.migrations, database_url=_url(database))


@pytest.mark.parametrize("ticked_at", [None, now() - timedelta(days=2)])
def test_doctor_finds_a_clock_that_never_ran_or_stopped(
    wrong: Callable[..., str], database: Database, ticked_at: object
) -> None:
    with database.transaction() as session:
        session.add(Account(slug="old", name="Old", created_at=now() - LONG_AGO))
        session.add_all(Tick(schedule="expire", due_at=ticked_at) for _ in range(ticked_at is not None))
    assert "run `guestlist work` on some host" in wrong(doctor.clock, database_url=_url(database))


def test_doctor_finds_a_sweep_that_is_overdue(wrong: Callable[..., str], database: Database) -> None:
    with database.transaction() as session:
        due_at = now() - timedelta(hours=3)
        schedule = f"sweep-{SweepKind.ACCESS}"
        session.add(Tick(schedule=schedule, due_at=due_at, overdue_at=due_at + timedelta(hours=1)))
    says = wrong(doctor.sweeps, database_url=_url(database))
    assert "no sweep of access has succeeded" in says
    assert "`guestlist sweep --repair`" in says


@pytest.mark.parametrize(
    ("status", "mend"),
    [(JobStatus.DEAD, "`guestlist jobs list --state dead`"), (JobStatus.WAITING, "`guestlist work`")],
)
def test_doctor_finds_jobs_that_are_dead_or_wait_long(
    wrong: Callable[..., str], database: Database, status: JobStatus, mend: str
) -> None:
    with database.transaction() as session:
        session.add(Job(actor="expire", arguments={}, status=status, not_before=now() - timedelta(hours=1)))
    assert mend in wrong(doctor.queues, database_url=_url(database))


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_doctor_finds_a_redis_that_forgets(stack: Stack, policy: str) -> None:
    with redis.Redis.from_url(f"unix://{stack.home / 'valkey.sock'}") as server:
        server.config_set("maxmemory-policy", policy)
        try:
            line = list(doctor.examine([doctor.redis_keeps]))[-1]
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert not line.is_well
    assert policy in line.says and "set maxmemory-policy to noeviction" in line.says


def test_doctor_finds_a_redis_that_cannot_write(wrong: Callable[..., str], tmp_path: Path) -> None:
    env = clean_env(DATA_DIR=str(tmp_path))
    running = Process(sys.executable, "-m", "jobs.embedded", env=env, log=tmp_path / "log").start()
    socket = load(data_dir=tmp_path).valkey_socket
    until(socket.exists, what="Valkey")
    with redis.Redis.from_url(f"unix://{socket}") as server:
        # As on a full disk: no file may grow any more.
        psutil.Process(running.inner.pid).rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
        server.set("a", "b")
        until(lambda: server.info("persistence")["aof_last_write_status"] == "err", what="a failed write")
    assert "cannot write its append-only file: look at its disk" in wrong(doctor.redis_keeps)
    running.kill()


def test_doctor_finds_watchers_that_answer(choose: Callable[..., None]) -> None:
    with receiver() as running:
        choose(sentry_dsn=running.dsn, otel_endpoint=running.url)
        line = list(doctor.examine([doctor.watchers]))[-1]
    assert (line.is_well, line.says) == (True, "2 answer")


def _url(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)
