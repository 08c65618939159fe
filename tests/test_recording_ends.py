"""What ends together is recorded one by one, each under its own id, and nothing that ended before (R70)."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from models import (
    AuditEvent,
    Card,
    Database,
    Delivery,
    Event,
    Grant,
    InvitationStatus,
    Membership,
    UserSession,
)
from tests.people import Team, make_card, make_guest
from tests.rows import invitation_to, sign_in
from workflows.cascade import advance_removal
from workflows.close import close_invitations
from workflows.converse import say
from workflows.invite import cancel_invitation
from workflows.revoke import remove


def test_r70_mail_that_a_cancelled_invitation_takes_along_is_recorded(database: Database, team: Team) -> None:
    with database.transaction() as session:
        invitation = invitation_to(session, team, "nora@new.example")
        cancel_invitation(session, invitation.id, by=session.get_one(Membership, team.admin.membership_id))

    assert recorded(database, Event.INVITATION_CANCELLED) == [invitation.id]
    assert recorded(database, Event.DELIVERY_CANCELLED) == all_of(database, Delivery.id)


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (InvitationStatus.CANCELLED, Event.INVITATION_CANCELLED),
        (InvitationStatus.EXPIRED, Event.INVITATION_EXPIRED),
    ],
)
def test_r70_an_invitation_that_is_over_does_not_end_again(
    database: Database, team: Team, status: InvitationStatus, event: Event
) -> None:
    with database.transaction() as session:
        over = invitation_to(session, team, "nora@new.example")
        cancel_invitation(session, over.id, by=session.get_one(Membership, team.admin.membership_id))
        waiting = invitation_to(session, team, "nils@new.example")
    before = recorded(database, event)

    with database.transaction() as session:
        close_invitations(session, [over.id, waiting.id], status, outcome="removal")

    assert recorded(database, event) == [*before, waiting.id]


def test_r70_all_that_a_removal_ends_is_recorded_under_its_own_id(database: Database, team: Team) -> None:
    # Ids of different tables should differ, or one could stand for another.
    guest, card = [make_guest(database, team) for _ in range(3)][-1], make_card(database, team)
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        for _ in range(2):
            sign_in(session, guest.user_id)
        say(session, session.get_one(Card, card.id), by=by, text="Look", to=[guest.membership_id])
        removal = remove(session, [guest.membership_id], by=by)
    with database.transaction() as session:
        assert not advance_removal(session, removal.id)

    assert recorded(database, Event.SESSIONS_ENDED) == all_of(database, UserSession.id)
    assert recorded(database, Event.DELIVERY_CANCELLED) == all_of(database, Delivery.id)
    assert recorded(database, Event.GRANT_REVOKED) == all_of(database, Grant.id)


def recorded(database: Database, event: Event) -> list[int | None]:
    with database.reading() as session:
        of = select(AuditEvent.object_id).where(AuditEvent.event == event)
        return list(session.scalars(of.order_by(AuditEvent.id)))


def all_of(database: Database, column: InstrumentedAttribute[int]) -> list[int]:
    with database.reading() as session:
        found = list(session.scalars(select(column).order_by(column)))
    assert found
    return found
