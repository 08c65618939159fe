"""Whoever uses any page was here, in that account; who uses the notification center was in all of theirs."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from models import Group, Membership, UserSession, now
from tests.people import Person, Team, make_person
from tests.stack import Stack
from workflows.checks import CHECKS

LONG_AGO = timedelta(days=400)
# Longer than a look is worth noting, shorter than it takes to be signed out.
A_WHILE_AGO = timedelta(hours=6)


def test_r61_a_guest_who_uses_the_notification_center_alone_is_not_dormant(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client(guest)
    forget(stack, guest)
    assert guest.membership_id in dormant(stack)

    assert browser.get("/notifications").is_success

    assert guest.membership_id not in dormant(stack)
    assert now() - seen(stack, guest) < timedelta(minutes=1)
    assert now() - signed_in_seen(stack, guest) < timedelta(minutes=1)


def test_r61_who_works_in_one_account_was_not_seen_in_another(stack: Stack) -> None:
    here, elsewhere = stack.account(), stack.account()
    there = make_person(stack.database, elsewhere.id, here.member.email, here.member.name, Group.FREE)
    browser = stack.client(here.member)
    forget(stack, here.member)

    assert browser.get(f"{here.path}/leads").is_success

    assert now() - seen(stack, here.member) < timedelta(minutes=1)
    assert now() - signed_in_seen(stack, here.member) < timedelta(minutes=1)
    assert now() - seen(stack, there) > LONG_AGO
    assert browser.get("/notifications").is_success
    assert now() - seen(stack, there) < timedelta(minutes=1)


def test_r61_presence_is_written_once_in_a_while(stack: Stack) -> None:
    team: Team = stack.account()
    browser = stack.client(team.member)
    forget(stack, team.member)
    browser.get("/notifications")
    first = seen(stack, team.member), signed_in_seen(stack, team.member)

    browser.get("/notifications")
    browser.get(f"{team.path}/leads")

    assert (seen(stack, team.member), signed_in_seen(stack, team.member)) == first


def forget(stack: Stack, person: Person) -> None:
    """Let a person have joined and been seen long ago."""
    at = now() - LONG_AGO - timedelta(days=1)
    joined = update(Membership).where(Membership.user_id == person.user_id)
    signed_in = update(UserSession).where(UserSession.user_id == person.user_id)
    with stack.database.transaction() as session:
        session.execute(joined.values(created_at=at, activated_at=at, seen_at=at))
        session.execute(signed_in.values(seen_at=now() - A_WHILE_AGO))


def dormant(stack: Stack) -> list[int]:
    with stack.database.reading() as session:
        return [found.object_id for found in session.execute(CHECKS["guest_dormant"].find(now()))]


def seen(stack: Stack, person: Person) -> datetime:
    with stack.database.reading() as session:
        return session.scalars(select(Membership.seen_at).where(Membership.id == person.membership_id)).one()


def signed_in_seen(stack: Stack, person: Person) -> datetime:
    with stack.database.reading() as session:
        return session.scalars(select(UserSession.seen_at).where(UserSession.user_id == person.user_id)).one()
