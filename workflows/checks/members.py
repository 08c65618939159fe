"""Memberships that should have ended, and sessions of people who have none left."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import (
    Account,
    Grant,
    Group,
    Membership,
    MembershipStatus,
    Message,
    Removal,
    Severity,
    SweepKind,
    User,
    UserSession,
    settings,
)
from models.language import N_
from workflows.checks.check import Breaches, Check, is_left_behind, stale
from workflows.expire import end_memberships
from workflows.leave import has_nothing_left
from workflows.sign_in import end_session


def has_none(user_id: InstrumentedAttribute[int], at: datetime) -> ColumnElement[bool]:
    """SQL for: this user has no membership left, and no removal is busy ending one."""
    return has_nothing_left(user_id, ~is_left_behind(at))


def last_account(user_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """SQL for: the account that this user joined last. One they were only invited to must not learn of them (R6)."""
    joined = select(Membership.account_id).where(Membership.user_id == user_id, Membership.activated_at.is_not(None))
    return joined.order_by(Membership.id.desc()).limit(1).scalar_subquery()


def _past_end(at: datetime) -> Breaches:
    return _present(Membership.ends_at <= stale(at), Membership.ends_at)


def _of_closed_account(_: datetime) -> Breaches:
    return _present(Account.closed_at.is_not(None), Account.closed_at)


def _dormant(at: datetime) -> Breaches:
    since = at - timedelta(days=settings().dormant_days)
    wrote = exists().where(Message.author_id == Membership.id, Message.created_at > since)
    holds = exists().where(Grant.membership_id == Membership.id, Grant.revoked_at.is_(None))
    returned = exists().where(Removal.id == Membership.removal_id, Removal.undone_at > since)
    seen_at = func.coalesce(Membership.seen_at, Membership.activated_at, Membership.created_at)
    quiet = (seen_at <= since) & (func.coalesce(Membership.activated_at, Membership.created_at) <= since)
    guest = (Membership.status == MembershipStatus.ACTIVE) & (Membership.group == Group.FREE)
    return _present(guest & Account.closed_at.is_(None) & quiet & ~holds & ~wrote & ~returned, Membership.seen_at)


def _present(condition: ColumnElement[bool], *why: Any) -> Breaches:  # noqa: ANN401
    return (
        select(
            Membership.id.label("object_id"),
            Membership.account_id.label("account_id"),
            User.email.label("person"),
            Membership.group,
            Membership.status,
            *why,
        )
        .join(User, User.id == Membership.user_id)
        .join(Account, Account.id == Membership.account_id)
        .where(Membership.status != MembershipStatus.DELETED, condition)
    )


def _session_without_membership(at: datetime) -> Breaches:
    return (
        select(
            UserSession.id.label("object_id"),
            last_account(UserSession.user_id).label("account_id"),
            UserSession.user_id,
            User.email.label("person"),
            UserSession.created_at.label("signed_in_at"),
            UserSession.seen_at,
        )
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.ended_at.is_(None), UserSession.expires_at > at, has_none(UserSession.user_id, at))
    )


def _end(session: Session, membership: Membership, /, *, at: datetime, by: Membership | None) -> None:
    end_memberships(session, [membership], at=at, by=by)


def _end_session(session: Session, found: UserSession, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    end_session(session, found.id)


CHECKS = [
    Check(
        name="membership_past_end",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("A membership stands although its end date has passed."),
        remedy=N_("remove the membership and all it holds"),
        subject=Membership,
        find=_past_end,
        mend=_end,
    ),
    Check(
        name="membership_of_closed_account",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("A membership stands although its account is closed."),
        remedy=N_("remove the membership and all it holds"),
        subject=Membership,
        find=_of_closed_account,
        mend=_end,
    ),
    Check(
        name="session_without_membership",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("Somebody who has no membership left is still signed in."),
        remedy=N_("end the session"),
        subject=UserSession,
        find=_session_without_membership,
        mend=_end_session,
    ),
    Check(
        name="guest_dormant",
        kind=SweepKind.ACCESS,
        severity=Severity.LOW,
        breach=N_("A guest has no card, and was not active for a long time."),
        remedy=N_("remove the guest"),
        subject=Membership,
        find=_dormant,
        mend=_end,
    ),
]
