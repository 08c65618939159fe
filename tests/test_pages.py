"""What every page owes its reader: the way onward, the reason of a refusal, and nothing that is refused anyway."""

import html
import re

import pytest

from models import Group
from tests.browser import Browser
from tests.listening import listening
from tests.people import Team, make_person
from tests.removing import a_guest_with_two_cards, delete_users
from tests.stack import Stack

NAVIGATION = re.compile(r'<nav class="places" aria-label="Account">(.*?)</nav>', re.DOTALL)
WHY = re.compile(r'<p class="empty read-only">(.*?)</p>')


def test_the_center_and_pages_of_refusal_keep_the_way_back(stack: Stack) -> None:
    team = stack.account()
    admin, member, guest = (stack.client(each) for each in (team.admin, team.member, stack.guest(team)))
    own = ways(admin.get(f"{team.path}/leads").text)
    assert f"{team.path}/settings/users" in own

    assert ways(admin.get("/notifications").text) == own
    assert ways(admin.get(f"{team.path}/leads/999999").text) == own
    assert ways(admin.get("/no/such/page").text) == own
    refused = member.get(f"{team.path}/audit")
    assert refused.status_code == 403
    assert ways(refused.text) == [f"{team.path}/{name}" for name in ("leads", "customers", "contacts", "companies")]
    for browser, path in ((guest, f"{team.path}/audit"), (guest, "/notifications"), (stack.client(), "/no/such/page")):
        assert ways(browser.get(path).text) == [], path


def test_whoever_has_several_accounts_is_led_to_each(stack: Stack) -> None:
    team, other = stack.account(), stack.account()
    make_person(stack.database, other.id, team.admin.email, "Ada Admin", Group.MEMBER)
    both = stack.client(team.admin)
    assert sorted(ways(both.get("/notifications").text)) == sorted(f"{each.path}/leads" for each in (team, other))
    assert f"{other.path}/contacts" in ways(both.get(f"{other.path}/leads").text)


def test_r52_a_removed_guest_is_told_so_and_shown_no_way(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    browser = stack.client(guest)
    delete_users(admin, team, guest)
    answer = browser.get(oak.path)
    assert answer.status_code == 403
    assert "Your access has ended." in answer.text
    assert guest.email not in answer.text
    assert ways(answer.text) == []


def test_r33_what_a_removed_guest_wrote_can_be_read_and_not_answered(stack: Stack) -> None:
    team, admin, guest, *_ = a_guest_with_two_cards(stack)
    browser, path = stack.client(guest), f"{team.path}/direct/{guest.membership_id}"
    with listening(admin) as stream:
        assert browser.post(f"{team.path}/direct/{team.admin.membership_id}", text="Larch it is.").status_code == 303
        stream.wait("notification", within=10)
    assert WHY.search(admin.get(path).text) is None

    delete_users(admin, team, guest)
    assert path in admin.get("/notifications").text
    page = admin.get(path)
    assert page.status_code == 200
    assert "Larch it is." in page.text
    assert (why := WHY.search(page.text)) is not None
    assert f"{guest.name} was removed" in why[1]
    assert "<textarea" not in page.text
    assert admin.post(path, text="Hello?").status_code == 403
    # To whom they never wrote, there is nothing to show; and to themselves, nothing at all.
    assert stack.client(team.member).get(path).status_code == 403
    assert browser.get(f"{team.path}/direct/{team.admin.membership_id}").status_code in (303, 403)


def test_r50_the_red_icon_asks_before_it_acts_with_no_script(stack: Stack) -> None:
    _, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    page = admin.get(oak.path).text
    asked = re.search(rf'<details[^>]*id="remove-{guest.membership_id}"[^>]*>(.*?)</details>', page, re.DOTALL)
    assert asked is not None
    assert f"closes to <strong>{guest.name}</strong> at once" in asked[1]
    assert page.count(f"{oak.path}/participants/{guest.membership_id}/remove") == 1
    assert f"{oak.path}/participants/{guest.membership_id}/remove" in asked[1]
    assert " open" not in asked[0].partition(">")[0]


def test_r51_ones_own_row_is_not_offered_for_deletion(stack: Stack) -> None:
    team = stack.account()
    page = stack.client(team.admin).get(f"{team.path}/settings/users").text
    assert re.findall(r'name="ids" value="(\d+)"', page) == [str(team.member.membership_id)]


def test_r14_an_end_date_says_what_it_means(stack: Stack) -> None:
    team = stack.account()
    admin, card = stack.client(team.admin), stack.card(team)
    for path in (f"{team.path}/settings/users", card.path):
        page = admin.get(path).text
        described = re.search(r'name="expires_on"[^>]*aria-describedby="([^"]+)"', page)
        assert described, path
        hint = re.search(rf'id="{described[1]}">([^<]*)<', page)
        assert hint is not None
        assert "to its end in UTC. Empty: no end." in hint[1]


@pytest.fixture(scope="module")
def admin_of(stack: Stack) -> tuple[Team, Browser]:
    team = stack.account()
    return team, stack.client(team.admin)


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("leads/7/chat", "leads/7"),
        ("customers/7/participants/8/remove", "customers/7"),
        ("leads/7/tasks/3/finish", "leads/7"),
        ("settings/users/delete", "settings/users"),
        ("settings/invitations/4/resend", "settings/invitations"),
        ("sweeps/4/repair", "sweeps/4"),
        ("/notifications/3/read", "/notifications"),
        ("/accounts/3/join", "/accounts"),
        ("/logout", "/"),
    ],
)
def test_the_address_of_a_form_typed_leads_to_its_page(admin_of: tuple[Team, Browser], form: str, page: str) -> None:
    team, admin = admin_of
    form, page = (each if each.startswith("/") else f"{team.path}/{each}" for each in (form, page))
    answer = admin.get(form)
    assert (answer.status_code, answer.headers.get("Location")) == (303, page)
    assert admin.http.put(form).status_code == 405


def test_invitations_are_on_the_page_of_users(admin_of: tuple[Team, Browser]) -> None:
    team, admin = admin_of
    for path in (f"{team.path}/settings", f"{team.path}/settings/invitations"):
        assert admin.get(path).headers["Location"] == f"{team.path}/settings/users", path


def ways(page: str) -> list[str]:
    """Return where the navigation of a page leads."""
    found = NAVIGATION.search(page)
    return [html.unescape(each) for each in re.findall(r'href="([^"]+)"', found[1])] if found else []
