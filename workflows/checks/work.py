"""Background work that came to a stand: removals, imports, jobs and mails."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import (
    Delivery,
    DeliveryStatus,
    Import,
    ImportStatus,
    Job,
    JobStatus,
    Membership,
    Removal,
    RemovalStatus,
    Severity,
    SweepKind,
    enqueue,
)
from models.job import is_paused, ring_for
from models.language import N_
from workflows.checks.check import Breaches, Check, at_work, is_in_hand, stale


def _removal(at: datetime) -> Breaches:
    return select(
        Removal.id.label("object_id"),
        Removal.account_id.label("account_id"),
        Removal.requested_at,
        Removal.wanted,
        Removal.ended,
    ).where(Removal.status == RemovalStatus.RUNNING, ~is_in_hand(at))


def _import(at: datetime) -> Breaches:
    return select(
        Import.id.label("object_id"),
        Import.account_id.label("account_id"),
        Import.file_name,
        Import.confirmed_at,
    ).where(
        Import.status == ImportStatus.RUNNING,
        Import.confirmed_at <= stale(at),
        Import.id.not_in(at_work("carry_out_import", "import_id")),
    )


def _job(at: datetime) -> Breaches:
    return select(
        Job.id.label("object_id"),
        Job.account_id.label("account_id"),
        Job.actor,
        Job.arguments,
        Job.status,
        Job.attempts,
        Job.ring_at,
        Job.last_error,
    ).where(
        Job.status.in_((JobStatus.WAITING, JobStatus.RUNNING)),
        or_(Job.ring_at.is_(None), Job.ring_at <= stale(at)),
        (Job.status == JobStatus.RUNNING) | ~is_paused(),
    )


def _delivery(at: datetime) -> Breaches:
    # Which of the two invitation mails it is stays out of the evidence (R6).
    return select(
        Delivery.id.label("object_id"),
        Delivery.account_id.label("account_id"),
        Delivery.status,
        Delivery.to_address,
        Delivery.queued_at,
        Delivery.sending_at,
        Delivery.last_error,
    ).where(
        Delivery.status.in_((DeliveryStatus.QUEUED, DeliveryStatus.SENDING)),
        func.coalesce(Delivery.sending_at, Delivery.queued_at) <= stale(at),
        Delivery.id.not_in(at_work("deliver", "delivery_id")),
    )


def _carry_on(session: Session, removal: Removal, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    enqueue(session, "carry_out_removal", account_id=removal.account_id, removal_id=removal.id)


def _invite_on(session: Session, found: Import, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    enqueue(session, "carry_out_import", account_id=found.account_id, import_id=found.id)


def _ring(session: Session, job: Job, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    job.status, job.ring_at = JobStatus.WAITING, job.not_before
    if job.not_before <= at:
        ring_for(session, job)


def _send(session: Session, delivery: Delivery, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    enqueue(session, "deliver", account_id=delivery.account_id, delivery_id=delivery.id)


CHECKS = [
    Check(
        name="removal_unfinished",
        kind=SweepKind.WORK,
        severity=Severity.HIGH,
        breach=N_("A removal never finished, and no job carries it on."),
        remedy=N_("queue what is left of the removal again"),
        subject=Removal,
        find=_removal,
        mend=_carry_on,
    ),
    Check(
        name="import_unfinished",
        kind=SweepKind.WORK,
        severity=Severity.MEDIUM,
        breach=N_("A list of people was confirmed, and no job invites those that are left."),
        remedy=N_("let a job carry it on"),
        subject=Import,
        find=_import,
        mend=_invite_on,
    ),
    Check(
        name="job_past_deadline",
        kind=SweepKind.WORK,
        severity=Severity.MEDIUM,
        breach=N_("A job is long due, and nobody has taken it up."),
        remedy=N_("ring for the job again"),
        subject=Job,
        find=_job,
        mend=_ring,
    ),
    Check(
        name="delivery_stuck",
        kind=SweepKind.WORK,
        severity=Severity.MEDIUM,
        breach=N_("A mail is neither sent nor given up, and no job works on it."),
        remedy=N_("queue the mail again, under the same Message-ID"),
        subject=Delivery,
        find=_delivery,
        mend=_send,
    ),
]
