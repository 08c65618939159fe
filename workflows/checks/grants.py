"""Grants that give, or would give, access they should not."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from models import Addressee, Card, Grant, Membership, Message, Severity, SweepKind, User
from models.language import N_
from workflows.checks.check import Breaches, Check, is_left_behind, stale
from workflows.revoke import close_grants

Before = aliased(Membership)


def _without_live_membership(at: datetime) -> Breaches:
    elsewhere = Membership.account_id != Grant.account_id
    return _open(or_(is_left_behind(at), elsewhere), Membership.status, Membership.deleted_at)


def _on_deleted_card(_: datetime) -> Breaches:
    elsewhere = Card.account_id != Grant.account_id
    return _open(or_(Card.id.is_(None), Card.deleted_at.is_not(None), elsewhere), Card.deleted_at)


def _past_end(at: datetime) -> Breaches:
    return _open(Grant.ends_at <= stale(at), Grant.ends_at)


def _without_message(_: datetime) -> Breaches:
    # Whoever returned after a removal holds their cards by the messages to who they were before it (R13).
    same = select(Before.id).where(Before.account_id == Membership.account_id, Before.user_id == Membership.user_id)
    addressed = (Addressee.membership_id == Grant.membership_id) | Addressee.membership_id.in_(
        same.correlate(Membership)
    )
    # A message that was edited or deleted by its author keeps its row, and its grant (R20).
    made = exists().where(
        Message.id == Grant.message_id,
        Message.card_id == Grant.card_id,
        Addressee.message_id == Message.id,
        addressed,
    )
    of_card = select(Message.card_id).where(Message.id == Grant.message_id).scalar_subquery()
    return _open(~made, Grant.message_id, of_card.label("message_of_card_id"))


def _open(condition: ColumnElement[bool], *why: Any) -> Breaches:  # noqa: ANN401
    return (
        select(
            Grant.id.label("object_id"),
            Grant.account_id.label("account_id"),
            Grant.membership_id,
            User.email.label("person"),
            Grant.card_id,
            Card.name.label("card"),
            Grant.granted_at,
            *why,
        )
        .outerjoin(Membership, Membership.id == Grant.membership_id)
        .outerjoin(User, User.id == Membership.user_id)
        .outerjoin(Card, Card.id == Grant.card_id)
        .where(Grant.revoked_at.is_(None), condition)
    )


def _close(session: Session, grant: Grant, /, *, at: datetime, by: Membership | None) -> None:
    close_grants(session, [grant.id], at=at, by=by, outcome="found by a sweep")


def _close_at_end(session: Session, grant: Grant, /, *, at: datetime, by: Membership | None) -> None:
    close_grants(session, [grant.id], at=grant.ends_at or at, by=by, outcome="ended")


CHECKS = [
    Check(
        name="grant_without_live_membership",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("A grant is open although its membership has ended."),
        remedy=N_("close the grant"),
        subject=Grant,
        find=_without_live_membership,
        mend=_close,
    ),
    Check(
        name="grant_on_deleted_card",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("A grant is open although its card is deleted."),
        remedy=N_("close the grant"),
        subject=Grant,
        find=_on_deleted_card,
        mend=_close,
    ),
    Check(
        name="grant_past_end",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("A grant is open although its end date has passed."),
        remedy=N_("close the grant as of its end date"),
        subject=Grant,
        find=_past_end,
        mend=_close_at_end,
    ),
    Check(
        name="grant_without_message",
        kind=SweepKind.ACCESS,
        severity=Severity.HIGH,
        breach=N_("No message to this person on this card explains why the grant is open."),
        remedy=N_("close the grant"),
        subject=Grant,
        find=_without_message,
        mend=_close,
    ),
]
