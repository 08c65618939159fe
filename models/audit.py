"""The append-only record of who did what to whom."""

from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Insert, Select, String, bindparam, insert, select
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
    DELIVERY_BOUNCED = "delivery.bounced"
    DELIVERY_DELAYED = "delivery.delayed"
    PASSWORD_SET = "password.set"  # noqa: S105
    SIGNED_IN = "session.started"
    SIGN_IN_REFUSED = "session.refused"
    SESSIONS_ENDED = "session.ended"
    END_SET = "end.set"
    EXTENSION_ASKED = "extension.asked"
    GRANT_MADE = "grant.made"
    GRANT_REVOKED = "grant.revoked"
    ACCESS_REFUSED = "access.refused"
    CARD_CREATED = "card.created"
    CARD_DELETED = "card.deleted"
    REMOVAL_REQUESTED = "removal.requested"
    REMOVAL_FINISHED = "removal.finished"
    REMOVAL_UNDONE = "removal.undone"
    REVIEW_OPENED = "review.opened"
    REVIEW_KEPT = "review.kept"
    REVIEW_ENDED = "review.ended"
    REVIEW_UNANSWERED = "review.unanswered"
    IMPORT_BEGUN = "import.begun"
    IMPORT_CANCELLED = "import.cancelled"
    IMPORT_FINISHED = "import.finished"
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


_ALIKE = ("at", "actor_id", "event", "outcome", "request_id", "details")


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
    about = {"account_id": account_id, "actor_id": by.id if by else None, "request_id": request_id.get()}
    session.add(AuditEvent(event=event, object_id=object_id, outcome=outcome, details=details, **about))


def record_each(
    session: Session,
    event: Event,
    objects: Select[int, int] | Select[int, int | None],
    *,
    by: Membership | None = None,
    outcome: str = "",
    **details: Any,  # noqa: ANN401
) -> None:
    """Do the same for each id and account id that are selected, in one statement."""
    session.execute(lines_about(objects), in_lines(event, by=by, outcome=outcome, **details))


def lines_about(objects: Select[int, int] | Select[int, int | None]) -> Insert:
    """Return what writes a line for each id and account id selected, bound to what `in_lines` returns."""
    chosen, table = objects.subquery(), AuditEvent.metadata.tables[AuditEvent.__tablename__]
    bound = [bindparam(f"line_{name}", type_=table.c[name].type) for name in _ALIKE]
    lines = select(*chosen.c, *bound).select_from(chosen)
    # The table, not its class: the ORM knows nothing of parameters that name no column.
    return insert(table).from_select(["object_id", "account_id", *_ALIKE], lines, include_defaults=False)


def in_lines(event: Event, *, by: Membership | None = None, outcome: str = "", **details: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what such lines have in common."""
    alike = (now(), by.id if by else None, event, outcome, request_id.get(), details)
    return {f"line_{name}": value for name, value in zip(_ALIKE, alike, strict=True)}
