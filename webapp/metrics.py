"""What Prometheus is told: of jobs, mails, removals and sweeps from the database, of streams from this process.

Anybody may read it, so nothing is counted by which of the two invitation mails it was (R6).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from models import (
    Delivery,
    DeliveryStatus,
    Finding,
    Job,
    JobStatus,
    Removal,
    RemovalStatus,
    Sweep,
    SweepKind,
    Tick,
    now,
)
from models.moments import seconds_between
from webapp.pace import ENDED, NEWEST
from workflows.checks import CHECKS
from workflows.checks.schedules import is_overdue, last_success

RECENT, A_DAY = timedelta(minutes=5), timedelta(days=1)
STANDING = (JobStatus.WAITING, JobStatus.RUNNING, JobStatus.DEAD)
OTHER_SCHEDULES = ("expire", "purge")
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
Buckets = list[tuple[str, float]]

process = CollectorRegistry()
STREAM_CLOSED = Histogram(
    "guestlist_stream_closed_seconds",
    "From a removal to the last word to a stream of the removed; streams of this process",
    buckets=BOUNDS,
    registry=process,
)


def exposition(session: Session) -> bytes:
    """Return everything in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Records(session))
    return generate_latest(registry) + generate_latest(process)


class Records(Collector):
    """What the database knows, which is the same whoever is asked."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        at = now()
        yield from self._queues(at)
        yield self._job_seconds(at)
        waiting = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
        yield self._by_status("guestlist_deliveries", "Mails that wait, and of the ended ones", Delivery, waiting)
        yield self._by_status(
            "guestlist_removals", "Removals that run, and of the ended ones", Removal, (RemovalStatus.RUNNING,)
        )
        yield self._removal_seconds()
        yield self._findings()
        yield from self._schedules(at)

    def _queues(self, at: datetime) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "guestlist_jobs", "Jobs that are not done, by kind and status", labels=["kind", "status"]
        )
        age = GaugeMetricFamily("guestlist_oldest_waiting_job_seconds", "Since when the oldest is due", labels=["kind"])
        of_kind = select(Job.actor, Job.status, func.count(), func.min(Job.not_before)).group_by(Job.actor, Job.status)
        for kind, status, count, oldest in self.session.execute(of_kind.where(Job.status.in_(STANDING))):
            depth.add_metric([kind, status], count)
            if status is JobStatus.WAITING:
                age.add_metric([kind], max((at - oldest).total_seconds(), 0))
        yield depth
        yield age

    def _job_seconds(self, at: datetime) -> Metric:
        text = "How long attempts took that ended jobs in the last five minutes, by kind and outcome"
        metric = GaugeHistogramMetricFamily("guestlist_recent_job_seconds", text, labels=["kind", "outcome"])
        newest = select(func.max(Job.id)).scalar_subquery()
        recent = (Job.id > newest - NEWEST, Job.status.in_(ENDED), Job.finished_at > at - RECENT, Job.started_at <= at)
        found = self._histogram((Job.actor, Job.status), Job.started_at, Job.finished_at)
        for labels, buckets, total in self._drawn(found.where(*recent)):
            metric.add_metric(labels, buckets, total)
        return metric

    def _removal_seconds(self) -> Metric:
        text = "From the request for a removal to its receipt"
        metric = HistogramMetricFamily("guestlist_removal_seconds", text)
        found = self._histogram((Removal.status,), Removal.requested_at, Removal.finished_at)
        for _, buckets, total in self._drawn(found.where(Removal.status == RemovalStatus.DONE)):
            metric.add_metric([], buckets, total)
        return metric

    def _findings(self) -> Metric:
        text = "What is not mended of what the newest sweep found"
        metric = GaugeMetricFamily("guestlist_findings", text, labels=["check", "severity"])
        everywhere = select(func.max(Sweep.id)).where(Sweep.account_id.is_(None), Sweep.finished_at.is_not(None))
        newest = {
            kind: everywhere.where(or_(Sweep.kind == kind, Sweep.kind.is_(None))).scalar_subquery()
            for kind in SweepKind
        }
        of_kind = {kind: [name for name, check in CHECKS.items() if check.kind is kind] for kind in SweepKind}
        is_new = or_(*(and_(Finding.sweep_id == newest[kind], Finding.check.in_(of_kind[kind])) for kind in SweepKind))
        counted = select(Finding.check, func.count()).where(is_new, Finding.repaired_at.is_(None))
        found = {name: count for name, count in self.session.execute(counted.group_by(Finding.check))}
        for name, check in CHECKS.items():
            metric.add_metric([name, check.severity], found.get(name, 0))
        return metric

    def _schedules(self, at: datetime) -> Iterator[Metric]:
        name = "guestlist_schedule_last_success_timestamp_seconds"
        succeeded = GaugeMetricFamily(name, "When the job of a schedule last succeeded", labels=["schedule"])
        overdue = GaugeMetricFamily(
            "guestlist_sweep_overdue", "1 where no sweep has succeeded for twice its period", labels=["kind"]
        )
        last = {f"sweep-{kind}": last_success(kind, at) for kind in SweepKind} | {
            each: _last_done(each) for each in OTHER_SCHEDULES
        }
        for schedule, query in last.items():
            if (moment := self.session.scalar(query)) is not None:
                succeeded.add_metric([schedule], moment.timestamp())
        for kind in SweepKind:
            overdue.add_metric([kind], is_overdue(self.session, kind, at))
        yield succeeded
        yield overdue
        yield self._missed(at, last)

    def _missed(self, at: datetime, schedules: Iterable[str]) -> Metric:
        name = "guestlist_schedule_missed_runs"
        gauge = GaugeMetricFamily(name, "Runs of the last day that were missed and caught up", labels=["schedule"])
        ticks = select(Tick.schedule, func.count()).where(Tick.due_at.between(at - A_DAY, at), Tick.is_catch_up)
        of_known = ticks.where(Tick.schedule.in_(schedules)).group_by(Tick.schedule)
        counts = {schedule: count for schedule, count in self.session.execute(of_known)}
        for schedule in schedules:
            gauge.add_metric([schedule], counts.get(schedule, 0))
        return gauge

    def _by_status(self, name: str, text: str, table: Any, waiting: tuple[StrEnum, ...]) -> Metric:  # noqa: ANN401
        gauge = GaugeMetricFamily(name, f"{text} the newest {NEWEST:,}, by status", labels=["status"])
        newest = select(func.max(table.id)).scalar_subquery()
        counted = select(table.status, func.count()).where(table.status.in_(waiting) | (table.id > newest - NEWEST))
        counts = {status: count for status, count in self.session.execute(counted.group_by(table.status))}
        for status in type(waiting[0]):
            gauge.add_metric([status], counts.get(status, 0))
        return gauge

    def _histogram(self, by: tuple[Any, ...], begin: Any, end: Any) -> Select[*tuple[Any, ...]]:  # noqa: ANN401
        """Return the query for (by, bound, count, sum of seconds)."""
        seconds = seconds_between(self.session, begin, end)
        bound = case(*((seconds <= each, each) for each in BOUNDS), else_=float("1e9")).label("bound")
        return select(*by, bound, func.count(), func.sum(seconds)).group_by(*by, bound)

    def _drawn(self, query: Select[*tuple[Any, ...]]) -> Iterator[tuple[list[str], Buckets, float]]:
        """Yield (labels, cumulative buckets, sum of seconds) of each group."""
        groups: dict[tuple[str, ...], dict[float, tuple[int, float]]] = {}
        for *by, bound, count, total in self.session.execute(query):
            groups.setdefault(tuple(map(str, by)), {})[float(bound)] = (count, float(total))
        for labels, found in groups.items():
            counts = {each: sum(count for bound, (count, _) in found.items() if bound <= each) for each in BOUNDS}
            buckets: Buckets = [(str(each), count) for each, count in counts.items()]
            buckets.append(("+Inf", sum(count for count, _ in found.values())))
            yield list(labels), buckets, sum(total for _, total in found.values())


def _last_done(actor: str) -> Select[datetime | None]:
    done = select(Job.finished_at).where(Job.status == JobStatus.DONE, Job.actor == actor)
    return done.order_by(Job.id.desc()).limit(1)
