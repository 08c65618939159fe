"""The faults: what can happen to processes, database and mail server, one after another, as a seed says."""

import random
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import psutil
import redis

from models.settings import load
from tests.chaos.chronicle import Fault
from tests.chaos.place import Place
from tests.chaos.post_office import Mood
from tests.process import until

RECOVERY_SECONDS = 90
Deed = Callable[[Place, Fault, float], None]


def kill_web(place: Place, fault: Fault, seconds: float) -> None:
    with place.killed("web"):
        fault.strike()
        time.sleep(seconds)
    until(place.answers, what="the web server to come back", within=RECOVERY_SECONDS)


def kill_serving_child(place: Place, fault: Fault, _: float) -> None:
    for each in place.stack.process("web").tree():
        _signal(each, signal.SIGKILL)
    fault.strike()
    until(place.answers, what="the web server to come back", within=RECOVERY_SECONDS)


def kill_worker(place: Place, fault: Fault, _: float) -> None:
    _signal(place.workers()[0], signal.SIGKILL)
    fault.strike()


def freeze_worker(place: Place, fault: Fault, seconds: float) -> None:
    """Hold a worker for longer than its lease: what it does afterwards must not stand."""
    frozen = place.workers()[-1]
    with _frozen(frozen):
        fault.strike()
        time.sleep(place.lease + seconds)


def kill_clock(place: Place, fault: Fault, _: float) -> None:
    """Kill the clock, and with it the relay, which lives in the same process."""
    for each in place.clocks():
        _signal(each, signal.SIGKILL)
    fault.strike()


def kill_work_host(place: Place, fault: Fault, seconds: float) -> None:
    with place.killed("work"):
        fault.strike()
        time.sleep(seconds)


def kill_valkey(place: Place, fault: Fault, seconds: float) -> None:
    with place.killed("valkey"):
        fault.strike()
        time.sleep(seconds)


def empty_valkey(place: Place, fault: Fault, _: float) -> None:
    with suppress(redis.RedisError):
        redis.Redis.from_url(load(data_dir=place.stack.home).broker).flushall()
    fault.strike()


def freeze_valkey(place: Place, fault: Fault, seconds: float) -> None:
    with _frozen(psutil.Process(place.stack.process("valkey").inner.pid)):
        fault.strike()
        time.sleep(2 * seconds)


def restart_database(place: Place, fault: Fault, seconds: float) -> None:
    _restart(place, fault, seconds, signal.SIGINT)


def crash_database(place: Place, fault: Fault, seconds: float) -> None:
    _restart(place, fault, seconds, signal.SIGQUIT)


def kill_backend(place: Place, fault: Fault, seconds: float) -> None:
    """Kill one process of the database server, which then ends all others and recovers."""
    backends = psutil.Process(place.server.server.pid).children()
    _signal(backends[int(seconds * 1000) % len(backends)], signal.SIGKILL)
    fault.strike()
    time.sleep(1)
    until(place.server._answers, what="PostgreSQL to recover", within=RECOVERY_SECONDS)


def hold_lock(place: Place, fault: Fault, seconds: float) -> None:
    """Keep everybody else from writing for a while, as a backup might."""
    with sqlite3.connect(str(place.stack.database.engine.url.database), timeout=30, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        fault.strike()
        time.sleep(seconds)
        holder.execute("ROLLBACK")
    holder.close()


def _mail(mood: Mood) -> Deed:
    def keep_up(place: Place, fault: Fault, seconds: float) -> None:
        with place.office.being(mood):
            fault.strike()
            time.sleep(1 + seconds)

    return keep_up


# What each fault is called, and what it breaks: that is looked at to see when it has recovered.
ALWAYS: Mapping[str, tuple[str, Deed]] = {
    "web killed": ("web", kill_web),
    "serving child of web killed": ("web", kill_serving_child),
    "worker killed": ("work", kill_worker),
    "worker frozen beyond its lease": ("work", freeze_worker),
    "clock and relay killed": ("work", kill_clock),
    "work host killed": ("work", kill_work_host),
    "Valkey killed": ("work", kill_valkey),
    "Valkey emptied": ("work", empty_valkey),
    "Valkey frozen": ("work", freeze_valkey),
}
OF_DATABASE: Mapping[str, Mapping[str, tuple[str, Deed]]] = {
    "sqlite": {"database locked": ("lock", hold_lock)},
    "postgresql": {
        "PostgreSQL restarted": ("database", restart_database),
        "PostgreSQL crashed": ("database", crash_database),
        "PostgreSQL backend killed": ("database", kill_backend),
    },
}
OF_MAIL = {f"mail server {mood}": ("mail", _mail(mood)) for mood in Mood if mood is not Mood.WELL}


class Injector:
    """Takes each fault of its list once in an order of the seed's, then in another, until the run is over."""

    def __init__(self, place: Place, name: str, faults: Mapping[str, tuple[str, Deed]], seed: str) -> None:
        self._place, self._faults = place, faults
        self._rng = random.Random(f"{seed}/{name}")  # noqa: S311

    def inflict(self) -> None:
        for kind, pause, seconds in self._plan():
            if self._place.is_over.wait(pause):
                return
            self._place.keep_up()
            breaks, deed = self._faults[kind]
            try:
                with self._place.chronicle.fault(kind, breaks) as fault:
                    deed(self._place, fault, seconds)
            except Exception:
                self._place.chronicle.violated("recovery", f"{kind}: {traceback.format_exc()}")

    def _plan(self) -> Iterator[tuple[str, float, float]]:
        while True:
            for kind in self._rng.sample(sorted(self._faults), len(self._faults)):
                yield kind, self._rng.uniform(0.3, 2.5), self._rng.uniform(0.2, 2.5)


@contextmanager
def _frozen(process: psutil.Process) -> Iterator[None]:
    _signal(process, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(process, signal.SIGCONT)


def _restart(place: Place, fault: Fault, seconds: float, how: signal.Signals) -> None:
    place.server.server.send_signal(how)
    place.server.server.wait(30)
    fault.strike()
    time.sleep(seconds)
    place.server.start()


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    # Who has just ended by an earlier fault cannot be hurt by this one.
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
