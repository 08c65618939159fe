"""Take the README's pictures anew: the demo account in a real browser, with a guest who came and one who left."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, expect, sync_playwright

from models.schema import migrate
from tests.inviting import NEW_PASSWORD
from tests.stack import Stack
from tests.test_pages_in_chromium import CHROMIUM, Window, activate, delete, grant, invite
from workflows.demo_data import ADMIN, PASSWORD, seed_demo
from workflows.passwords import hash_password

HERE = Path(__file__).parent.parent / "webapp" / "static" / "pictures"
DEMO = "/a/demo"
NOOR, LEFT = "noor@haddad-roofs.example", "piet@de-vries.example"
LARGEST = 150_000


def main() -> None:
    """Start everything on a database of its own, play a short story, and keep what it looks like."""
    if not CHROMIUM.exists():
        sys.exit(f"{CHROMIUM} is not installed; on Debian: apt install chromium")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        stack = Stack(f"sqlite:///{home / 'guestlist.db'}", home)
        migrate(stack.database)
        with stack.database.transaction() as session:
            seed_demo(session, password_hash=hash_password(PASSWORD, PASSWORD))
        try:
            stack.start()
            stack.wait_for_work()
            play(stack, playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]), home)
        finally:
            stack.close()


def play(stack: Stack, chromium: Browser, home: Path) -> None:
    ada, noor, piet = (Window(chromium, stack, home) for _ in range(3))
    ada.sign_in(ADMIN, PASSWORD)
    card = first_lead(ada.page)
    for address, name in ((LEFT, "Piet de Vries"), ("lena@okonkwo.example", "Lena Okonkwo"), (NOOR, "Noor Haddad")):
        invite(ada, DEMO, address, name)
        expect(ada.page.locator(f'tr[data-email="{address}"]')).to_have_attribute("data-status", "sent")
    for window, address in ((piet, LEFT), (noor, NOOR)):
        activate(window, stack, address)
        window.sign_in(address, NEW_PASSWORD)
    grant(ada, card)
    say(ada.page, card, "Piet de Vries", "Piet, the offer is in the notes. Could you check the rafters?")
    noor.page.goto("/notifications")
    keep(noor.page, "center-on-a-phone", 390, 700)
    noor.page.locator(f'#threads a[href="{card}"]').first.click()
    expect(noor.page.locator(".bell .count")).to_have_count(0)
    keep(noor.page, "guest-card", 1280, 900)
    delete(ada, DEMO, ada.page.locator(f'tr[data-email="{LEFT}"]'))
    keep(ada.page, "receipt", 1280, 800)
    for name, path, height in (("users", "settings/users", 800), ("audit", "audit", 640)):
        ada.page.goto(f"{DEMO}/{path}")
        keep(ada.page, name, 1280, height)


def first_lead(page: Page) -> str:
    """Return the path of the demo's first lead."""
    page.goto(f"{DEMO}/leads")
    return page.locator("a[data-card-id]").last.get_attribute("href") or ""


def say(page: Page, card: str, to: str, text: str) -> None:
    """Address somebody on a card."""
    page.goto(card)
    page.locator(".chip", has_text=to).click()
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#participants")).to_contain_text(to)


def keep(page: Page, name: str, width: int, height: int) -> None:
    """Take a picture of what a screen of this size shows, once nothing is on its way any more."""
    page.set_viewport_size({"width": width, "height": height})
    page.mouse.move(0, 0)
    path = HERE / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size} bytes")  # noqa: T201
    if path.stat().st_size > LARGEST:
        sys.exit(f"{path} is larger than {LARGEST} bytes")


if __name__ == "__main__":
    main()
