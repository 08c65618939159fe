"""Mail those who can mend it when a sweep finds something of high severity, once for what it is new about (R63)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from models import Account, Finding, Group, Membership, Severity, Sweep, Template, User, now, settings
from models.language import N_
from workflows.checks import CHECKS
from workflows.compose import Composed, Obstacle, letter
from workflows.post import post

# What was found again within this time, and was not mended in between, is no news.
REMEMBERED = timedelta(days=1)
Earlier = aliased(Finding)


def alarm(session: Session, sweep: Sweep) -> None:
    """Queue a mail to the admins of each account with new findings; to operators about what is no account's."""
    for account_id in session.scalars(_news(sweep.id).with_only_columns(Finding.account_id).distinct()).all():
        for email, membership_id in _readers(session, account_id):
            post(
                session,
                to=email,
                template=Template.FINDINGS,
                account_id=account_id,
                membership_id=membership_id,
                sweep_id=sweep.id,
            )


def compose_findings(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:  # noqa: ARG001
    """Return what was found, to a reader who may still see it."""
    if (row.to_address, row.membership_id) not in _readers(session, row.account_id):
        return Obstacle(N_("its reader may not see what sweeps find any more"))
    account = session.get(Account, row.account_id) if row.account_id else None
    mine = _severe(row.sweep_id).where(Finding.account_id.is_not_distinct_from(row.account_id))
    counts = mine.with_only_columns(Finding.check, func.count(), func.count(Finding.repaired_at))
    found = session.execute(counts.group_by(Finding.check).order_by(func.count().desc(), Finding.check)).all()
    where = f"/a/{account.slug}/sweeps/{row.sweep_id}" if account else "/ops/jobs"
    return Composed(
        letter(
            row,
            Template.FINDINGS,
            account=account.name if account else settings().product_name,
            breaches=[(CHECKS[name].breach if name in CHECKS else name, count) for name, count, _ in found],
            count=sum(count for _, count, _ in found),
            mended=sum(mended for _, _, mended in found),
            is_account=account is not None,
            link=settings().base_url + where,
        )
    )


def _news(sweep_id: int) -> Select[Finding]:
    """Select severe findings of a sweep that were not found, and left as they are, shortly before."""
    known = exists().where(
        Earlier.check == Finding.check,
        Earlier.object_id == Finding.object_id,
        Earlier.id < Finding.id,
        Earlier.found_at > now() - REMEMBERED,
        Earlier.repaired_at.is_(None),
    )
    return _severe(sweep_id).where(~known)


def _severe(sweep_id: int) -> Select[Finding]:
    return select(Finding).where(Finding.sweep_id == sweep_id, Finding.severity == Severity.HIGH)


def _readers(session: Session, account_id: int | None) -> list[tuple[str, int | None]]:
    """Return addresses with their memberships: the account's admins, or the platform's operators."""
    if account_id is None:
        return [(each, None) for each in settings().operators]
    admins = (
        select(User.email, Membership.id)
        .join(Membership, Membership.user_id == User.id)
        .join(Account, Membership.account_id == Account.id)
        .where(Membership.account_id == account_id, Membership.group == Group.ADMIN, Membership.is_live(now()))
        .where(Account.closed_at.is_(None))
        .order_by(Membership.id)
    )
    return [(row.email, row.id) for row in session.execute(admins)]
