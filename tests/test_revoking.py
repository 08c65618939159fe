"""Access is taken away, from one card or from all of the account, and what is shown of it (R50, R51, R54 to R59)."""

import re

import httpx
import pytest

from tests.inviting import Admin, fresh, invited, picture
from tests.listening import listening
from tests.people import Lead, Person, Team
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, give, queue_a_mail, receipt_of
from tests.stack import Stack

# The rule says one second.
SOON = 1.0


def test_r50_the_red_icon_closes_this_card_and_no_other(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    page = stack.client(guest)
    assert page.get(oak.path).is_success
    assert f'data-membership-id="{guest.membership_id}"' in admin.get(oak.path).text

    with listening(page) as stream:
        answer = admin.post(f"{oak.path}/participants/{guest.membership_id}/remove")
        assert answer.status_code == 303
        stream.wait("closed", within=SOON, account=team.slug, card=oak.id)

    assert page.get(oak.path).status_code in REFUSED
    assert page.post(f"{oak.path}/chat", text="Still here?").status_code in REFUSED
    assert "Oak table" not in page.get("/notifications").text
    assert page.get(elm.path).is_success
    assert f'data-membership-id="{guest.membership_id}"' not in admin.get(oak.path).text


def test_r50_removing_twice_is_the_same_as_once_and_a_new_message_gives_access_anew(stack: Stack) -> None:
    _, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    remove = f"{oak.path}/participants/{guest.membership_id}/remove"
    assert [admin.post(remove).status_code for _ in range(2)] == [303, 303]

    give(admin, oak, guest)

    assert stack.client(guest).get(oak.path).is_success


def test_r50_guests_and_strangers_remove_nobody(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    other = stack.guest(team, name="Otto Other")
    give(admin, oak, other)
    stranger = stack.account().admin

    for who in (other, stranger):
        answer = stack.client(who).post(f"{oak.path}/participants/{guest.membership_id}/remove")
        assert answer.status_code in REFUSED

    assert stack.client(guest).get(oak.path).is_success


def test_r51_before_deleting_the_admin_sees_what_will_end_and_nothing_has_changed(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    stack.client(guest)
    invited(stack, Admin(stack, team), nora := fresh())
    seat = Admin(stack, team).row(nora).membership_id
    queue_a_mail(stack, guest)
    before = picture(stack, team)

    preview = admin.post(f"{team.path}/settings/users/delete", ids=[str(guest.membership_id), str(seat)])

    assert preview.is_success
    assert all(text in preview.text for text in (guest.name, guest.email, nora))
    assert counts(preview) == [2, 1, 1, 1]
    assert picture(stack, team) == before


@pytest.mark.parametrize("typed", ["", "no", "0", "perhaps", "yes, but not yet"])
def test_r51_nothing_but_a_yes_confirms(stack: Stack, typed: str) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    path = f"{team.path}/settings/users/delete"

    answer = admin.post(path, ids=str(guest.membership_id), confirm=typed)

    assert answer.status_code in (200, 422)
    assert stack.client(guest).get(oak.path).is_success


@pytest.mark.parametrize("typed", ["yes", "1", "on", "true"])
def test_r51_programs_may_say_yes_in_several_ways(stack: Stack, typed: str) -> None:
    team = stack.account()
    guest = stack.guest(team)
    path = f"{team.path}/settings/users/delete"
    assert stack.client(team.admin).post(path, ids=str(guest.membership_id), confirm=typed).status_code == 303


def test_r51_nothing_ends_that_is_not_the_accounts_own_and_the_last_admin_stays(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    elsewhere = stack.account()
    stack.idle()
    before = picture(stack, team, elsewhere)

    assert delete_users(admin, team, guest, elsewhere.member).status_code == 404
    assert delete_users(stack.client(elsewhere.admin), elsewhere, guest).status_code == 404
    assert delete_users(stack.client(team.member), team, guest).status_code in REFUSED
    assert delete_users(admin, team, team.admin).status_code == 409
    assert delete_users(admin, team).status_code == 422

    assert picture(stack, team, elsewhere) == before
    assert stack.client(guest).get(oak.path).is_success


def test_r54_the_same_persons_other_account_is_untouched(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    elsewhere, elm, same_guest = also_a_guest_elsewhere(stack, guest)
    page = stack.client(guest)
    before = picture(stack, elsewhere)

    with listening(page) as stream:
        receipt_of(admin, delete_users(admin, team, guest))
        stream.wait("closed", within=SOON, account=team.slug)
        give(stack.client(elsewhere.admin), elm, same_guest, text="Now look again")
        stream.wait("notification", within=SOON, account=elsewhere.slug)

    assert page.get(oak.path).status_code in REFUSED
    assert page.get(elm.path).is_success
    assert stack.client(guest).get(elm.path).is_success
    after = picture(stack, elsewhere)
    assert all(after[table] == before[table] for table in ("grants", "memberships", "users"))


def test_r55_what_the_guest_wrote_stays_under_their_name_marked_as_removed(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    stack.client(guest).post(f"{oak.path}/chat", text="I measured it twice")
    assert ">removed<" not in admin.get(oak.path).text

    receipt_of(admin, delete_users(admin, team, guest))

    said = next(each for each in admin.get(oak.path).text.split("<li") if "I measured it twice" in each)
    assert guest.name in said
    assert ">removed<" in said


def also_a_guest_elsewhere(stack: Stack, guest: Person) -> tuple[Team, Lead, Person]:
    team = stack.account()
    same, card = stack.guest(team, email=guest.email), stack.card(team)
    give(stack.client(team.admin), card, same)
    return team, card, same


def counts(preview: httpx.Response) -> list[int]:
    """Return what the page says will end: cards, invitations, sessions, queued mails."""
    return [int(number) for number in re.findall(r"<dd>(\d+)</dd>", preview.text)]
