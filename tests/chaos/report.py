"""What a run prints: faults, operations, probes, times to recover, and whatever was violated."""

import statistics
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from models import Delivery, DeliveryStatus, Job
from tests.chaos.chronicle import Chronicle, Violation
from tests.chaos.place import Place

Span = tuple[datetime, datetime]


def report(place: Place, title: str, worked: Span, settled: float | None) -> str:
    """Return the whole report as text."""
    told = place.chronicle
    head = f"\n== {title} ==\nworked {_seconds(*worked):.0f} s, "
    head += f"settled {settled:.1f} s after the last fault" if settled is not None else "never settled"
    parts = [
        head,
        _table("faults injected", ("fault", "times", "median to recover", "longest"), _faults(place)),
        _table("operations", ("operation", "outcome", "times"), _operations(told)),
        _table("ways in tried after removals", ("way", "times"), sorted(told.probes.items())),
        _table("jobs and mails", ("what", "number"), [*_jobs(place), *sorted(told.notes.items())]),
        _closings(told.closings),
        f"violations: {len(told.violations)}",
        *_stories(told.violations),
    ]
    return "\n\n".join(parts)


def _faults(place: Place) -> Iterator[tuple[object, ...]]:
    times: dict[str, list[float]] = defaultdict(list)
    counted: Counter[str] = Counter()
    successes = {"web": place.chronicle.read, "database": place.chronicle.written, "lock": place.chronicle.written}
    works = {name: _Next(spans) for name, spans in {**successes, **_work(place)}.items()}
    for fault in place.chronicle.faults:
        counted[fault.kind] += 1
        if fault.struck_at and (came := works[fault.breaks].after(fault.struck_at)):
            times[fault.kind].append(_seconds(fault.struck_at, came))
    for kind, count in sorted(counted.items()):
        known = times[kind]
        yield kind, count, *((f"{statistics.median(known):.2f} s", f"{max(known):.2f} s") if known else ("", ""))


def _work(place: Place) -> dict[str, list[Span]]:
    """Return from when to when jobs, and mails, took from wish to success."""
    with place.stack.database.reading() as session:
        jobs = select(Job.created_at, Job.finished_at).where(Job.finished_at.is_not(None))
        mails = select(Delivery.queued_at, Delivery.ended_at).where(Delivery.status == DeliveryStatus.SENT)
        return {name: list(session.execute(of).tuples()) for name, of in (("work", jobs), ("mail", mails))}


class _Next:
    """Finds the first success of what began after a moment."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = sorted(spans)
        self._begun = [began for began, _ in self._spans]
        # From each on, the earliest end of all that follow.
        self._ends = [ended for _, ended in self._spans]
        for index in range(len(self._ends) - 2, -1, -1):
            self._ends[index] = min(self._ends[index], self._ends[index + 1])

    def after(self, moment: datetime) -> datetime | None:
        index = bisect_left(self._begun, moment)
        return self._ends[index] if index < len(self._ends) else None


def _operations(told: Chronicle) -> Iterator[tuple[object, ...]]:
    for (operation, outcome), count in sorted(told.operations.items()):
        yield operation, outcome, count


def _jobs(place: Place) -> Iterator[tuple[object, ...]]:
    with place.stack.database.reading() as session:
        actors = Counter(session.execute(select(Job.actor, Job.status)).tuples())
        mails = Counter(session.scalars(select(Delivery.status)))
    for (actor, status), count in sorted(actors.items()):
        yield f"jobs {actor} {status}", count
    for status, count in sorted(mails.items()):
        yield f"mails {status}", count


def _closings(seconds: Sequence[float]) -> str:
    if not seconds:
        return "open pages: none was closed by an event"
    ordered = sorted(seconds)
    at = {share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.9, 0.99)}
    figures = ", ".join(f"{share:.0%} {value * 1000:.0f} ms" for share, value in at.items())
    return f"open pages lost what was closed, {len(ordered)} times: {figures}, longest {ordered[-1] * 1000:.0f} ms"


def _stories(violations: Sequence[Violation]) -> Iterator[str]:
    for number, each in enumerate(violations, 1):
        yield "\n".join([f"{number}. {each.promise}: {each.what}", *(f"     {line}" for line in each.story)])


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    cells = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([f"-- {title}", *lines])


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
