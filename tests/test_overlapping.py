"""Whoever comes second sees what the first has done, though both began before either was done."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import (
    AuditEvent,
    Card,
    CardField,
    CardKind,
    Database,
    Delivery,
    DeliveryStatus,
    Event,
    Grant,
    Membership,
    Notification,
)
from tests.overlapping import overlapping
from tests.people import Lead, Person, Team, make_card, make_guest
from workflows.compose import Letter
from workflows.converse import say
from workflows.deliver import prepare
from workflows.refusals import NotFound
from workflows.tend import delete_card, edit_fields


@pytest.fixture
def card(database: Database, team: Team) -> Lead:
    return make_card(database, team)


@pytest.fixture
def guest(database: Database, team: Team) -> Person:
    return make_guest(database, team)


def test_r22_a_digest_about_to_be_sent_waits_for_the_message_that_relies_on_it(
    database: Database, team: Team, card: Lead, guest: Person
) -> None:
    address = addressing(team, card, guest)
    delivery_id = queued_digest(database, address)

    with overlapping(database, address, lambda session: prepare(session, delivery_id)) as prepared:
        letter = prepared.result()

    assert isinstance(letter, Letter)
    assert set(letter.notification_ids) == notifications(database)


def test_r22_a_message_written_while_a_digest_is_sent_is_in_the_next_one(
    database: Database, team: Team, card: Lead, guest: Person
) -> None:
    address = addressing(team, card, guest)
    delivery_id = queued_digest(database, address)

    with overlapping(database, lambda session: prepare(session, delivery_id), address) as said:
        said.result()

    with database.reading() as session:
        queued = select(func.count(Delivery.id)).where(Delivery.status == DeliveryStatus.QUEUED)
        assert session.scalar(queued) == 1


def addressing(team: Team, card: Lead, *guests: Person) -> Callable[[Session], object]:
    """Return what addresses guests on a card."""

    def address(session: Session) -> object:
        by = session.get_one(Membership, team.member.membership_id)
        to = [guest.membership_id for guest in guests]
        return say(session, session.get_one(Card, card.id), by=by, text="Look", to=to)

    return address


def queued_digest(database: Database, address: Callable[[Session], object]) -> int:
    with database.transaction() as session:
        address(session)
        session.flush()
        return session.scalars(select(Delivery.id)).one()


def notifications(database: Database) -> set[int]:
    with database.reading() as session:
        return set(session.scalars(select(Notification.id)))


def test_r56_a_card_that_is_deleted_while_a_guest_is_given_it_stays_closed(
    database: Database, team: Team, card: Lead, guest: Person
) -> None:
    with overlapping(database, addressing(team, card, guest), deleting(team, card)) as deleted:
        deleted.result()

    assert left_of(database, card) == {}
    assert recorded(database, Event.GRANT_REVOKED) == 1


def test_r56_a_guest_is_not_given_a_card_that_is_being_deleted(
    database: Database, team: Team, card: Lead, guest: Person
) -> None:
    with overlapping(database, deleting(team, card), addressing(team, card, guest)) as said:
        assert isinstance(said.exception(), NotFound)

    assert left_of(database, card) == {}


def test_r70_a_card_that_two_delete_is_deleted_once(database: Database, team: Team, card: Lead) -> None:
    with overlapping(database, deleting(team, card), deleting(team, card)) as again:
        assert isinstance(again.exception(), NotFound)

    assert recorded(database, Event.CARD_DELETED) == 1


def test_two_who_edit_different_fields_of_a_card_keep_both(database: Database, team: Team, card: Lead) -> None:
    with database.transaction() as session:
        labels = ["Budget", "Wanted by"]
        fields = [CardField(account_id=team.id, kind=CardKind.LEAD, label=label) for label in labels]
        session.add_all(fields)
    budget, wanted_by = (str(field.id) for field in fields)

    with overlapping(database, setting(team, card, budget, "9"), setting(team, card, wanted_by, "May")) as second:
        second.result()

    with database.reading() as session:
        assert session.get_one(Card, card.id).values == {budget: "9", wanted_by: "May"}


def setting(team: Team, card: Lead, field: str, value: str) -> Callable[[Session], object]:
    """Return what sets one field of a card that was read before, as a page that is sent does."""

    def edit(session: Session) -> None:
        by, on = session.get_one(Membership, team.member.membership_id), session.get_one(Card, card.id)
        edit_fields(session, on, by=by, values={field: value})

    return edit


def deleting(team: Team, card: Lead) -> Callable[[Session], object]:
    def delete(session: Session) -> None:
        by = session.get_one(Membership, team.admin.membership_id)
        delete_card(session, session.get_one(Card, card.id), by=by)

    return delete


def left_of(database: Database, card: Lead) -> dict[str, int]:
    """Count what a deleted card must not leave behind."""
    wanted = {
        "grants": (Grant.card_id == card.id) & Grant.revoked_at.is_(None),
        "notifications": Notification.card_id == card.id,
    }
    with database.reading() as session:
        counts = {name: session.scalar(select(func.count()).where(what)) or 0 for name, what in wanted.items()}
    return {name: count for name, count in counts.items() if count}


def recorded(database: Database, event: Event) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count(AuditEvent.id)).where(AuditEvent.event == event)) or 0
