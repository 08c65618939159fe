"""Whoever is invited again after a removal is somebody new, and has back only what the admin restores (R13)."""

from sqlalchemy import select

from models import AuditEvent, Event, Grant, Membership
from tests.inviting import Admin, fresh, invited
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, give, receipt_of
from tests.stack import Stack
from workflows.sweep import sweep_now


def test_r13_without_the_tick_closed_grants_stay_closed(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))

    assert Admin(stack, team).invite(guest.email).status_code == 303

    page = stack.client(guest)
    row = Admin(stack, team).row(guest.email)
    assert (row.status, row.membership_id > guest.membership_id) == ("joined", True)
    assert page.get(oak.path).status_code in REFUSED


def test_r13_the_page_lists_what_would_come_back_and_the_tick_restores_it(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    ash, gone, inviting = stack.card(team, name="Ash stool"), stack.card(team, name="Gone bench"), Admin(stack, team)
    give(admin, ash, guest)
    give(admin, gone, guest)
    admin.post(f"{ash.path}/participants/{guest.membership_id}/remove")
    receipt_of(admin, delete_users(admin, team, guest))
    admin.post(f"{gone.path}/delete")

    assert f"{guest.membership_id}/again" in admin.get(inviting.page).text
    page = admin.get(f"{inviting.page}/{guest.membership_id}/again").text
    assert all(said in page for said in ("Restore previous access", oak.name, elm.name, guest.email))
    assert not any(said in page for said in (ash.name, gone.name))
    answer = inviting.invite(guest.email, restore="yes", again=str(guest.membership_id))

    assert answer.status_code == 303
    # Until they accept, it waits for them.
    assert "invited</span>" in admin.get(oak.path).text
    guest_page = stack.client(guest)
    assert [guest_page.get(card.path).is_success for card in (oak, elm, ash)] == [True, True, False]


def test_r13_restored_grants_are_new_point_to_their_messages_and_please_every_sweep(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))
    Admin(stack, team).invite(guest.email, restore="yes")
    seat = Admin(stack, team).row(guest.email)

    with stack.database.reading() as session:
        of = select(Grant).order_by(Grant.id)
        old = session.scalars(of.where(Grant.membership_id == guest.membership_id)).all()
        new = session.scalars(of.where(Grant.membership_id == seat.membership_id)).all()
        made = select(AuditEvent.object_id).where(AuditEvent.event == Event.GRANT_MADE)
        told = set(session.scalars(made.where(AuditEvent.outcome == "restored", AuditEvent.account_id == team.id)))
    assert [(each.card_id, each.message_id) for each in new] == [(each.card_id, each.message_id) for each in old]
    assert all(each.revoked_at for each in old)
    assert told == {each.id for each in new}
    found = [each for each in sweep_now(stack.database).findings if each.account_id == team.id]
    assert found == []


def test_r13_what_was_not_restored_at_first_can_still_be(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    inviting = Admin(stack, team)
    receipt_of(admin, delete_users(admin, team, guest))
    inviting.invite(guest.email)
    receipt_of(admin, inviting.delete(inviting.row(guest.email).membership_id))
    inviting.invite(guest.email)
    assert inviting.cancel(guest.email).status_code == 303

    again = admin.get(f"{inviting.page}/{inviting.row(guest.email).membership_id}/again").text
    assert oak.name in again
    assert inviting.invite(guest.email, restore="yes").status_code == 303

    assert stack.client(guest).get(oak.path).is_success


def test_r13_grants_that_waited_for_somebody_who_never_joined_can_be_restored(stack: Stack) -> None:
    team = stack.account()
    admin, oak = Admin(stack, team), stack.card(team)
    invited(stack, admin, nora := fresh())
    seat = admin.row(nora)
    give_to = admin.browser.post(f"{oak.path}/chat", text="Look", to=[str(seat.membership_id)])
    assert give_to.status_code == 303
    receipt_of(admin.browser, admin.delete(seat.membership_id))

    assert admin.invite(nora, restore="yes").status_code == 303

    assert f'<li data-membership-id="{admin.row(nora).membership_id}">' in admin.browser.get(oak.path).text


def test_r13_the_tick_gives_nothing_to_who_was_never_here_nor_to_another_group(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))
    elsewhere = Admin(stack, stack.account())

    assert elsewhere.invite(guest.email, restore="yes").status_code == 303
    assert elsewhere.invite(fresh(), restore="yes").status_code == 303
    assert Admin(stack, team).invite(guest.email, group="member", restore="yes").status_code == 303

    theirs = [row.membership_id for each in (elsewhere, Admin(stack, team)) for row in each.rows().values()]
    with stack.database.reading() as session:
        assert session.scalars(select(Grant.id).where(Grant.membership_id.in_(theirs))).all() == []


def test_r13_a_refused_form_stays_on_its_page_with_what_was_ticked(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))
    inviting, about = Admin(stack, team), {"restore": "yes", "again": str(guest.membership_id)}

    refused = inviting.invite(guest.email, expires_on="yesterday", **about)

    assert refused.status_code == 422
    assert oak.name in refused.text
    assert 'value="yes" checked' in refused.text
    assert inviting.invite(guest.email, restore="perhaps").status_code == 422
    assert inviting.row(guest.email).status == "removed"


def test_r13_the_page_is_about_former_users_of_the_own_account(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))
    other = stack.account()

    for who, path in ((team.member, team.path), (other.admin, team.path), (other.admin, other.path)):
        page = stack.client(who).get(f"{path}/settings/users/{guest.membership_id}/again")
        assert page.status_code in REFUSED
        assert guest.email not in page.text
    # Who is a user now is on the list of them.
    assert admin.get(f"{team.path}/settings/users/{team.member.membership_id}/again").status_code == 303
    with stack.database.reading() as session:
        assert session.get_one(Membership, guest.membership_id).is_removed
