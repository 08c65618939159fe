"""A removal can be undone: whoever it ended returns, to what it closed and to nothing else (R58)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from models import AuditEvent, Event, Grant, Membership, Notification, Removal, now
from tests.inviting import Admin, activate, fresh, invited, second_admin
from tests.listening import listening
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, give, queue_a_mail, receipt_of, undo
from tests.stack import Stack

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


def test_r58_who_was_invited_again_since_is_not_doubled(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    inviting = Admin(stack, team)
    receipt_of(admin, removed := delete_users(admin, team, guest))
    assert inviting.invite(guest.email).status_code == 303

    refused = undo(admin, removed)

    assert refused.status_code == 409
    assert "was invited again since" in refused.text
    # That invitation cancelled, nothing stands in the way, and the person is one row.
    assert inviting.cancel(guest.email).status_code == 303
    assert undo(admin, removed).status_code == 303
    row = inviting.row(guest.email)
    assert (row.status, row.membership_id) == ("joined", guest.membership_id)
    assert inviting.invite(guest.email).status_code == 409


def test_r58_who_had_not_joined_is_to_be_invited_again_and_the_others_return(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    invited(stack, Admin(stack, team), nora := fresh())
    seat = Admin(stack, team).row(nora)
    late = stack.guest(team, name="Lena Late")
    with stack.database.transaction() as session:
        session.get_one(Membership, late.membership_id).ends_at = now() + timedelta(days=9)
    removed = Admin(stack, team).delete(guest.membership_id, seat.membership_id, late.membership_id)
    receipt_of(admin, removed)
    with stack.database.transaction() as session:
        session.get_one(Membership, late.membership_id).ends_at = now()
    page = admin.follow(removed).text
    assert all(said in page for said in ("had not joined yet", "a day that has passed", "Invite again"))

    assert undo(admin, removed).status_code == 303

    rows = Admin(stack, team).rows()
    assert [rows[each].status for each in (guest.email, nora, late.email)] == ["joined", "removed", "removed"]
    assert stack.client(guest).get(oak.path).is_success
    undone = receipt_of(admin, removed)["undone"]["people"]
    assert [each["returned"] for each in undone] == [True, False, False]


def test_r58_a_removal_of_nobody_who_can_return_is_not_undone(stack: Stack) -> None:
    team = stack.account()
    admin = Admin(stack, team)
    link = invited(stack, admin, nora := fresh())
    receipt_of(admin.browser, removed := admin.delete(admin.row(nora).membership_id))

    refused = undo(admin.browser, removed)

    assert refused.status_code == 409
    assert "had not joined yet" in refused.text
    assert "Undo removal" not in refused.text
    assert activate(stack, link).status_code == 410
    assert receipt_of(admin.browser, removed)["undone"] is None


def test_r58_colleagues_return_as_what_they_were(stack: Stack) -> None:
    team = stack.account()
    bea, oak = second_admin(stack, team), stack.card(team)
    admin = stack.client(team.admin)
    stack.client(bea).post(f"{oak.path}/notes", text="Sanded twice")
    stack.client(team.member).post(f"{team.path}/direct/{team.admin.membership_id}", text="See you at nine")
    receipt_of(admin, removed := delete_users(admin, team, bea, team.member))
    assert ">removed<" in admin.get(oak.path).text

    assert undo(admin, removed).status_code == 303

    assert ">removed<" not in admin.get(oak.path).text
    assert stack.client(bea).get(f"{team.path}/settings/users").is_success
    member = stack.client(team.member)
    assert "See you at nine" in member.get(f"{team.path}/direct/{team.admin.membership_id}").text
    assert member.get(f"{team.path}/settings/users").status_code == 403


def test_r58_it_is_for_the_accounts_own_admins_and_for_thirty_days(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, removed := delete_users(admin, team, guest))
    stranger = stack.account()
    elsewhere = removed.headers["Location"].replace(team.path, stranger.path)
    assert undo(stack.client(team.member), removed).status_code in REFUSED
    assert undo(stack.client(stranger.admin), removed).status_code in REFUSED
    assert stack.client(stranger.admin).post(f"{elsewhere}/undo").status_code == 404
    its = update(Removal).where(Removal.id == int(removed.headers["Location"].rpartition("/")[2]))

    for days, status in ((31, 409), (29, 303)):
        with stack.database.transaction() as session:
            session.execute(its.values(requested_at=now() - timedelta(days=days)))
        assert ("Undo removal" in admin.follow(removed).text) is (status == 303)
        assert undo(admin, removed).status_code == status
    assert stack.client(guest).get(oak.path).is_success


def test_r58_whose_sponsor_has_gone_is_sponsored_by_who_brings_them_back(stack: Stack) -> None:
    team = stack.account()
    bea = second_admin(stack, team)
    admin, guest = stack.client(team.admin), stack.guest(team)
    with stack.database.transaction() as session:
        session.get_one(Membership, guest.membership_id).sponsor_id = bea.membership_id
    receipt_of(admin, removed := delete_users(admin, team, guest))
    receipt_of(admin, delete_users(admin, team, bea))

    assert undo(admin, removed).status_code == 303

    with stack.database.reading() as session:
        assert session.get_one(Membership, guest.membership_id).sponsor_id == team.admin.membership_id


def count(stack: Stack, what: Any) -> int:
    with stack.database.reading() as session:
        return session.scalar(select(func.count()).where(what)) or 0
