"""Sweep: look for breaches of every invariant, report them, and mend those that are asked for (R60 to R62)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session, selectinload

from models import Database, Event, Finding, Membership, Sweep, SweepKind, enqueue, now, record, settings
from workflows.alarm import alarm
from workflows.checks import CHECKS, Check, evidence
from workflows.permissions import Action, permit
from workflows.refusals import NotFound

REPAIR_BATCH = 100
FINDINGS_BATCH = 5000


@dataclass(frozen=True)
class Plan:
    """What the repair of a finding would do now; nothing where it is no longer a breach."""

    finding: Finding
    breach: str
    remedy: str
    is_needed: bool


def begin_sweep(session: Session, *, kind: SweepKind | None = None, by: Membership | None = None) -> Sweep:
    """Record a sweep and its job; of every kind where none is named. An admin sweeps their own account."""
    sweep = _open(session, kind=kind, by=by)
    enqueue(session, "sweep", account_id=sweep.account_id, sweep_id=sweep.id)
    return sweep


def run_sweep(session: Session, sweep_id: int) -> bool:
    """Take one bounded step: look by one check and write down what is found, or mend a batch of what mends itself.

    Returns whether to call again. A sweep that has looked does not look again.
    """
    sweep = session.get(Sweep, sweep_id, with_for_update=True)
    if sweep is None:
        return False
    if sweep.finished_at is None:
        left = (each for each in CHECKS.values() if sweep.kind in {None, each.kind} and each.name not in sweep.looked)
        if check := next(left, None):
            _look(session, sweep, check)
            return True
        _finish(session, sweep)
        session.flush()
        alarm(session, sweep)
    return bool(settings().sweep_repair) and repair_all(session, sweep.id, checks=settings().sweep_repair)


def dry_run(
    session: Session, sweep_id: int, *, by: Membership | None = None, most: int = 50, page: int = 0
) -> list[Plan]:
    """Return what repairing a page of a sweep's findings would do, changing nothing. Raises NotFound for another's."""
    waiting = _waiting(sweep_id, list(CHECKS), _reach(session, sweep_id, by)).order_by(Finding.id)
    findings = session.scalars(waiting.limit(most).offset(page * most)).all()
    at, still = now(), set[tuple[str, int]]()
    for name in {each.check for each in findings}:
        again = CHECKS[name].breaches(at, among=[each.object_id for each in findings if each.check == name])
        still.update((name, row.object_id) for row in session.execute(again))
    of = [(each, CHECKS[each.check]) for each in findings]
    return [Plan(each, check.breach, check.remedy, (check.name, each.object_id) in still) for each, check in of]


def count_waiting(session: Session, sweep_id: int, *, by: Membership | None = None) -> int:
    """Return how many of this sweep's findings are not mended. Raises NotFound for another's."""
    waiting = _waiting(sweep_id, list(CHECKS), _reach(session, sweep_id, by))
    return session.scalars(waiting.with_only_columns(func.count())).one()


def repair_all(
    session: Session, sweep_id: int, *, by: Membership | None = None, checks: Iterable[str] | None = None
) -> bool:
    """Mend a bounded batch of a sweep's findings, of these checks or of all; return whether to call again."""
    account_id = _reach(session, sweep_id, by)
    waiting = _waiting(sweep_id, list(CHECKS if checks is None else checks), account_id)
    batch = session.scalars(waiting.order_by(Finding.id).limit(REPAIR_BATCH)).all()
    _hold_members(session, batch)
    for finding in batch:
        repair_finding(session, finding.id, by=by)
    return len(batch) == REPAIR_BATCH


def repair_finding(session: Session, finding_id: int, *, by: Membership | None = None) -> bool:
    """Look at the object again under lock, and mend it; return False if it is no longer a breach.

    The finding is settled either way. Raises NotFound for another account's.
    """
    if by is not None:
        permit(session, by, Action.SWEEP)
    finding = session.get(Finding, finding_id)
    if finding is None or (by is not None and finding.account_id != by.account_id):
        raise NotFound
    _hold_members(session, [finding])
    session.refresh(finding, with_for_update=True)
    check, at = CHECKS.get(finding.check), now()
    if check is None or finding.repaired_at is not None:
        return False
    finding.repaired_at = at
    found = session.get(check.subject, finding.object_id, with_for_update={"key_share": True}, populate_existing=True)
    again = check.breaches(at, account_id=finding.account_id, among=[finding.object_id])
    if session.execute(again).first() is None:
        return False
    check.mend(session, found, at=at, by=by)
    about: dict[str, Any] = {"check": check.name, "of": finding.object_id, "remedy": check.remedy}
    record(session, Event.FINDING_REPAIRED, finding.id, account_id=finding.account_id, by=by, **about)
    return True


def sweep_now(database: Database) -> Sweep:
    """Run every check over every account, in the caller's own time, and return the sweep with its findings."""
    with database.transaction() as session:
        sweep_id = _open(session).id
    _until_done(database, lambda session: run_sweep(session, sweep_id))
    return _with_findings(database, sweep_id)


def sweep_and_repair(database: Database) -> Sweep:
    """Run every check and mend what it finds; return the sweep with its findings, each with its `repaired_at`."""
    sweep_id = sweep_now(database).id
    _until_done(database, lambda session: repair_all(session, sweep_id))
    return _with_findings(database, sweep_id)


def _open(session: Session, *, kind: SweepKind | None = None, by: Membership | None = None) -> Sweep:
    sweep = Sweep(kind=kind)
    if by is not None:
        permit(session, by, Action.SWEEP)
        sweep.account_id, sweep.requested_by_id = by.account_id, by.id
    session.add(sweep)
    session.flush()
    return sweep


def _look(session: Session, sweep: Sweep, check: Check) -> None:
    """Write a batch of the check's breaches down as findings; those that are there already are the cursor."""
    last = select(func.max(Finding.object_id)).where(Finding.sweep_id == sweep.id, Finding.check == check.name)
    beyond = check.subject.id > (session.scalar(last) or 0)
    breaches = check.breaches(now(), account_id=sweep.account_id).where(beyond)
    rows = session.execute(breaches.order_by(check.subject.id).limit(FINDINGS_BATCH)).all()
    about = {"sweep_id": sweep.id, "check": check.name, "severity": check.severity}
    found = [{"account_id": row.account_id, "object_id": row.object_id, "evidence": evidence(row)} for row in rows]
    if found:
        session.execute(insert(Finding), [{**about, **each} for each in found])
    if len(found) < FINDINGS_BATCH:
        before = {each.subject for each in CHECKS.values() if each.name in sweep.looked}
        more = 0 if check.subject in before else session.scalars(check.rows(account_id=sweep.account_id)).one()
        sweep.looked = {**sweep.looked, check.name: more}


def _finish(session: Session, sweep: Sweep) -> None:
    sweep.rows, sweep.finished_at = sum(sweep.looked.values()), now()
    counts = select(Finding.check, func.count()).where(Finding.sweep_id == sweep.id).group_by(Finding.check)
    found = {name: count for name, count in session.execute(counts)}
    about: dict[str, Any] = {"found": found, "rows": sweep.rows, "seconds": round(sweep.seconds, 3)}
    by = session.get(Membership, sweep.requested_by_id) if sweep.requested_by_id else None
    record(session, Event.SWEEP_FINISHED, sweep.id, account_id=sweep.account_id, by=by, **about)


def _reach(session: Session, sweep_id: int, by: Membership | None) -> int | None:
    """Return the account whose findings of this sweep may be mended; None is every one. Raises NotFound."""
    sweep = session.get(Sweep, sweep_id)
    if by is not None:
        permit(session, by, Action.SWEEP)
    if sweep is None or (by is not None and sweep.account_id not in {None, by.account_id}):
        raise NotFound
    return by.account_id if by is not None else sweep.account_id


def _waiting(sweep_id: int, checks: list[str], account_id: int | None) -> Select[Finding]:
    unmended = select(Finding).where(Finding.sweep_id == sweep_id, Finding.repaired_at.is_(None))
    unmended = unmended.where(Finding.check.in_(checks))
    return unmended if account_id is None else unmended.where(Finding.account_id == account_id)


def _hold_members(session: Session, findings: Sequence[Finding]) -> None:
    """Hold the memberships that these findings concern, in the order of their ids: every verb locks them first."""
    concerned: set[int] = set()
    for name in {finding.check for finding in findings} & CHECKS.keys():
        subject = CHECKS[name].subject
        member = Membership.id if subject is Membership else subject.__table__.c.get("membership_id")
        if member is not None:
            objects = [finding.object_id for finding in findings if finding.check == name]
            concerned.update(session.scalars(select(member).where(subject.id.in_(objects), member.is_not(None))))
    held = select(Membership.id).where(Membership.id.in_(concerned)).order_by(Membership.id)
    session.execute(held.with_for_update(key_share=True))


def _until_done(database: Database, step: Callable[[Session], bool]) -> None:
    is_left = True
    while is_left:
        with database.transaction() as session:
            is_left = step(session)


def _with_findings(database: Database, sweep_id: int) -> Sweep:
    with database.reading() as session:
        return session.get_one(Sweep, sweep_id, options=[selectinload(Sweep.findings)])
