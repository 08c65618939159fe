"""Whether the service is well, for load balancers and Prometheus."""

from collections.abc import Iterator

from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import Delivery, DeliveryStatus, Job, JobStatus, now
from models.schema import is_current
from webapp.access import database, needs
from workflows.permissions import Action

pages = Blueprint("health", __name__)


class Queues(Collector):
    """What the database knows of jobs and mails, as gauges."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        yield self._by_status("guestlist_jobs", "Jobs by status", Job, JobStatus)
        yield self._by_status("guestlist_deliveries", "Mails by status", Delivery, DeliveryStatus)
        due = select(func.min(Job.not_before)).where(Job.status == JobStatus.WAITING, Job.ring_at.is_not(None))
        oldest = self.session.scalar(due)
        waits = max((now() - oldest).total_seconds(), 0) if oldest else 0
        yield GaugeMetricFamily("guestlist_oldest_waiting_job_seconds", "How long the oldest due job waits", waits)

    def _by_status(
        self, name: str, text: str, table: type[Job] | type[Delivery], statuses: type[JobStatus] | type[DeliveryStatus]
    ) -> Metric:
        gauge = GaugeMetricFamily(name, text, labels=["status"])
        counts = dict(self.session.execute(select(table.status, func.count()).group_by(table.status)).tuples().all())
        for status in statuses:
            gauge.add_metric([status.value], counts.get(status, 0))
        return gauge


@pages.get("/healthz")
@needs(Action.CHECK_HEALTH)
def alive() -> ResponseReturnValue:
    """Say that this process answers."""
    return {"status": "ok"}


@pages.get("/readyz")
@needs(Action.CHECK_HEALTH)
def ready() -> ResponseReturnValue:
    """Say whether the database answers and has every migration. The broker may be away: nothing is lost then."""
    try:
        is_ready = is_current(database())
    except SQLAlchemyError:
        return {"status": "unavailable", "database": "does not answer"}, 503
    if not is_ready:
        return {"status": "unavailable", "database": "has not been migrated"}, 503
    return {"status": "ok", "database": "ok"}


@pages.get("/metrics")
@needs(Action.CHECK_HEALTH)
def metrics() -> ResponseReturnValue:
    """Give the gauges to Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    with database().reading() as session:
        registry.register(Queues(session))
        return generate_latest(registry), 200, {"Content-Type": CONTENT_TYPE_LATEST}
