"""Sweeps that stopped being made, each watched by a sweep of another kind (R60)."""

from datetime import datetime
from typing import Any

from sqlalchemy import cast, exists, func, null, select
from sqlalchemy.orm import Session

from models import Membership, Severity, Sweep, SweepKind, Tick, enqueue
from models.base import BigId
from models.language import N_
from workflows.checks.check import Breaches, Check, Find, Mend, stale

WATCHES = {
    SweepKind.ACCESS: SweepKind.WORK,
    SweepKind.INVITATIONS: SweepKind.WORK,
    SweepKind.WORK: SweepKind.ACCESS,
}

OVERDUE = {
    SweepKind.ACCESS: N_("No sweep of access has succeeded for twice its period."),
    SweepKind.INVITATIONS: N_("No sweep of invitations has succeeded for twice its period."),
    SweepKind.WORK: N_("No sweep of work has succeeded for twice its period."),
}


def last_success(kind: SweepKind, at: datetime) -> Any:  # noqa: ANN401
    """Select when a sweep of this kind over all accounts last succeeded; what a clock put into the future is none."""
    ended = Sweep.finished_at <= at
    return select(func.max(Sweep.finished_at)).where(Sweep.kind == kind, Sweep.account_id.is_(None), ended)


def is_overdue(session: Session, kind: SweepKind, at: datetime) -> bool:
    """Return whether no sweep of this kind has succeeded for twice its period."""
    return session.execute(_overdue(kind)(at)).first() is not None


def _overdue(kind: SweepKind) -> Find:
    schedule = f"sweep-{kind}"

    def find(at: datetime) -> Breaches:
        last = last_success(kind, at).scalar_subquery()
        # The tick of the last success; where there never was one, the first tick.
        ticks = select(Tick.id).where(Tick.schedule == schedule, Tick.due_at <= at).limit(1)
        succeeded = ticks.where(Tick.due_at <= last).order_by(Tick.due_at.desc()).scalar_subquery()
        since = func.coalesce(succeeded, ticks.order_by(Tick.due_at).scalar_subquery())
        begun = exists().where(Sweep.kind == kind, Sweep.account_id.is_(None), Sweep.started_at.between(stale(at), at))
        return select(
            Tick.id.label("object_id"),
            cast(null(), BigId).label("account_id"),
            Tick.schedule,
            Tick.due_at,
            Tick.overdue_at,
            last.label("last_success_at"),
        ).where(Tick.id == since, Tick.overdue_at <= stale(at), ~begun)

    return find


def _begin(kind: SweepKind) -> Mend:
    def mend(session: Session, _: Tick, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
        sweep = Sweep(kind=kind)
        session.add(sweep)
        session.flush()
        enqueue(session, "sweep", sweep_id=sweep.id)

    return mend


CHECKS = [
    Check(
        name=f"{kind}_sweep_overdue",
        kind=watcher,
        severity=Severity.HIGH,
        breach=OVERDUE[kind],
        remedy=N_("begin one now"),
        subject=Tick,
        find=_overdue(kind),
        mend=_begin(kind),
    )
    for kind, watcher in WATCHES.items()
]
