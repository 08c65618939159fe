"""Single rows to build a world of, healthy or not."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    Card,
    Delivery,
    Grant,
    Invitation,
    Link,
    LinkPurpose,
    Membership,
    User,
    UserSession,
    enqueue,
    now,
)
from tests.people import Lead, Person, Team
from workflows.converse import say
from workflows.invite import invite


@dataclass(frozen=True)
class World:
    """Two accounts; the first one is where breaches are planted."""

    team: Team
    other: Team
    card: Lead
    card_of_other: Lead


def share(session: Session, world: World, person: Person, *, ends_at: datetime | None = None) -> Grant:
    """Give a guest of the first account its card, by a message."""
    admin = session.get_one(Membership, world.team.admin.membership_id)
    say(
        session, session.get_one(Card, world.card.id), by=admin, text="Look", to=[person.membership_id], ends_at=ends_at
    )
    return session.scalars(select(Grant).where(Grant.membership_id == person.membership_id)).one()


def sign_in(session: Session, user_id: int) -> UserSession:
    """Open a session, past every check."""
    row = UserSession(user_id=user_id, digest=secrets.token_hex(32), expires_at=now() + timedelta(days=1))
    session.add(row)
    session.flush()
    return row


def mail_link(session: Session, user_id: int, purpose: LinkPurpose, invitation_id: int | None = None) -> Link:
    """Open a link, past every check."""
    address = session.get_one(User, user_id).email
    about = {"user_id": user_id, "purpose": purpose, "invitation_id": invitation_id, "address": address}
    link = Link(digest=secrets.token_hex(32), expires_at=now() + timedelta(days=1), **about)
    session.add(link)
    session.flush()
    return link


def queue_mail(session: Session, world: World, *, with_job: bool = True, **about: Any) -> Delivery:
    """Put a mail in the queue of the first account."""
    mail = Delivery(account_id=world.team.id, to_address="x@x.example", mail_id=f"<{secrets.token_hex(8)}@x>", **about)
    session.add(mail)
    session.flush()
    if with_job:
        enqueue(session, "deliver", delivery_id=mail.id)
    return mail


def invitation_to(session: Session, team: Team, email: str) -> Invitation:
    """Let the account's admin invite an address."""
    admin = session.get_one(Membership, team.admin.membership_id)
    return invite(session, by=admin, email=email, group="free")
