"""Who returns when a removal is undone, who does not, and who may undo it, until when (R58)."""

from datetime import timedelta

from sqlalchemy import update

from models import Membership, Removal, now
from tests.inviting import Admin, activate, fresh, invited, second_admin
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, receipt_of, undo
from tests.stack import Stack


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


def test_r56_an_older_removal_undone_brings_nobody_back_past_a_later_one(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    inviting = Admin(stack, team)
    receipt_of(admin, first := delete_users(admin, team, guest))
    assert inviting.invite(guest.email).status_code == 303
    stack.client(guest)
    receipt_of(admin, second := inviting.delete(inviting.row(guest.email).membership_id))

    refused = undo(admin, first)

    assert refused.status_code == 409
    assert "was removed again" in refused.text
    assert stack.client().sign_in(guest.email, guest.password).status_code == 403
    assert undo(admin, second).status_code == 303
    assert stack.client(guest).get(oak.path).status_code in REFUSED


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
