"""What comes while nobody looks at the page is told on the desktop, where the browser may (R22)."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.databases import on_one_database
from tests.inviting import Admin
from tests.process import until
from tests.removing import give
from tests.stack import Stack
from tests.test_pages_in_chromium import Window, chromium

__all__ = ["chromium"]
# Notes what the page asks the browser to show, and lets it do so. A headless browser never hides a page by itself.
NOTING = """
    window.asked = [];
    window.Notification = class extends window.Notification {
        constructor(title, options) {
            super(title, options);
            const noted = { title, body: options.body, tag: options.tag, isClosed: false, itself: this };
            this.addEventListener("close", () => { noted.isClosed = true; });
            window.asked.push(noted);
        }
    };
    Object.defineProperty(document, "hidden", { get: () => window.isAway === true });
"""
ASKED = "asked.map(({ itself, ...noted }) => noted)"


@on_one_database
def test_r22_the_desktop_tells_what_comes_meanwhile_and_leads_to_the_card(
    stack: Stack,
    chromium: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    team = stack.account()
    oak, elm, guest, admin = stack.card(team), stack.card(team, name="Elm chair"), stack.guest(team), Admin(stack, team)
    gwen = Window(chromium, stack, tmp_path)
    page = gwen.page
    page.add_init_script(NOTING)
    gwen.sign_in(guest.email, guest.password)
    page.goto("/notifications")
    gwen.stay()
    entries, offer = page.locator("[data-notification-id]"), page.get_by_role("button", name="Tell me on this desktop")
    expect(offer).to_be_visible()
    gwen.picture("center-with-offer")
    page.evaluate("isAway = true")
    give(admin.browser, oak, guest, text="Nobody was asked yet")
    expect(entries).to_have_count(1)
    assert page.evaluate(ASKED) == []

    page.context.grant_permissions(["notifications"], origin=stack.url)
    offer.click()
    expect(offer).to_be_hidden()
    for card in (oak, elm):
        give(admin.browser, card, guest, text="The top is split")
        until(lambda name=card.name: name in [each["title"] for each in page.evaluate(ASKED)], what=card.name)
    first, _ = page.evaluate(ASKED)
    assert (first["title"], first["body"]) == (oak.name, "Ada Admin")

    # What is closed to the guest is taken off their desktop.
    admin.browser.post(f"{elm.path}/participants/{guest.membership_id}/remove")
    until(lambda: [each["isClosed"] for each in page.evaluate(ASKED)] == [False, True], what="it to be taken off")

    # Whoever looks at the page has it before their eyes.
    page.evaluate("isAway = false")
    give(admin.browser, oak, guest, text="I look at it now")
    expect(page.get_by_text("I look at it now")).to_be_visible()
    assert len(page.evaluate(ASKED)) == 2
    assert gwen.stayed() and gwen.complaints == []

    page.evaluate("asked[0].itself.dispatchEvent(new Event('click'))")
    page.wait_for_url(f"**{oak.path}")
