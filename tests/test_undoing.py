"""A removal can be undone: whoever it ended returns, to what it closed and to nothing else (R58)."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from models import AuditEvent, Event, Grant, Notification, now
from tests.inviting import Admin
from tests.listening import listening
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, give, queue_a_mail, receipt_of, undo
from tests.stack import Stack
from workflows.sweep import sweep_now

# Live pages are promised within one.
SOON = 1.0


def test_r58_membership_and_the_grants_that_the_removal_closed_return(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    taken_before = stack.card(team, name="Ash stool")
    give(admin, taken_before, guest)
    admin.post(f"{taken_before.path}/participants/{guest.membership_id}/remove")
    receipt_of(admin, removed := delete_users(admin, team, guest))

    with listening(admin) as stream:
        answer = undo(admin, removed)
        stream.wait("users", within=SOON, account=team.slug)

    assert (answer.status_code, answer.headers["Location"]) == (303, removed.headers["Location"])
    row = Admin(stack, team).row(guest.email)
    assert (row.status, row.membership_id) == ("joined", guest.membership_id)
    page = stack.client(guest)
    assert all(page.get(card.path).is_success for card in (oak, elm))
    assert page.get(taken_before.path).status_code in REFUSED
    assert f'<li data-membership-id="{guest.membership_id}">' in admin.get(oak.path).text


def test_r58_what_ended_beside_the_grants_stays_ended(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    page = stack.client(guest)
    queue_a_mail(stack, guest)
    receipt_of(admin, removed := delete_users(admin, team, guest))
    stack.idle()
    mails = len(stack.mails_now(guest.email))

    assert undo(admin, removed).status_code == 303

    stack.idle()
    assert page.get(oak.path).status_code in REFUSED
    assert len(stack.mails_now(guest.email)) == mails
    assert count(stack, Notification.membership_id == guest.membership_id) == 0


def test_r58_the_receipt_says_that_it_was_undone_and_stays_true(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    before = receipt_of(admin, removed := delete_users(admin, team, guest))
    page = admin.follow(removed).text
    assert before["undone"] is None
    assert all(said in page for said in ("Undo removal", oak.name))

    undo(admin, removed)

    after = receipt_of(admin, removed)
    assert {**after, "undone": None} == before
    undone = after["undone"]
    assert (undone["by"], undone["people"][0]["email"]) == (team.admin.email, guest.email)
    assert (undone["people"][0]["returned"], undone["people"][0]["cards"]) == (True, 2)
    assert datetime.fromisoformat(before["finished_at"]) < datetime.fromisoformat(undone["at"]) <= now()
    page = admin.follow(removed).text
    assert all(said in page for said in ("Removal undone", team.admin.name, guest.name, "2 leads and customers"))
    assert "Undo removal" not in page


def test_r58_undoing_is_recorded_and_every_card_keeps_the_message_that_gave_it(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, removed := delete_users(admin, team, guest))
    undo(admin, removed)

    with stack.database.reading() as session:
        grants = session.scalars(
            select(Grant).where(Grant.membership_id == guest.membership_id).order_by(Grant.id)
        ).all()
        told = select(AuditEvent).where(AuditEvent.account_id == team.id).order_by(AuditEvent.id)
        undone = session.scalars(told.where(AuditEvent.event == Event.REMOVAL_UNDONE)).all()
        made = session.scalars(told.where(AuditEvent.event == Event.GRANT_MADE, AuditEvent.outcome == "restored")).all()
    closed, opened = grants[:2], grants[2:]
    assert [each.revoked_at is None for each in grants] == [False, False, True, True]
    assert {(each.card_id, each.message_id) for each in opened} == {(each.card_id, each.message_id) for each in closed}
    assert [(each.object_id, each.details, each.actor_id) for each in undone] == [
        (
            int(removed.headers["Location"].rpartition("/")[2]),
            {"membership": guest.membership_id},
            team.admin.membership_id,
        )
    ]
    assert {each.object_id for each in made} == {each.id for each in opened}
    assert [each for each in sweep_now(stack.database).findings if each.account_id == team.id] == []
    page = admin.get(f"{team.path}/audit").text
    assert f"undid the removal of {guest.name}" in page
    assert "as before the removal" in page


def test_r58_undoing_twice_is_once_and_never_undoes_a_later_removal(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, first := delete_users(admin, team, guest))
    assert [undo(admin, first).status_code for _ in range(2)] == [303, 303]
    assert count(stack, (Grant.membership_id == guest.membership_id) & Grant.revoked_at.is_(None)) == 2

    receipt_of(admin, second := delete_users(admin, team, guest))
    assert second.headers["Location"] != first.headers["Location"]
    assert undo(admin, first).status_code == 303

    assert Admin(stack, team).row(guest.email).status == "removed"
    assert "All that Gwen Guest could reach is closed" in admin.get(f"{team.path}/audit").text
    assert undo(admin, second).status_code == 303
    assert stack.client(guest).get(oak.path).is_success


def test_r58_what_has_ended_for_another_reason_since_does_not_return(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    ash = stack.card(team, name="Ash stool")
    give(admin, ash, guest)
    receipt_of(admin, removed := delete_users(admin, team, guest))
    assert admin.post(f"{elm.path}/delete").status_code == 303
    with stack.database.transaction() as session:
        its = update(Grant).where(Grant.membership_id == guest.membership_id, Grant.card_id == ash.id)
        session.execute(its.values(ends_at=now()))

    assert undo(admin, removed).status_code == 303

    page = stack.client(guest)
    assert [page.get(each.path).status_code in REFUSED for each in (oak, ash)] == [False, True]
    assert count(stack, (Grant.membership_id == guest.membership_id) & Grant.revoked_at.is_(None)) == 1


def count(stack: Stack, what: Any) -> int:
    with stack.database.reading() as session:
        return session.scalar(select(func.count()).where(what)) or 0


def test_r56_a_card_taken_away_after_the_removal_does_not_return(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    member = stack.client(team.member)
    receipt_of(admin, removed := delete_users(admin, team, guest))

    # From a page that was open before the removal.
    taken = f"{oak.path}/participants/{guest.membership_id}/remove"
    assert [member.post(taken).status_code for _ in range(2)] == [303, 303]
    again = admin.get(f"{team.path}/settings/users/{guest.membership_id}/again").text
    assert (oak.name in again, elm.name in again) == (False, True)
    assert undo(admin, removed).status_code == 303

    browser = stack.client(guest)
    assert browser.get(oak.path).status_code in REFUSED
    assert browser.get(elm.path).is_success
    with stack.database.reading() as session:
        lines = select(AuditEvent.actor_id).where(
            AuditEvent.event == Event.GRANT_REVOKED, AuditEvent.account_id == team.id, AuditEvent.outcome == "revoked"
        )
        assert session.scalars(lines).all() == [team.member.membership_id]
