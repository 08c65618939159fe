"""Compose a letter from what is true now, or say why it must not be sent any more (R3 to R5, R22)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import Row, bindparam, exists, func, insert, select, update
from sqlalchemy.orm import Session

from models import (
    Group,
    Invitation,
    Link,
    LinkPurpose,
    Membership,
    MembershipStatus,
    Template,
    User,
    Writes,
    settings,
)
from models.account import zone
from models.language import ENGLISH, N_, known
from workflows.detect import detect
from workflows.sign_in import is_operator
from workflows.tokens import bounce_address, digest, token_for


@dataclass(frozen=True)
class Letter:
    """All that a mail says, checked at the moment of sending; holds a live token, so it is never stored or logged."""

    template: Template
    to: str
    mail_id: str
    context: Mapping[str, Any] = field(repr=False)
    # Whose list of people shows what becomes of it.
    account_id: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Of the envelope, where failures are reported; empty: the From header's.
    sender: str = ""
    notification_ids: tuple[int, ...] = ()
    language: str = ENGLISH


NOTHING = Writes((), {})


@dataclass(frozen=True)
class Composed:
    """A letter, and what must be written down with its sending."""

    letter: Letter
    writes: Writes = field(default=NOTHING, repr=False)


@dataclass(frozen=True)
class Obstacle:
    """Why a mail that was queued is not wanted any more."""

    reason: str


def shown_name(membership: Any, user: Any) -> Any:  # noqa: ANN401
    """SQL for the name of somebody who has joined: their own, else the one their inviter typed, else the address."""
    return func.coalesce(func.nullif(user.name, ""), func.nullif(membership.name, ""), user.email)


# Made once: building a statement costs as much as running it. Names are long, for all are bound together.
DETECTED = (
    update(Invitation)
    .where(Invitation.id == bindparam("detected_id"))
    .values(
        was_registered=bindparam("detected_registered"),
        detection_reason=bindparam("detected_reason"),
        detected_at=bindparam("sent_at"),
    )
)
LINKED = insert(Link).values(
    user_id=bindparam("link_user_id"),
    invitation_id=bindparam("link_invitation_id"),
    purpose=bindparam("link_purpose"),
    address=bindparam("link_address"),
    digest=bindparam("link_digest"),
    created_at=bindparam("sent_at"),
    expires_at=bindparam("link_expires_at"),
)


def compose_invitation(session: Session, row: Row[Any], *, at: datetime) -> Composed:
    """Return the letter for a new or an existing person, with the decision and its reason (R3)."""
    found = detect(has_password=row.has_password, mailbox_proved_at=row.mailbox_proved_at)
    decision = {
        "sent_at": at,
        "detected_id": row.invitation_id,
        "detected_registered": found.is_registered,
        "detected_reason": found.reason,
    }
    context = {
        "inviter": row.inviter,
        "inviter_address": row.inviter_address,
        "account": row.account,
        "login": row.to_address,
        "is_guest": row.group is Group.FREE,
        "expires_at": _local(row, row.expires_at),
        "days": max(1, -((at - row.expires_at) // timedelta(days=1))),
    }
    is_reminder = row.template is Template.REMINDER
    if is_reminder:
        context["is_new"] = not found.is_registered
    if found.is_registered:
        link = f"{settings().base_url}/login?next={quote('/notifications', safe='')}"
        kind = Template.REMINDER if is_reminder else Template.INVITATION_EXISTING
        return Composed(letter(row, kind, link=link, **context), Writes((DETECTED,), decision))
    token, linked = _link(session, row, row.user_id, LinkPurpose.ACTIVATE, row.expires_at)
    kind = Template.REMINDER if is_reminder else Template.INVITATION_NEW
    new = letter(row, kind, link=f"{settings().base_url}/activate/{token}", **context)
    return Composed(new, Writes((DETECTED, *linked.statements), {**decision, **linked.bound}))


def compose_reset(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:
    """Return the letter with a link to a new password, if somebody is registered with the address."""
    user = session.scalars(select(User).where(User.email == row.to_address)).one_or_none()
    if user is None or not user.is_registered:
        return Obstacle(N_("nobody is registered with this address"))
    held = exists().where(Membership.user_id == user.id, Membership.status != MembershipStatus.DELETED)
    if not session.scalar(select(held)) and not is_operator(user):
        return Obstacle(N_("there is no account left to sign in to"))
    hours = settings().reset_hours
    expires_at = row.queued_at + timedelta(hours=hours)
    if expires_at <= at:
        return Obstacle(N_("asked for too long ago"))
    token, linked = _link(session, row, user.id, LinkPurpose.RESET, expires_at)
    link = f"{settings().base_url}/password/reset/{token}"
    context = {"link": link, "login": row.to_address, "hours": hours, "expires_at": _local(row, expires_at)}
    return Composed(letter(row, Template.PASSWORD_RESET, **context), linked)


def compose_changed(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:  # noqa: ARG001
    """Return the notice to a person that their password is another, so that they know if it was not them."""
    if not session.scalar(select(exists().where(User.email == row.to_address))):
        return Obstacle(N_("nobody has this address any more"))
    link = f"{settings().base_url}/password/forgot"
    context = {"link": link, "login": row.to_address, "changed_at": _local(row, row.queued_at)}
    return Composed(letter(row, Template.PASSWORD_CHANGED, **context))


def letter(
    row: Row[Any],
    template: Template,
    *,
    headers: Mapping[str, str] | None = None,
    notification_ids: tuple[int, ...] = (),
    **context: Any,  # noqa: ANN401
) -> Letter:
    """Return the letter of a delivery's row."""
    account_id = row.account_id if row.invitation_id else None
    sender = bounce_address(row.id) if settings().bounces else ""
    about = (account_id, headers or {}, sender, notification_ids, known(row.language))
    return Letter(template, row.to_address, row.mail_id, context, *about)


def _local(row: Row[Any], at: datetime) -> datetime:
    """Return the moment in the time zone of the mail's account."""
    return at.astimezone(zone(row.time_zone or ""))


def _link(
    session: Session, row: Row[Any], user_id: int, purpose: LinkPurpose, expires_at: datetime
) -> tuple[str, Writes]:
    """Return the mail's token, with what stores its digest at the first try; every further one sends the same."""
    token = token_for(purpose, row.mail_id)
    stored = digest(token)
    # A delivery that was never being sent has no link yet, and needs no look.
    if row.sending_at is not None and session.scalar(select(exists().where(Link.digest == stored))):
        return token, NOTHING
    bound = {
        "link_user_id": user_id,
        "link_invitation_id": row.invitation_id,
        "link_purpose": purpose,
        "link_address": row.to_address,
        "link_digest": stored,
        "link_expires_at": expires_at,
    }
    return token, Writes((LINKED,), bound)
