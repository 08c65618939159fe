"""Where measurements are taken: PostgreSQL that syncs every commit, Valkey and a mail sink, each a process."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.sink import Sink
from models import Database, settings
from models.schema import migrate
from models.settings import PREFIX
from tests.postgres import Postgres
from tests.process import Process, until

ROOT = Path(__file__).parent.parent
NEVER = "0 0 1 1 *"
# What each worker process says when it listens.
READY = "ready for action"
CRONS = ("SWEEP_ACCESS_CRON", "SWEEP_INVITATIONS_CRON", "SWEEP_WORK_CRON", "EXPIRE_CRON", "REMIND_CRON")


class Place:
    """Settings of this process and of all that it starts; `database` is migrated, and rings no bell."""

    def __init__(self, home: Path, database_url: str, sink: Sink, postgres_log: Path) -> None:
        chosen = {
            "DATA_DIR": str(home),
            "DATABASE_URL": database_url,
            "SMTP_URL": f"smtp://127.0.0.1:{sink.port}",
            "INVITATIONS_PER_HOUR": "10000000",
            **dict.fromkeys(CRONS, NEVER),
        }
        os.environ.update({PREFIX + name: value for name, value in chosen.items()})
        settings.cache_clear()
        self.home, self.sink, self.postgres_log = home, sink, postgres_log
        self.database = Database(database_url)
        migrate(self.database)

    @contextmanager
    def running(self, *commands: list[str], ready: str = "", count: int = 0) -> Iterator[None]:
        """Run commands for as long as it lasts; begin when `ready` has been said `count` times."""
        log = Path(tempfile.mkstemp(dir=self.home)[1])
        started: list[Process] = []
        with ExitStack() as closing:
            for command in commands:
                process = Process(*command, env={**os.environ, "PYTHONPATH": str(ROOT)}, log=log)
                closing.callback(process.stop)
                started.append(process.start())
            until(lambda: all_say(started, ready, count), what=f"{count} times {ready!r}", within=60)
            yield


def all_say(processes: list[Process], ready: str, count: int) -> bool:
    """Return whether the words were said often enough. Fails if one has ended, showing the last of their log."""
    for each in processes:
        assert each.is_running, f"{each.command} ended with {each.inner.returncode}:\n{each.log()}"
    return not count or processes[0].log_file.read_text(errors="replace").count(ready) >= count


@contextmanager
def place(kind: str = "postgresql") -> Iterator[Place]:
    """Make a place, on PostgreSQL or SQLite, and leave nothing of it behind."""
    with ExitStack() as closing:
        home = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="guestlist-bench-")))
        postgres, sink = Postgres(options=()), Sink()
        closing.callback(postgres.close)
        closing.callback(sink.close)
        url = postgres.create("bench") if kind == "postgresql" else f"sqlite:///{home / 'guestlist.db'}"
        made = Place(home, url, sink, postgres.home / "log")
        closing.callback(made.database.close)
        closing.enter_context(made.running([sys.executable, "-m", "jobs.embedded"]))
        until(settings().valkey_socket.exists, what="Valkey")
        yield made
