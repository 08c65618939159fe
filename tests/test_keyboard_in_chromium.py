"""All that can be done can be done by keyboard, and a page that changes by itself leaves the keyboard where it was."""

from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.databases import on_one_database
from tests.filled import make_filled
from tests.inviting import Admin, fresh
from tests.removing import give
from tests.stack import Stack
from tests.test_axe_in_chromium import UNFOLD
from tests.test_pages_in_chromium import Window, chromium

__all__ = ["chromium"]
CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary"
REACH = """() => {
    document.activeElement.dataset.reached = "";
    return document.activeElement === document.body;
}"""
MISSED = f"""() => [...document.querySelectorAll("{CONTROLS}")]
    .filter((each) => each.checkVisibility() && !("reached" in each.dataset)).map((each) => each.outerHTML)"""
IS_FOCUSED = "(each) => each === document.activeElement"
AT_MOST = 150


@on_one_database
def test_every_control_is_reached_by_the_keyboard(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team = stack.account()
    card, guest = make_filled(stack.database, team), stack.guest(team)
    give(stack.client(team.admin), card, guest)
    ada, gwen = Window(chromium, stack, tmp_path), Window(chromium, stack, tmp_path)
    for window, person, paths in (
        (ada, team.admin, ["/notifications", card.path, f"{team.path}/settings/users", f"{team.path}/sweeps"]),
        (gwen, guest, ["/notifications", card.path, "/sign-ins"]),
    ):
        window.sign_in(person.email, person.password)
        # Pages stand still meanwhile.
        window.page.route("**/notifications/stream*", lambda route: route.abort())
        for path in paths:
            window.page.goto(path)
            window.page.evaluate(UNFOLD)
            assert missed(window.page) == [], path


@on_one_database
def test_users_and_cards_are_worked_with_by_keyboard_alone(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team, email = stack.account(), fresh()
    card, guest = make_filled(stack.database, team), stack.guest(team)
    window = Window(chromium, stack, tmp_path)
    window.sign_in(team.admin.email, team.admin.password)
    page = window.page

    page.goto(f"{team.path}/settings/users")
    tab_to(page.get_by_label("E-mail address"))
    page.keyboard.type(email)
    page.keyboard.press("Enter")
    row = page.locator(f'tr[data-email="{email}"]')
    expect(row).to_have_attribute("data-status", "sent")
    tab_to(row.get_by_role("checkbox"))
    page.keyboard.press("Space")
    tab_to(page.get_by_role("button", name="Delete"), key="Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/delete")
    tab_to(page.get_by_role("button", name="Delete"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Nothing was left behind")

    page.goto(card.path)
    tab_to(page.get_by_role("checkbox", name=guest.name))
    page.keyboard.press("Space")
    tab_to(page.get_by_label("Message"))
    page.keyboard.type("Have a look")
    tab_to(page.get_by_role("button", name="Send", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator("#participants")).to_contain_text(guest.name)
    tab_to(page.get_by_label(f"Remove {guest.name} from this lead"))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("button", name=f"Remove {guest.name}"))
    page.keyboard.press("Enter")
    expect(page.locator("#participants")).not_to_contain_text(guest.name)


@on_one_database
def test_focus_stays_where_it_was_while_a_list_changes(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    admin, ada, email = Admin(stack, stack.account()), Window(chromium, stack, tmp_path), fresh()
    admin.invite(email)
    admin.sees(email, "sent")
    ada.sign_in(admin.team.admin.email, admin.team.admin.password)
    ada.page.goto(admin.page)
    ada.stay()
    row = ada.page.locator(f'tr[data-email="{email}"]')
    resend = row.get_by_role("button", name="Resend")
    for control in (resend, row.get_by_role("checkbox"), row.get_by_role("link")):
        control.focus()
        admin.invite(another := fresh())
        expect(ada.page.locator(f'tr[data-email="{another}"]')).to_have_attribute("data-status", "sent")
        expect(control).to_be_focused()

    resend.focus()
    admin.cancel(email)
    expect(row).to_have_attribute("data-status", "cancelled")
    expect(ada.page.locator("#people")).to_be_focused()
    assert ada.stayed()


@on_one_database
def test_focus_stays_where_it_was_while_notifications_come(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team, gwen = stack.account(), Window(chromium, stack, tmp_path)
    admin, guest, cards = stack.client(team.admin), stack.guest(team), [stack.card(team), stack.card(team, name="Elm")]
    for card in cards:
        give(admin, card, guest)
    gwen.sign_in(guest.email, guest.password)
    gwen.page.goto("/notifications")
    gwen.stay()
    entries = gwen.page.locator("[data-notification-id]")
    expect(entries).to_have_count(len(cards))
    last = entries.last
    told = gwen.page.locator(f'[data-notification-id="{last.get_attribute("data-notification-id")}"]')
    thread = gwen.page.locator(".thread", has_text=cards[0].name)
    for number, control in enumerate((told, thread.get_by_label("Mark all of it as read"), gwen.page.locator("#bell"))):
        control.focus()
        give(admin, cards[number % 2], guest, text=f"Look once more, {number}")
        expect(gwen.page.get_by_text(f"Look once more, {number}")).to_be_visible()
        expect(control).to_be_focused()
    assert gwen.stayed()


def tab_to(control: Locator, *, key: str = "Tab") -> None:
    """Press the key until the control has the focus."""
    for _ in range(AT_MOST):
        if control.evaluate(IS_FOCUSED):
            return
        control.page.keyboard.press(key)
    raise AssertionError(f"{control} is not reached by {key}")


def missed(page: Page) -> list[str]:
    """Return the controls that the Tab key does not come by, from the start of the page to its end."""
    for _ in range(AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate(REACH):
            break
    return list(page.evaluate(MISSED))
