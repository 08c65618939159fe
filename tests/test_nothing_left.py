"""Who has nothing left, who may come in without anything, and what proof of it costs (R52, R54, R57)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from models import Card, Database, Invitation, Link, LinkPurpose, Membership, Removal, UserSession, now
from tests.people import Lead, Person, Team, make_card, make_guest, make_team
from tests.rows import invitation_to, mail_link, sign_in
from workflows.activate import reset_password
from workflows.cascade import advance_removal
from workflows.close import expire_invitations
from workflows.converse import say
from workflows.correspond import is_reachable, write_direct
from workflows.invite import cancel_invitation
from workflows.receipt import write_receipt
from workflows.refusals import NotWritable
from workflows.revoke import preview_removal, remove
from workflows.sweep import sweep_now
from workflows.tokens import digest


def test_r54_an_operator_stays_signed_in_without_an_account(
    database: Database, team: Team, choose: Callable[..., None]
) -> None:
    operator, guest = make_guest(database, team), make_guest(database, team)
    choose(operators=operator.email)
    with database.transaction() as session:
        for each in (operator, guest):
            sign_in(session, each.user_id)
            mail_link(session, each.user_id, LinkPurpose.RESET)

    people, by_id = [operator.membership_id, guest.membership_id], team.admin.membership_id
    with database.transaction() as session:
        by = session.get_one(Membership, by_id)
        assert preview_removal(session, people, by=by).sessions == 1
        removal = remove(session, people, by=by)
    with database.transaction() as session:
        assert not advance_removal(session, removal.id)

    with database.reading() as session:
        assert session.scalars(select(UserSession.user_id).where(UserSession.ended_at.is_(None))).all() == [
            operator.user_id
        ]
        assert session.scalars(select(Link.user_id).where(Link.revoked_at.is_(None))).all() == [operator.user_id]
        assert session.get_one(Removal, removal.id).ended["sessions"]["rows"] == 1
    assert sweep_now(database).findings == []


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_r53_who_stayed_signed_in_for_an_invitation_alone_is_signed_out_with_it(
    database: Database, team: Team, end: str
) -> None:
    elsewhere, guest = make_team(database), make_guest(database, team)
    with database.transaction() as session:
        sign_in(session, guest.user_id)
        mail_link(session, guest.user_id, LinkPurpose.RESET)
        invitation = invitation_to(session, elsewhere, guest.email)
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        removal = remove(session, [guest.membership_id], by=by)
    with database.transaction() as session:
        assert not advance_removal(session, removal.id)
    with database.transaction() as session:
        # The invitation is a way in still, and a sign-in is worth something.
        assert open_ends(session, guest) == (1, 1)
        if end == "cancelled":
            cancel_invitation(session, invitation.id, by=session.get_one(Membership, elsewhere.admin.membership_id))
        else:
            session.get_one(Invitation, invitation.id).expires_at = now() - timedelta(hours=1)
            session.flush()
            expire_invitations(session)

    with database.reading() as session:
        assert open_ends(session, guest) == (0, 0)
    assert sweep_now(database).findings == []


def test_r57_the_proof_of_a_removal_costs_as_many_statements_for_many_as_for_two(
    database: Database, team: Team
) -> None:
    costs = {count: cost_of_receipt(database, team, count) for count in (2, 12)}

    assert costs[12] == costs[2]


def test_r57_the_proof_of_a_removal_tells_what_is_still_open(database: Database, team: Team) -> None:
    guest, oak, elm = make_guest(database, team), make_card(database, team), make_card(database, team, name="Elm chair")
    with database.transaction() as session:
        give(session, team, [guest], oak)
        give(session, team, [guest], elm)
        membership = session.get_one(Membership, guest.membership_id)
        removal = Removal(account_id=team.id)
        session.add(removal)
        session.flush()
        # As if the removal had ended nothing.
        membership.removal_id = removal.id
        session.flush()
        (person,) = write_receipt(session, removal)["people"]

    assert [probe["asked"] for probe in person["probes"]] == [
        "Open the lead “Oak table”",
        "Open the lead “Elm chair”",
        "Enter the account",
        "Use an open grant",
        "Read notifications",
    ]
    assert not any(probe["refused"] for probe in person["probes"])


def test_r33_nobody_writes_to_whose_access_has_ended(database: Database, team: Team) -> None:
    guest = make_guest(database, team)
    with database.transaction() as session:
        membership = session.get_one(Membership, guest.membership_id)
        assert is_reachable(membership)
        membership.ends_at = now() - timedelta(minutes=1)
        assert not is_reachable(membership)
        with pytest.raises(NotWritable):
            write_direct(
                session, membership.id, by=session.get_one(Membership, team.member.membership_id), text="Hello"
            )


def test_a_link_that_was_revoked_before_keeps_the_time_of_that(database: Database, team: Team) -> None:
    revoked_at = now() - timedelta(hours=1)
    with database.transaction() as session:
        links = [mail_link(session, team.member.user_id, LinkPurpose.RESET) for _ in range(3)]
        links[0].revoked_at, links[1].digest = revoked_at, digest("the token")
    with database.transaction() as session:
        reset_password(session, "the token", password_hash="no hash")  # noqa: S106

    with database.reading() as session:
        before, used, other = (session.get_one(Link, link.id) for link in links)
    assert before.revoked_at == revoked_at
    assert (used.revoked_at, other.used_at) == (None, None)
    assert other.revoked_at is not None


def cost_of_receipt(database: Database, team: Team, count: int) -> int:
    """Return how many statements the receipt of so many guests takes, who held two cards each."""
    guests = [make_guest(database, team) for _ in range(count)]
    cards = [make_card(database, team) for _ in range(2)]
    with database.transaction() as session:
        for card in cards:
            give(session, team, guests, card)
        by = session.get_one(Membership, team.admin.membership_id)
        removal = remove(session, [guest.membership_id for guest in guests], by=by)
    with database.reading() as session, counted(database) as statements:
        assert len(write_receipt(session, session.get_one(Removal, removal.id))["people"]) == count
    return len(statements)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*about: Any) -> None:
        statements.append(about[2])

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def give(session: Session, team: Team, guests: Sequence[Person], card: Lead) -> None:
    by, to = session.get_one(Membership, team.admin.membership_id), [guest.membership_id for guest in guests]
    say(session, session.get_one(Card, card.id), by=by, text="Look", to=to)


def open_ends(session: Session, person: Person) -> tuple[int | None, int | None]:
    """Return how many sessions and links of a person are open."""
    signed_in = select(func.count()).where(UserSession.user_id == person.user_id, UserSession.ended_at.is_(None))
    links = select(func.count()).where(
        Link.user_id == person.user_id, Link.used_at.is_(None), Link.revoked_at.is_(None)
    )
    return session.scalar(signed_in), session.scalar(links)
