"""The pages as people see them, in a real browser: what changes shows without reload, and fits a telephone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests import filled
from tests.filled import make_filled
from tests.inviting import NEW_PASSWORD, Admin, fresh, links_of
from tests.stack import Stack

CHROMIUM = Path("/usr/bin/chromium")
WIDTHS = {390: 844, 1280: 800}
PATIENCE = 10_000
# What would have to be moved sideways to be read.
OUT_OF_SIGHT = """[...document.querySelectorAll("nav, .table-wrap, .lines")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className)"""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip(f"{CHROMIUM} is not installed; on Debian: apt install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Window:
    """Somebody's browser window: it remembers whether its page was loaded anew, and what the console complained of."""

    def __init__(self, chromium: Browser, stack: Stack, pictures: Path) -> None:
        context = chromium.new_context(base_url=stack.url, viewport={"width": 1280, "height": 800})
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.pictures, self.complaints = pictures, list[str]()
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, email: str, password: str) -> None:
        self.page.goto("/login")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile(r"/(notifications|accounts|a/.*)$"))

    def stay(self) -> None:
        """Note that the page from here on should change by itself."""
        self.page.evaluate("window.stayed = true")

    def stayed(self) -> bool:
        return bool(self.page.evaluate("window.stayed"))

    def picture(self, name: str) -> None:
        """Take pictures at every width. The page fits into each, whatever it holds."""
        for width, height in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=self.pictures / f"{name}-{width}.png", full_page=True)
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide on a screen of {width}"
            assert self.page.evaluate(OUT_OF_SIGHT) == [], f"{name} hides something on a screen of {width}"


def test_the_story_of_a_guest_as_people_see_it(stack: Stack, chromium: Browser, tmp_path: Path) -> None:
    team, noor = stack.account(), fresh("noor")
    card = make_filled(stack.database, team)
    ada, guest = Window(chromium, stack, tmp_path), Window(chromium, stack, tmp_path)

    ada.page.goto("/login")
    ada.picture("sign-in")
    ada.sign_in(team.admin.email, team.admin.password)
    invite(ada, team.path, noor)
    row = ada.page.locator(f'tr[data-email="{noor}"]')
    expect(row).to_have_attribute("data-status", "sent")
    ada.picture("users-sent")

    activate(guest, stack, noor)
    guest.sign_in(noor, NEW_PASSWORD)
    expect(row).to_have_attribute("data-status", "joined")
    assert ada.stayed(), "the page of users was loaded again"
    guest.picture("center-empty")

    guest.stay()
    grant(ada, card.path)
    link = guest.page.locator(f'#threads a[href="{card.path}"]').first
    expect(link).to_be_visible()
    expect(guest.page.locator(".bell .count")).to_have_text("1")
    assert guest.stayed(), "the notification center was loaded again"
    guest.picture("center")

    link.click()
    expect(guest.page.get_by_role("heading", level=1)).to_have_text(card.name)
    expect(guest.page.locator(".bell .count")).to_have_count(0)
    guest.picture("card-of-guest")
    expect(guest.page.get_by_text(filled.TASK)).to_have_count(0)
    guest.stay()
    ada.page.get_by_label("Remove Noor Haddad from this lead").click()
    expect(ada.page.get_by_text("closes to Noor Haddad at once")).to_be_visible()
    ada.picture("participant-before-removal")
    ada.page.get_by_role("button", name="Remove Noor Haddad").click()
    expect(guest.page.get_by_role("alert")).to_contain_text("access")
    expect(guest.page.get_by_text(filled.NOTE)).to_have_count(0)
    expect(guest.page.get_by_text(card.name)).to_have_count(0)
    expect(guest.page.locator(".bell .count")).to_have_count(0)
    assert guest.stayed(), "the card's page was loaded again"
    guest.picture("card-closed")

    guest.page.goto("/notifications")
    guest.stay()
    delete(ada, team.path, row)
    expect(guest.page.get_by_role("alert")).to_contain_text("ended")
    assert guest.stayed()
    assert ada.complaints == []


def test_other_pages_fit_every_screen(stack: Stack, chromium: Browser, tmp_path: Path) -> None:
    team = stack.account()
    card = make_filled(stack.database, team, name="Donaudampfschifffahrtsgesellschaftskapitänsmützenständer " * 2)
    window = Window(chromium, stack, tmp_path)
    window.sign_in(team.admin.email, team.admin.password)
    for name, path in {
        "leads": f"{team.path}/leads",
        "customers": f"{team.path}/customers",
        "contacts": f"{team.path}/contacts",
        "companies": f"{team.path}/companies",
        "card": card.path,
        "audit": f"{team.path}/audit",
        "reviews": f"{team.path}/reviews",
        "sweeps": f"{team.path}/sweeps",
        "direct": f"{team.path}/direct/{team.member.membership_id}",
        "accounts": "/accounts",
        "mails": "/dev/mail",
    }.items():
        assert (answer := window.page.goto(path)) is not None and answer.ok, path
        window.picture(name)
    assert window.complaints == []


def test_a_mail_is_shown_whole_on_a_telephone(stack: Stack, chromium: Browser, tmp_path: Path) -> None:
    admin = Admin(stack, stack.account())
    admin.invite(email := fresh())
    stack.mails(email)
    window = Window(chromium, stack, tmp_path)
    window.page.goto("/dev/mail")
    window.page.locator(".mail-line", has_text=email).locator("a").first.click()
    expect(window.page.frame_locator(".letter").get_by_text(email).first).to_be_visible()
    window.picture("mail")
    window.page.set_viewport_size({"width": 390, "height": 844})
    letter = window.page.frames[1]
    assert letter.evaluate("document.body.scrollHeight <= innerHeight && document.body.scrollWidth <= innerWidth")


def invite(ada: Window, team: str, email: str, name: str = "Noor Haddad") -> None:
    ada.page.goto(f"{team}/settings/users")
    ada.page.get_by_label("E-mail address").fill(email)
    ada.page.get_by_label("Name", exact=True).fill(name)
    ada.page.get_by_role("button", name="Send invitation").click()
    expect(ada.page.locator(f'tr[data-email="{email}"]')).to_be_visible()
    ada.stay()


def activate(guest: Window, stack: Stack, email: str) -> None:
    link = next(link for link in links_of(stack.mails(email)[0]) if "/activate/" in link)
    guest.page.goto(link)
    guest.picture("activation")
    for field in ("password", "password_confirm"):
        guest.page.locator(f"[name={field}]").fill(NEW_PASSWORD)
    guest.page.get_by_role("button", name="Set password").click()
    expect(guest.page.get_by_role("status")).to_contain_text("password is set")


def grant(ada: Window, card: str) -> None:
    """Address the guest; the page says before what that will do."""
    ada.page.goto(card)
    ada.page.locator(".chip", has_text="Noor Haddad").click()
    expect(ada.page.locator("#gain-line")).to_contain_text("Noor Haddad gains access")
    ada.page.get_by_label("Message").fill("Noor, could you look at the north side?")
    ada.picture("card-before-sending")
    ada.page.get_by_role("button", name="Send", exact=True).click()
    expect(ada.page.locator("#participants")).to_contain_text("Noor Haddad")
    ada.picture("card-of-admin")


def delete(ada: Window, team: str, row: Locator) -> None:
    """Tick the guest: "Delete" appears, and says what will end before it ends it."""
    ada.page.goto(f"{team}/settings/users")
    button = ada.page.get_by_role("button", name="Delete")
    expect(button).to_be_hidden()
    row.get_by_role("checkbox").check()
    ada.picture("users-chosen")
    button.click()
    ada.picture("delete")
    ada.page.get_by_role("button", name="Delete").click()
    expect(ada.page.get_by_role("status")).to_contain_text("Nothing was left behind")
    ada.picture("removal")
