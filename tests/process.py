"""Real processes, kept under watch, and patience with a limit."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")
# Whoever has waited long may wait a little longer, and leaves the machine to what they wait for.
POLL_SECONDS, LONGEST_POLL_SECONDS, SHARE = 0.03, 0.5, 0.2
PR_SET_PDEATHSIG = 1
LINES_SHOWN = 60


def until(look: Callable[[], T], *, what: str = "", within: float = 20) -> T:
    """Return what `look` returns as soon as it is true. Fails after `within` seconds, naming `what`."""
    began = time.monotonic()
    while not (seen := look()):
        waited = time.monotonic() - began
        assert waited < within, f"waited {within} s in vain for {what or look}; the last look saw {seen!r}"
        time.sleep(min(max(POLL_SECONDS, waited * SHARE), LONGEST_POLL_SECONDS))
    return seen


def end_with_parent() -> None:
    """Let a started process end when the tests end, however they do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One process of the product: started, stopped, killed and started again, its output kept in a file."""

    def __init__(self, *command: str, env: dict[str, str], log: Path) -> None:
        self.command, self.env, self.log_file = command, env, log

    def start(self, **env: str) -> "Process":
        """Start it, with settings of this one time beside the usual ones."""
        with self.log_file.open("ab") as log:
            self.began_at = log.tell()
            self.inner = subprocess.Popen(
                self.command,
                env=self.env | env,
                cwd=self.log_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,  # noqa: PLW1509
            )
        return self

    @property
    def is_running(self) -> bool:
        return self.inner.poll() is None

    def stop(self, *, within: float = 20) -> int:
        """Ask it to end, as an operator would, and return its exit status."""
        if self.is_running:
            self.inner.terminate()
        try:
            return self.inner.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} did not end within {within} s:\n{self.log()}") from None

    def kill(self) -> None:
        """Kill it and all its children with -9, as a power cut would."""
        # The parent first: it would start again what it sees fall.
        for each in [self.inner, *self.tree()]:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
        self.inner.wait(10)

    def tree(self) -> list[psutil.Process]:
        """Return all its children and theirs."""
        try:
            return psutil.Process(self.inner.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def has_said(self, words: str) -> bool:
        """Return whether its output holds these words since it was started last."""
        with self.log_file.open("rb") as log:
            log.seek(self.began_at)
            return words.encode() in log.read()

    def log(self) -> str:
        """Return the last lines of its output."""
        lines = self.log_file.read_text(errors="replace").splitlines() if self.log_file.exists() else []
        return "\n".join(lines[-LINES_SHOWN:])
