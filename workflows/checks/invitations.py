"""Invitations that should be over, and links of people who have nothing to open with them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import Session, aliased

from models import (
    Group,
    Invitation,
    InvitationStatus,
    Link,
    LinkPurpose,
    Membership,
    MembershipStatus,
    Severity,
    SweepKind,
    User,
)
from models.language import N_
from workflows.checks.check import Breaches, Check, is_left_behind, stale
from workflows.checks.members import has_none, last_account
from workflows.close import close_invitations

Invitee = aliased(Membership)


def _past_expiry(at: datetime) -> Breaches:
    return _pending(Invitation.expires_at <= stale(at), Invitation.expires_at)


def _without_inviter(at: datetime) -> Breaches:
    demoted = (Membership.status != MembershipStatus.DELETED) & (Membership.group != Group.ADMIN)
    return _pending(or_(is_left_behind(at), demoted), Membership.status, Membership.group, Membership.deleted_at)


def _pending(condition: ColumnElement[bool], *why: Any) -> Breaches:  # noqa: ANN401
    return (
        select(
            Invitation.id.label("object_id"),
            Invitation.account_id.label("account_id"),
            Invitation.membership_id,
            Invitation.email_typed.label("invitee"),
            Invitation.inviter_id,
            *why,
        )
        .outerjoin(Membership, Membership.id == Invitation.inviter_id)
        .where(Invitation.status == InvitationStatus.PENDING, condition)
    )


def _link_without_membership(at: datetime) -> Breaches:
    over = Link.invitation_id.is_not(None) & or_(
        Invitation.status.is_distinct_from(InvitationStatus.PENDING), is_left_behind(at, Invitee)
    )
    # Only a person who was new has a link to activate: no account may learn that from a finding (R6).
    account_id = case((Link.purpose == LinkPurpose.RESET, last_account(Link.user_id)), else_=None)
    return (
        select(
            Link.id.label("object_id"),
            account_id.label("account_id"),
            Link.purpose,
            Link.user_id,
            User.email.label("person"),
            Link.invitation_id,
            Invitation.status.label("invitation"),
            Link.created_at,
            Link.expires_at,
        )
        .join(User, User.id == Link.user_id)
        .outerjoin(Invitation, Invitation.id == Link.invitation_id)
        .outerjoin(Invitee, Invitee.id == Invitation.membership_id)
        .where(
            Link.used_at.is_(None),
            Link.revoked_at.is_(None),
            Link.expires_at > at,
            or_(over, has_none(Link.user_id, at)),
        )
    )


def _expire(session: Session, invitation: Invitation, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    close_invitations(session, [invitation.id], InvitationStatus.EXPIRED, by=by)


def _cancel(session: Session, invitation: Invitation, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    close_invitations(session, [invitation.id], InvitationStatus.CANCELLED, by=by, outcome="inviter gone")


def _revoke(session: Session, link: Link, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    link.revoked_at = at


CHECKS = [
    Check(
        name="invitation_past_expiry",
        kind=SweepKind.INVITATIONS,
        severity=Severity.MEDIUM,
        breach=N_("An invitation is pending although its time is over."),
        remedy=N_("expire the invitation with its links and mail"),
        subject=Invitation,
        find=_past_expiry,
        mend=_expire,
    ),
    Check(
        name="invitation_without_inviter",
        kind=SweepKind.INVITATIONS,
        severity=Severity.HIGH,
        breach=N_("An invitation is pending although its inviter may not invite any more."),
        remedy=N_("cancel the invitation with its links and mail"),
        subject=Invitation,
        find=_without_inviter,
        mend=_cancel,
    ),
    Check(
        name="link_without_membership",
        kind=SweepKind.INVITATIONS,
        severity=Severity.HIGH,
        breach=N_("A mailed link is open although there is nothing left to open with it."),
        remedy=N_("revoke the link"),
        subject=Link,
        find=_link_without_membership,
        mend=_revoke,
    ),
]
