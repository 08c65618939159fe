"""Notifications and queued mail about what their reader cannot see."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from models import (
    Card,
    Delivery,
    DeliveryStatus,
    Event,
    Grant,
    Group,
    Membership,
    MembershipStatus,
    NewsKind,
    Notification,
    Severity,
    SweepKind,
    Template,
    User,
    announce,
    record,
)
from models.language import N_
from workflows.checks.check import Breaches, Check, is_left_behind


def _notification(at: datetime) -> Breaches:
    about_card = Notification.card_id.is_not(None)
    return _about(Notification, Notification.message_id, Notification.created_at).where(
        about_card, is_left_behind(at) | _is_hidden(Notification)
    )


def _delivery(at: datetime) -> Breaches:
    # Mail to a card's contact is not for a member to read, and an invitation is about no card.
    to_reader = (Delivery.template == Template.NOTIFICATION) | (
        Delivery.card_id.is_not(None) & Delivery.template.is_distinct_from(Template.CONTACT_MESSAGE)
    )
    hidden = is_left_behind(at) | (Delivery.card_id.is_not(None) & _is_hidden(Delivery))
    return _about(Delivery, Delivery.queued_at).where(Delivery.status == DeliveryStatus.QUEUED, to_reader, hidden)


def _about(subject: type[Notification] | type[Delivery], *why: Any) -> Breaches:  # noqa: ANN401
    return (
        select(
            subject.id.label("object_id"),
            subject.account_id.label("account_id"),
            subject.membership_id,
            Membership.status.label("membership"),
            User.email.label("person"),
            subject.card_id,
            Card.name.label("card"),
            Card.deleted_at.label("card_deleted_at"),
            *why,
        )
        .outerjoin(Membership, Membership.id == subject.membership_id)
        .outerjoin(User, User.id == Membership.user_id)
        .outerjoin(Card, Card.id == subject.card_id)
    )


def _is_hidden(subject: type[Notification] | type[Delivery]) -> ColumnElement[bool]:
    """SQL for: the card is gone or another account's, or its reader is a guest without a grant on it."""
    held = exists().where(
        Grant.membership_id == subject.membership_id, Grant.card_id == subject.card_id, Grant.revoked_at.is_(None)
    )
    outside = (Membership.status != MembershipStatus.DELETED) & (Membership.group == Group.FREE) & ~held
    return or_(Card.id.is_(None), Card.deleted_at.is_not(None), Card.account_id != Membership.account_id, outside)


def _purge(session: Session, found: Notification, /, *, at: datetime, by: Membership | None) -> None:  # noqa: ARG001
    user_id = session.scalar(select(Membership.user_id).where(Membership.id == found.membership_id))
    session.execute(delete(Notification).where(Notification.id == found.id))
    announce(session, NewsKind.NOTIFICATION, account_id=found.account_id, user_id=user_id)


def _cancel(session: Session, found: Delivery, /, *, at: datetime, by: Membership | None) -> None:
    found.status, found.ended_at = DeliveryStatus.CANCELLED, at
    record(session, Event.DELIVERY_CANCELLED, found.id, account_id=found.account_id, by=by, outcome="out of sight")


CHECKS = [
    Check(
        name="notification_out_of_sight",
        kind=SweepKind.ACCESS,
        severity=Severity.MEDIUM,
        breach=N_("A notification is about a card that its reader cannot see."),
        remedy=N_("purge the notification"),
        subject=Notification,
        find=_notification,
        mend=_purge,
    ),
    Check(
        name="delivery_out_of_sight",
        kind=SweepKind.WORK,
        severity=Severity.HIGH,
        breach=N_("A queued mail is about a card that its reader cannot see."),
        remedy=N_("cancel the mail"),
        subject=Delivery,
        find=_delivery,
        mend=_cancel,
    ),
]
