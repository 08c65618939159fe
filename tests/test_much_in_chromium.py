"""Where there is more than a page shows, more comes as one scrolls or types, and it all stays true."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from models import Card, Database, Membership
from tests.crowd import plant_crowd
from tests.databases import on_one_database
from tests.people import Lead, Person, Team, make_card
from tests.stack import Stack
from tests.test_pages_in_chromium import Window, chromium
from webapp.threads import PER_PAGE
from workflows.converse import say

__all__ = ["chromium"]
MANY = 3 * PER_PAGE
SOME = 400


@on_one_database
def test_r22_older_threads_come_as_one_scrolls_and_leave_with_the_access(
    stack: Stack,
    chromium: Browser,
    tmp_path: Path,  # noqa: F811
) -> None:
    team = stack.account()
    guest = stack.guest(team)
    cards = given(stack.database, team, guest)
    gwen = Window(chromium, stack, tmp_path)
    gwen.sign_in(guest.email, guest.password)
    gwen.page.goto("/notifications")
    threads = gwen.page.locator(".thread")
    expect(threads).to_have_count(PER_PAGE)
    gwen.stay()

    for count in (2 * PER_PAGE, MANY):
        gwen.page.mouse.wheel(0, 100_000)
        expect(threads).to_have_count(count)
    oldest = threads.filter(has_text=cards[0].name)
    expect(oldest).to_be_visible()
    gwen.picture("center-of-many")
    stack.client(team.admin).post(f"{cards[0].path}/participants/{guest.membership_id}/remove")

    expect(oldest).to_have_count(0)
    expect(threads).to_have_count(MANY - 1)
    assert gwen.stayed() and gwen.complaints == []


@on_one_database
def test_r20_whom_the_page_does_not_show_is_found_and_stays_ticked(
    stack: Stack,
    chromium: Browser,
    tmp_path: Path,  # noqa: F811
) -> None:
    team = stack.account()
    first, last = f"n2@{team.slug}.example", f"n392@{team.slug}.example"
    assert {first, last} <= plant_crowd(stack.database, team, SOME).keys()
    card, ada = stack.card(team), Window(chromium, stack, tmp_path)
    ada.sign_in(team.admin.email, team.admin.password)
    ada.page.goto(card.path)
    ada.stay()
    for address in (first, last):
        ada.page.get_by_label("Find somebody").fill(address)
        ada.page.locator(".chip", has_text=address).click()
    ada.picture("card-of-many")
    ada.page.get_by_label("Message").fill("Have a look")
    expect(ada.page.locator("#gain-line")).to_contain_text(f"{first} and {last} gain access")
    assert ada.stayed()

    ada.page.get_by_role("button", name="Send", exact=True).click()

    expect(ada.page.locator("#participants li")).to_have_count(2)
    assert ada.complaints == []


def given(database: Database, team: Team, guest: Person) -> list[Lead]:
    """Give a guest many cards, each by a message."""
    cards = [make_card(database, team, name=f"Roof {number}.") for number in range(MANY)]
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        for card in cards:
            say(session, session.get_one(Card, card.id), by=admin, text="Have a look", to=[guest.membership_id])
            session.flush()
    return cards
