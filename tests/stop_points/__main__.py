"""Kills each workflow before and after each of its statements: `python -m tests.stop_points [--short]`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import settings
from models.settings import PREFIX
from tests.databases import KINDS, Databases, databases
from tests.process import Process, until
from tests.stack import IMPATIENT
from tests.stop_points.fuse import Stop
from tests.stop_points.stories import STORIES
from tests.stop_points.trial import Ground
from workflows.checks import CHECKS

CHOSEN = {
    **IMPATIENT,
    "NOTIFICATION_QUIET_SECONDS": "0",
    "CASCADE_BATCH": "4",
    "IMPORT_BATCH": "2",
    # Nothing is too young to be found.
    "SWEEP_GRACE_MINUTES": "0",
    "SWEEP_REPAIR": ",".join(CHECKS),
}
HEADER = ("workflow", "database", "statements", "kills", "violations", "seconds")
LINE = "{:<22} {:<11} {:>10} {:>6} {:>10} {:>8}"


def main() -> int:
    """Kill every workflow on every database, print the table, and return 1 if anything was violated."""
    asked = _arguments()
    violations: list[str] = []
    print(LINE.format(*HEADER), flush=True)
    with tempfile.TemporaryDirectory(prefix="guestlist-stop-points-") as place, _mailbox(Path(place)) as home:
        for kind in asked.database or KINDS:
            with databases(kind, home) as offered:
                for name in asked.workflow or STORIES:
                    violations += _run(name, kind, offered, home, is_short=asked.short)
    print(*violations, sep="\n")
    return 1 if violations else 0


def _run(name: str, kind: str, offered: Databases, home: Path, *, is_short: bool) -> list[str]:
    began = time.monotonic()
    ground = Ground(offered, home, STORIES[name])
    stops = _some(ground) if is_short else ground.stops
    violations = [f"{kind}: {each}" for stop in stops for each in ground.violations(stop)]
    told = (name, kind, len(ground.statements), len(stops), len(violations), f"{time.monotonic() - began:.1f}")
    print(LINE.format(*told), flush=True)
    return violations


def _some(ground: Ground) -> list[Stop]:
    """Return the stops around the first commit, and one in the middle of what follows it."""
    stops = ground.stops
    first = next(number for number, stop in enumerate(stops) if ground.is_recorded(stop))
    return [*stops[first - 1 : first + 1], stops[(first + len(stops)) // 2]]


@contextmanager
def _mailbox(home: Path) -> Iterator[Path]:
    """Set the settings of this process, and start the mail server that all mail goes to."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ |= {PREFIX + name: value for name, value in {"DATA_DIR": str(home), **CHOSEN}.items()}
    settings.cache_clear()
    server = Process(sys.executable, "-m", "jobs.mailbox", env=dict(os.environ), log=home / "mailbox.log")
    server.env["PYTHONPATH"] = str(Path(__file__).parent.parent.parent)
    server.start()
    try:
        until((home / "smtp.port").exists, what="the mail server")
        yield home
    finally:
        server.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.stop_points", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few kills of each, instead of all")
    parser.add_argument("--database", action="append", choices=KINDS, help="on this alone")
    parser.add_argument("--workflow", action="append", choices=list(STORIES), help="this alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
