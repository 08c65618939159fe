"""What is past its time ends by itself: memberships, grants, invitations (R11, R14, R24)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models import (
    AuditEvent,
    Database,
    Event,
    Grant,
    Invitation,
    InvitationStatus,
    Membership,
    NewsKind,
    Notification,
    Removal,
    UserSession,
    now,
)
from models.news import News
from tests.people import make_card, make_guest, make_team
from tests.rows import World, invitation_to, share, sign_in
from workflows import expire as expiry
from workflows.cascade import advance_removal
from workflows.expire import expire
from workflows.sweep import sweep_now

SOON = timedelta(hours=1)


@pytest.fixture
def world(database: Database) -> World:
    """Two accounts with a card each."""
    team, other = make_team(database), make_team(database)
    return World(team, other, make_card(database, team), make_card(database, other))


def test_r14_membership_past_its_end_is_removed_with_all_it_holds(database: Database, world: World) -> None:
    guest, staying = make_guest(database, world.team), make_guest(database, world.team)
    with database.transaction() as session:
        share(session, world, guest)
        share(session, world, staying).membership.ends_at = now() + SOON
        sign_in(session, guest.user_id)
        session.get_one(Membership, guest.membership_id).ends_at = now()
    told = _listen(database)
    with database.transaction() as session:
        assert not expire(session)
        removal = session.scalars(select(Removal)).one()
        assert (removal.account_id, removal.requested_by_id) == (world.team.id, None)
    assert (NewsKind.ACCESS, guest.user_id) in {(news.kind, news.user_id) for news in told}
    with database.transaction() as session:
        assert not advance_removal(session, removal.id)
        assert session.get_one(Membership, guest.membership_id).is_removed
        assert not session.get_one(Membership, staying.membership_id).is_removed
        held = session.scalars(select(Grant).where(Grant.revoked_at.is_(None))).all()
        assert [grant.membership_id for grant in held] == [staying.membership_id]
        assert session.scalars(select(UserSession)).one().ended_at is not None
    assert sweep_now(database).findings == []


def test_r24_grant_past_its_end_is_closed_as_of_that_moment(database: Database, world: World) -> None:
    guest, staying = make_guest(database, world.team), make_guest(database, world.team)
    ended = now() - SOON
    with database.transaction() as session:
        past = share(session, world, guest)
        past.ends_at = ended
        share(session, world, staying).ends_at = now() + SOON
    told = _listen(database)
    with database.transaction() as session:
        assert not expire(session)
    with database.reading() as session:
        assert session.get_one(Grant, past.id).revoked_at == ended
        assert [one.membership_id for one in session.scalars(select(Notification))] == [staying.membership_id]
        event = session.scalars(select(AuditEvent).where(AuditEvent.event == Event.GRANT_REVOKED)).one()
        assert (event.object_id, event.outcome, event.actor_id) == (past.id, "ended", None)
    assert (NewsKind.ACCESS, guest.user_id) in {(news.kind, news.user_id) for news in told}
    assert sweep_now(database).findings == []


def test_r11_invitation_past_its_time_expires(database: Database, world: World) -> None:
    with database.transaction() as session:
        late, fresh = [invitation_to(session, world.team, f"{name}@guests.example") for name in ("late", "fresh")]
        late.expires_at = now()
    with database.transaction() as session:
        assert not expire(session)
    with database.reading() as session:
        assert session.get_one(Invitation, late.id).status is InvitationStatus.EXPIRED
        assert session.get_one(Invitation, fresh.id).status is InvitationStatus.PENDING


def test_r11_expiry_goes_on_batch_by_batch(database: Database, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "EXPIRY_BATCH", 2)
    guests = [make_guest(database, world.team) for _ in range(5)]
    with database.transaction() as session:
        for guest in guests:
            share(session, world, guest).ends_at = now()
    steps = []
    while not steps or steps[-1]:
        with database.transaction() as session:
            steps.append(expire(session))
    assert steps == [True, True, False]


def _listen(database: Database) -> list[News]:
    told: list[News] = []
    database.on_commit(lambda _, news: told.extend(news))
    return told
