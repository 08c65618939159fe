"""One invariant: the query that finds its breaches, and the verb that mends one of them (R61)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Row, Select, cast, false, func, or_, select
from sqlalchemy.orm import Session

from models import (
    Base,
    Job,
    JobStatus,
    Membership,
    MembershipStatus,
    Removal,
    RemovalStatus,
    Severity,
    SweepKind,
    settings,
)
from models.base import BigId

Breaches = Select[*tuple[Any, ...]]


class Find(Protocol):
    """Select object_id, account_id, and the evidence in further columns: one row for each breach at that moment."""

    def __call__(self, at: datetime, /) -> Breaches: ...


class Mend(Protocol):
    """Mend one object, which the caller has locked, by the workflow that owns it."""

    def __call__(self, session: Session, found: Any, /, *, at: datetime, by: Membership | None) -> object: ...  # noqa: ANN401


@dataclass(frozen=True)
class Check:
    """What must hold, how to find where it does not, and how to mend that."""

    name: str
    kind: SweepKind
    severity: Severity
    breach: str
    remedy: str
    subject: type[Base]
    find: Find
    mend: Mend

    def breaches(
        self, at: datetime, *, account_id: int | None = None, among: Select[int] | Sequence[int] | None = None
    ) -> Breaches:
        """Return the query at a moment, confined to one account and to some objects where these are given."""
        found = self.find(at)
        if account_id is not None:
            found = found.where(found.selected_columns.account_id == account_id)
        return found if among is None else found.where(self.subject.id.in_(among))

    def rows(self, *, account_id: int | None) -> Select[int]:
        """Return the query that counts the rows looked at, of one account where it is given."""
        columns, counted = self.subject.__table__.c, select(func.count()).select_from(self.subject)
        if account_id is None:
            return counted
        # Sessions and links are people's: how many there are would tell who was known before (R6).
        return counted.where(columns.account_id == account_id if "account_id" in columns else false())


def evidence(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """Return the further columns of a breach as plain JSON values."""
    return {name: _plain(value) for name, value in row._mapping.items() if name not in {"object_id", "account_id"}}  # noqa: SLF001


def stale(at: datetime) -> datetime:
    """Return the moment before which work must have begun to count as left undone."""
    return at - timedelta(minutes=settings().sweep_grace_minutes)


def is_left_behind(at: datetime, of: type[Membership] = Membership) -> ColumnElement[bool]:
    """SQL for: the membership is missing, or deleted with no removal busy closing what it held."""
    busy = select(Removal.id).where(Removal.status == RemovalStatus.RUNNING, is_in_hand(at))
    unattended = of.removal_id.is_(None) | of.removal_id.not_in(busy)
    return or_(of.id.is_(None), (of.status == MembershipStatus.DELETED) & unattended)


def is_in_hand(at: datetime) -> ColumnElement[bool]:
    """SQL for: the removal is young, or has a job that will carry it on."""
    return (Removal.requested_at > stale(at)) | Removal.id.in_(at_work("carry_out_removal", "removal_id"))


def at_work(actor: str, argument: str) -> Select[int]:
    """Select the ids that an actor's unfinished jobs are about."""
    about = Job.arguments[argument].as_string()
    return select(cast(about, BigId)).where(
        Job.actor == actor, Job.status.in_((JobStatus.WAITING, JobStatus.RUNNING)), about.is_not(None)
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value) if isinstance(value, StrEnum) else value
