"""What happened in a run: operations, faults, probes, answers, and whatever broke a promise, with its story."""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models import now

LINES = 20_000
STORY_LINES = 14
AROUND = timedelta(seconds=12)
# What the database's own faults may still do to answers after they are mended.
AFTERMATH = timedelta(seconds=8)


@dataclass
class Fault:
    """One fault: what it broke, and from when to when it was kept up."""

    kind: str
    breaks: str
    began_at: datetime
    struck_at: datetime | None = None
    ended_at: datetime | None = None

    def strike(self) -> None:
        """Note that it is done: what begins from now on meets a broken part."""
        self.struck_at = now()

    def overlaps(self, since: datetime, until: datetime, *, slack: timedelta = timedelta()) -> bool:
        return self.began_at <= until and (self.ended_at is None or self.ended_at + slack >= since)

    def __str__(self) -> str:
        ended = f"{self.ended_at:%H:%M:%S.%f}"[:-3] if self.ended_at else "..."
        return f"fault {self.kind}, until {ended}"


@dataclass(frozen=True)
class Violation:
    """A promise that was broken, and what happened around it."""

    promise: str
    what: str
    story: tuple[str, ...]


@dataclass
class Chronicle:
    """Written by all threads of a run."""

    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    probes: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    closings: list[float] = field(default_factory=list)
    # When each answered request was sent, and when its answer came.
    read: list[tuple[datetime, datetime]] = field(default_factory=list)
    written: list[tuple[datetime, datetime]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lines: deque[tuple[datetime, str, str]] = deque(maxlen=LINES)
        self._lock = threading.Lock()

    def tell(self, who: str, what: str) -> None:
        """Write a line about somebody."""
        with self._lock:
            self._lines.append((now(), who, what))

    def count(self, operation: str, outcome: str) -> None:
        with self._lock:
            self.operations[operation, outcome] += 1

    def probed(self, way: str) -> None:
        with self._lock:
            self.probes[way] += 1

    def violated(self, promise: str, what: str, *, about: str = "") -> None:
        """Write down a broken promise, with the last lines about this somebody and the faults around now."""
        at = now()
        with self._lock:
            own = [
                (when, f"{who}: {line}") for when, who, line in self._lines if about and about in (who, *line.split())
            ]
            around = [(each.began_at, str(each)) for each in self.faults if each.overlaps(at - AROUND, at)]
            told = sorted(own[-STORY_LINES:] + around)
            self.violations.append(
                Violation(promise, what, tuple(f"{when:%H:%M:%S.%f}"[:-3] + f" {line}" for when, line in told))
            )

    @contextmanager
    def fault(self, kind: str, breaks: str) -> Iterator[Fault]:
        """Write down a fault for as long as it is kept up."""
        one = Fault(kind, breaks, now())
        with self._lock:
            self.faults.append(one)
        try:
            yield one
        finally:
            one.ended_at = now()

    def is_excused(self, breaks: str, since: datetime) -> bool:
        """Return whether a fault of this part could have touched what began at `since`."""
        with self._lock:
            return any(each.breaks == breaks and each.overlaps(since, now(), slack=AFTERMATH) for each in self.faults)
