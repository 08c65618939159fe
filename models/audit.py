"""The append-only record of who did what to whom."""

from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, insert, literal, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base, BigId, now
from models.membership import Membership

request_id: ContextVar[str] = ContextVar("request_id", default="")


class Event(StrEnum):
    """What can be recorded: object and past participle."""

    ACCOUNT_FOUNDED = "account.founded"
    INVITATION_MADE = "invitation.made"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_CANCELLED = "invitation.cancelled"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_EXPIRED = "invitation.expired"
    DELIVERY_SENT = "delivery.sent"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_CANCELLED = "delivery.cancelled"
    PASSWORD_SET = "password.set"  # noqa: S105
    SIGNED_IN = "session.started"
    SIGN_IN_REFUSED = "session.refused"
    SESSIONS_ENDED = "session.ended"
    GRANT_MADE = "grant.made"
    GRANT_REVOKED = "grant.revoked"
    ACCESS_REFUSED = "access.refused"
    CARD_CREATED = "card.created"
    CARD_DELETED = "card.deleted"
    REMOVAL_REQUESTED = "removal.requested"
    REMOVAL_FINISHED = "removal.finished"
    SWEEP_FINISHED = "sweep.finished"
    FINDING_REPAIRED = "finding.repaired"
    JOB_REPLAYED = "job.replayed"
    JOB_DISCARDED = "job.discarded"
    JOBS_PAUSED = "jobs.paused"
    JOBS_RESUMED = "jobs.resumed"


class AuditEvent(Base):
    """One line of the record. Nothing in it is secret."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_account", "account_id", "id"),)

    at: Mapped[datetime] = mapped_column(default=now)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    event: Mapped[Event]
    object_id: Mapped[int | None] = mapped_column(BigId)
    outcome: Mapped[str] = mapped_column(String(200), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


def record(
    session: Session,
    event: Event,
    object_id: int | None = None,
    *,
    account_id: int | None = None,
    by: Membership | None = None,
    outcome: str = "",
    **details: Any,  # noqa: ANN401
) -> None:
    """Write one audit event in the caller's transaction (R70). Details are plain JSON values, never secrets."""
    if account_id is None and by is not None:
        account_id = by.account_id
    about = {"actor_id": by.id if by else None, "outcome": outcome, "details": details}
    session.add(AuditEvent(**_line(event, object_id, account_id), **about))


def record_each(
    session: Session,
    event: Event,
    objects: Select[int, int],
    *,
    by: Membership | None = None,
    outcome: str = "",
    **details: Any,  # noqa: ANN401
) -> None:
    """Do the same for each id and account id that are selected, in one statement."""
    chosen = objects.subquery()
    object_id, account_id = chosen.c
    alike = {"at": now(), "outcome": outcome, "details": details, "actor_id": by.id if by else None}
    alike |= {"event": event, "request_id": request_id.get()}
    columns = AuditEvent.__table__.c
    values = [literal(value, columns[name].type) for name, value in alike.items()]
    lines = select(object_id, account_id, *values).select_from(chosen)
    session.execute(insert(AuditEvent).from_select(["object_id", "account_id", *alike], lines, include_defaults=False))


def record_briefly(session: Session, event: Event, object_id: int, *, account_id: int | None, outcome: str) -> None:
    """Do the same for what nobody did and has no details, past the session, whose flush costs more than the mail."""
    session.connection().execute(_BRIEFLY, {**_line(event, object_id, account_id), "outcome": outcome, "details": {}})


# Nobody asks for the id.
_BRIEFLY = insert(AuditEvent).inline()


def _line(event: Event, object_id: int | None, account_id: int | None) -> dict[str, Any]:
    return {"account_id": account_id, "event": event, "object_id": object_id, "request_id": request_id.get()}
