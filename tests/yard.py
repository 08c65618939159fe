"""One worker, a relay and a Valkey, on a database of their own, with actors made to be tried."""

import os
import sys
from itertools import count
from pathlib import Path

from sqlalchemy import func, select

from jobs.bell import Bell
from jobs.broker import connect
from jobs.ledger import Ledger
from jobs.live import Live
from models import AuditEvent, Database, Event, Job, JobStatus, enqueue
from models.settings import PREFIX, load
from tests.process import Process, until

ATTEMPTS, THREADS = 3, 3
NEVER = "0 0 1 1 *"
HURRY = {
    "job_attempts": ATTEMPTS,
    "job_pause_seconds": 0.1,
    "job_lease_seconds": 5,
    "relay_seconds": 0.1,
    "remind_cron": NEVER,
    "review_cron": NEVER,
    **dict.fromkeys(("sweep_access_cron", "sweep_invitations_cron", "sweep_work_cron", "expire_cron"), NEVER),
}
# In milliseconds.
SHUTDOWN = ("--skip-logging", "--worker-shutdown-timeout", "2000")
numbers = count(1)


class Yard:
    """The test is who records jobs."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.settings = load(data_dir=home, database_url=database_url, **HURRY)
        self.database = Database(database_url)
        self.ledger = Ledger(self.database, self.settings)
        self.broker = connect(self.settings.broker)
        self.bell = Bell(self.database, self.broker, Live(self.settings.redis))
        self.database.on_commit(self.bell)
        env = {**os.environ, f"{PREFIX}DATA_DIR": str(home), f"{PREFIX}DATABASE_URL": database_url}
        env |= {PREFIX + name.upper(): str(value) for name, value in HURRY.items()}
        env |= {"PYTHONPATH": str(Path(__file__).parent.parent), "dramatiq_restart_delay": "200"}
        commands = {
            "valkey": ["jobs.embedded"],
            "worker": ["dramatiq", "tests.job_actors", "--processes", "1", "--threads", str(THREADS), *SHUTDOWN],
            "clock": ["worker"],
        }
        self.processes = {
            name: Process(sys.executable, "-m", *command, env=env, log=home / f"{name}.log")
            for name, command in commands.items()
        }

    def start(self, *names: str) -> None:
        for name in names:
            self.processes[name].start()

    def close(self) -> None:
        self.bell.close()
        for each in reversed(self.processes.values()):
            each.stop()
        self.database.close()

    def want(self, actor: str, **known: object) -> Job:
        with self.database.transaction() as session:
            return enqueue(session, actor, number=next(numbers), **known)

    def ended(self, job: Job, *, within: float = 60) -> Job:
        """Wait until the job is done or dead; return it as it is then."""

        def look() -> Job | None:
            seen = self.see(job)
            return seen if seen.status in (JobStatus.DONE, JobStatus.DEAD) else None

        return until(look, what=f"the end of {job.actor}", within=within)

    def see(self, job: Job) -> Job:
        with self.database.reading() as session:
            return session.get_one(Job, job.id)

    def effects(self, job: Job, event: Event = Event.CARD_CREATED) -> int:
        mine = select(func.count(AuditEvent.id)).where(
            AuditEvent.object_id == job.arguments["number"], AuditEvent.event == event
        )
        with self.database.reading() as session:
            return session.scalar(mine) or 0
