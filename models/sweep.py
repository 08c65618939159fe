"""One pass over all invariants, and the breaches it found."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, now


class SweepKind(StrEnum):
    """What a sweep looks after; each has its own cron line in the settings (R60)."""

    ACCESS = "access"
    INVITATIONS = "invitations"
    WORK = "work"


class Severity(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Sweep(Base):
    """One run, of one kind or (when empty) of all; of one account or (when empty) of every one.

    `looked` holds the checks that are over, each with the rows that it was the first to look at.
    """

    __tablename__ = "sweeps"

    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[SweepKind | None]
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    rows: Mapped[int] = mapped_column(default=0)
    looked: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    findings: Mapped[list["Finding"]] = relationship(back_populates="sweep", order_by="Finding.id")

    @property
    def seconds(self) -> float:
        """How long it took, or takes until now."""
        return ((self.finished_at or now()) - self.started_at).total_seconds()


class Finding(Base):
    """One breach of one invariant, with the evidence, and what became of it."""

    __tablename__ = "findings"
    __table_args__ = (Index("ix_findings_object", "check", "object_id"),)

    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    check: Mapped[str] = mapped_column(String(64))
    severity: Mapped[Severity]
    object_id: Mapped[int] = mapped_column(BigId)
    evidence: Mapped[dict[str, Any]]
    found_at: Mapped[datetime] = mapped_column(default=now)
    repaired_at: Mapped[datetime | None]

    sweep: Mapped[Sweep] = relationship(back_populates="findings")


class Tick(Base):
    """A moment of a schedule that some clock has taken; the unique index lets only one take it."""

    __tablename__ = "ticks"
    __table_args__ = (Index("uq_ticks_once", "schedule", "due_at", unique=True),)

    schedule: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    is_catch_up: Mapped[bool] = mapped_column(default=False)
    # The schedule's next moment but one: by then a run after this must have succeeded.
    overdue_at: Mapped[datetime | None]
