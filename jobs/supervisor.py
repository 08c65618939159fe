"""Runs child processes under one roof: the fallen get up again, and all end together."""

import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain

from models import Settings

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.1
SHORTEST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
# A child that has stood for so long may fall again without being made to wait for it.
STEADY_SECONDS = 30.0
GRACE_SECONDS = 15.0
WORKER_GRACE_MILLISECONDS = 10_000
PR_SET_PDEATHSIG = 1
# Opened here: between fork and exec it might wait for a lock that a thread of the parent holds.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# Dramatiq looks so often, in milliseconds, whether it is to stop; messages wake it up by themselves.
ENVIRONMENT = {"dramatiq_worker_timeout": "200", "dramatiq_restart_delay": "1000", "PYTHONUNBUFFERED": "1"}


def work_commands(settings: Settings) -> dict[str, list[str]]:
    """Return what `guestlist work` runs, by name.

    Each worker process has a Dramatiq of its own: the kill of one stops all that share one.
    """
    dramatiq = [sys.executable, "-m", "dramatiq", "worker", "--processes", "1"]
    dramatiq += ["--threads", str(settings.worker_threads), "--skip-logging"]
    dramatiq += ["--worker-shutdown-timeout", str(WORKER_GRACE_MILLISECONDS)]
    workers = {f"worker-{number}": dramatiq for number in range(1, settings.worker_processes + 1)}
    return {"clock": [sys.executable, "-m", "worker"], **workers}


def supervise(*stages: Mapping[str, list[str]], say: Callable[[str], object] = logger.info) -> None:
    """Run the commands of each stage until SIGTERM or SIGINT, then end them: the last stage first, each at once."""
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    running = [[Child(name, command) for name, command in stage.items()] for stage in stages]
    while not stop.is_set():
        for child in chain.from_iterable(running):
            child.look()
        stop.wait(LOOK_SECONDS)
    for stage in reversed(running):
        say(f"Ending {', '.join(child.name for child in stage)}: what is in hand is finished, in {GRACE_SECONDS:.0f} s")
        for child in stage:
            child.ask()
        for child in stage:
            child.end()
    say("Ended.")


class Child:
    """One command, started again with a growing pause whenever it ends."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._command = command
        self._pause = SHORTEST_PAUSE
        self._fell_at: float | None = None
        self._started_at = time.monotonic()
        self._process = self._start()

    def look(self) -> None:
        """Start the child again if it has fallen and its pause is over."""
        if self._process.poll() is None:
            return
        if self._fell_at is None:
            self._fell_at = time.monotonic()
            if self._fell_at - self._started_at > STEADY_SECONDS:
                self._pause = SHORTEST_PAUSE
            logger.warning("%s ended with %d, starts again", self.name, self._process.returncode)
        if time.monotonic() - self._fell_at >= self._pause:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._fell_at, self._started_at = None, time.monotonic()
            self._process = self._start()

    def ask(self) -> None:
        """Ask the child to end."""
        self._process.terminate()

    def end(self) -> None:
        """Wait until the child has ended; after a while, kill it and what it has started."""
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("%s does not end, and is killed", self.name)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then ends the children in order.
        return subprocess.Popen(  # noqa: S603
            self._command,
            env={**ENVIRONMENT, **os.environ},
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509
        )


def die_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent dies, however that dies. Linux only."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, by)
        parent = multiprocessing.parent_process()
        # It may have died before the kernel was told what to do then.
        if parent is not None and not parent.is_alive():
            os.kill(os.getpid(), by)
