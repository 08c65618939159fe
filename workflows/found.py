"""Found an account with its first admin."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, Event, Group, Membership, MembershipStatus, User, insert_once, now, record
from models.visible import one_line
from workflows.address import normalise
from workflows.refusals import BadSlug, SlugTaken
from workflows.tend import LONGEST_NAME, called

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def found_account(
    session: Session, *, slug: str, name: str, admin_email: str, password_hash: str, admin_name: str = "", **about: str
) -> Membership:
    """Found an account and return its first admin's membership.

    `about` is its language and time zone, where they are not English and UTC.
    Whoever founds it vouches for the admin's mailbox. A person who has a password already keeps it.
    Raises BadSlug, SlugTaken, BadAddress, EmptyText, TextTooLong.
    """
    if not SLUG.fullmatch(slug):
        raise BadSlug(slug[:80])
    account_id = insert_once(session, Account, slug=slug, name=called(name, LONGEST_NAME), **about)
    if account_id is None:
        raise SlugTaken(slug)
    admin = enrol(
        session, account_id, email=admin_email, name=admin_name, group=Group.ADMIN, password_hash=password_hash
    )
    record(session, Event.ACCOUNT_FOUNDED, account_id, by=admin, slug=slug)
    return admin


def enrol(
    session: Session, account_id: int, *, email: str, group: Group, password_hash: str, name: str = ""
) -> Membership:
    """Give a person an active membership without asking them, and return it. Raises BadAddress."""
    user = _person(session, normalise(email), password_hash=password_hash, name=name)
    membership = Membership(account_id=account_id, user_id=user.id, group=group, name=user.name)
    membership.status, membership.activated_at = MembershipStatus.ACTIVE, now()
    session.add(membership)
    session.flush()
    return membership


def _person(session: Session, email: str, *, password_hash: str, name: str) -> User:
    insert_once(session, User, email=email)
    user = session.scalars(select(User).where(User.email == email).with_for_update()).one()
    if not user.is_registered:
        user.password_hash, user.mailbox_proved_at = password_hash, now()
        user.name = one_line(name)[:LONGEST_NAME]
    return user
