"""One run on one database: drive and break for a while, let everything settle, then reckon."""

import threading
import time
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from models import Job, JobStatus, now
from tests.chaos.driver import Driver
from tests.chaos.faults import ALWAYS, OF_DATABASE, OF_MAIL, Injector
from tests.chaos.letters import read_letters
from tests.chaos.operations import OPERATIONS
from tests.chaos.place import Place, place
from tests.chaos.reckoning import reckon
from tests.chaos.report import report

DRIVERS = 2
# Retries wait as long again as they have waited, five minutes at most.
SETTLE_SECONDS = 420
LAST_WORDS_SECONDS = 240
UNFINISHED = (JobStatus.WAITING, JobStatus.RUNNING)


def run(seed: int, minutes: float, database: str) -> bool:
    """Run, print the report, and return whether every promise was kept."""
    with place(database) as here:
        drivers = [Driver(here, f"d{number}", str(seed), OPERATIONS) for number in range(1, DRIVERS + 1)]
        house = Injector(here, "house", {**ALWAYS, **OF_DATABASE[database]}, str(seed))
        post = Injector(here, "post", OF_MAIL, str(seed))
        began_at = now()
        _work(here, [*drivers, threading.Thread(target=post.inflict, name="post", daemon=True)], house, minutes * 60)
        quiet_at = now()
        settled = _settle(here)
        reckon(here, drivers)
        read_letters(here, drivers)
        print(report(here, f"{database}, seed {seed}, {minutes:g} minutes", (began_at, quiet_at), settled))
        return not here.chronicle.violations


def _work(here: Place, threads: Sequence[threading.Thread], house: Injector, seconds: float) -> None:
    ending = threading.Timer(seconds, here.is_over.set)
    for each in (*threads, ending):
        each.daemon = True
        each.start()
    # In this thread, for a process ends with the thread that started it.
    house.inflict()
    until = time.monotonic() + LAST_WORDS_SECONDS
    for each in threads:
        each.join(max(0.0, until - time.monotonic()))
        if each.is_alive():
            here.chronicle.violated("all ends", f"{each.name} did not end")


def _settle(here: Place) -> float | None:
    """Wait until no job is left to do; return after how many seconds, or None where it never was."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS:
        here.keep_up()
        if _left(here) == 0:
            return time.monotonic() - began
        time.sleep(0.2)
    here.chronicle.violated("nothing lost (G2)", f"{_left(here)} jobs are left after {SETTLE_SECONDS} s of peace")
    return None


def _left(here: Place) -> int:
    try:
        with here.stack.database.reading() as session:
            return session.scalar(select(func.count(Job.id)).where(Job.status.in_(UNFINISHED))) or 0
    except DBAPIError:
        return -1
