"""What somebody has seen is read, one by one, by thread or all of it; what came since is not (R22)."""

import re

from sqlalchemy import select

from models import Notification
from tests.browser import Browser
from tests.people import Lead, Person, Team
from tests.removing import give
from tests.stack import Stack
from webapp.threads import SHOWN

MANY = 120


def test_r22_what_came_after_the_page_was_made_stays_unread(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin, browser = stack.client(team.admin), stack.client(guest)
    give(admin, card, guest, text="First")
    page = browser.get("/notifications").text
    give(admin, card, guest, text="Second")

    assert browser.post("/notifications/read", newest=newest_on(page)).status_code == 303

    assert unread(browser) == 1
    read_all(browser)
    assert unread(browser) == 0


def test_r22_all_are_read_however_many_there_are(stack: Stack) -> None:
    team, card, guest = story(stack)
    give(stack.client(team.admin), card, guest)
    plant(stack, guest, MANY)
    browser = stack.client(guest)
    assert unread(browser) == MANY + 1
    assert f"and {MANY + 1 - SHOWN} earlier" in browser.get("/notifications").text

    read_all(browser)

    assert unread(browser) == 0


def test_r22_a_thread_is_read_alone_and_as_a_whole(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin, browser, other = stack.client(team.admin), stack.client(guest), stack.card(team, name="Ash bench")
    give(admin, other, guest)
    admin.post(f"{team.path}/direct/{guest.membership_id}", text="A word")
    give(admin, card, guest)
    plant(stack, guest, MANY // 6)

    for about, left in (("card_id", 2), ("author_id", 1)):
        form = thread_form(browser.get("/notifications").text, about, card)
        assert browser.post("/notifications/read", **form).status_code == 303
        assert unread(browser) == left
    assert other.path in browser.get("/notifications").text


def test_r22_nobody_marks_what_is_anothers(stack: Stack) -> None:
    team, card, guest = story(stack)
    other = stack.guest(team)
    give(stack.client(team.admin), card, guest, other)
    browser = stack.client(guest)
    read_all(browser)

    assert unread(browser) == 0
    assert unread(stack.client(other)) == 1


def test_a_form_that_does_not_say_up_to_where_marks_nothing(stack: Stack) -> None:
    team, card, guest = story(stack)
    give(stack.client(team.admin), card, guest)
    browser = stack.client(guest)
    for wrong in ({}, {"newest": "all"}, {"newest": -1}, {"newest": 2**70}):
        assert browser.post("/notifications/read", **wrong).status_code == 422
    assert unread(browser) == 1


def read_all(browser: Browser) -> None:
    newest = newest_on(browser.get("/notifications").text)
    assert browser.post("/notifications/read", newest=newest).status_code == 303


def newest_on(page: str) -> str:
    """Return up to which notification the page's "Mark all as read" goes."""
    found = re.search(r'name="newest" id="newest" value="(\d+)"', page)
    assert found, page
    return found[1]


def thread_form(page: str, about: str, card: Lead) -> dict[str, str]:
    """Return what the form of a thread sends: of the card's, or of the one of a direct chat."""
    forms = [
        dict(re.findall(r'name="(\w+)" value="(\d+)"', each)) for each in re.findall(r"<form[^>]*read-thread.*", page)
    ]
    return next(form for form in forms if about in form and form.get("card_id") in (None, str(card.id)))


def unread(browser: Browser) -> int:
    found = re.search(r"Notifications, (\d+) unread", browser.get("/notifications").text)
    assert found
    return int(found[1])


def plant(stack: Stack, guest: Person, count: int) -> None:
    """Notify somebody again and again of what they were last notified of."""
    with stack.database.transaction() as session:
        mine = select(Notification).where(Notification.membership_id == guest.membership_id)
        last = session.scalars(mine.order_by(Notification.id.desc()).limit(1)).one()
        about = {name: getattr(last, name) for name in ("account_id", "membership_id", "card_id", "message_id")}
        session.add_all(Notification(**about) for _ in range(count))


def story(stack: Stack) -> tuple[Team, Lead, Person]:
    team = stack.account()
    return team, stack.card(team), stack.guest(team)
