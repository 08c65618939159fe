"""A list in a real browser: dropped, looked at, confirmed; its progress moves without reload, on every screen (R12)."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.databases import on_one_database
from tests.importing import people
from tests.inviting import fresh
from tests.stack import Stack
from tests.test_pages_in_chromium import Window, chromium  # noqa: F401

NAMES = ("Noor Haddad", "Ole Lindqvist", "Pia Sørensen", "", "Maximiliane Freifrau von Donaudampfschifffahrt")
MANY = 60


@on_one_database
def test_r12_a_list_from_its_file_to_its_end(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team, ada = stack.account(), Window(chromium, stack, tmp_path)
    file = tmp_path / "partners of the spring fair.csv"
    crowd = [fresh(f"partner-{number}") for number in range(MANY)]
    wrong = [
        '"Noor <noor@haddad.example>",Noor,free',
        f"{team.member.email},Max,free",
        f"{crowd[0]},Twice,free",
        "x@y.example,,guest",
    ]
    named = [f"{each},{NAMES[number % len(NAMES)]},free" for number, each in enumerate(crowd)]
    file.write_text("\n".join(["email,name,group", *wrong[:2], *named, *wrong[2:]]))
    ada.sign_in(team.admin.email, team.admin.password)
    ada.page.goto(f"{team.path}/settings/users")
    ada.page.get_by_text("Import users").click()
    ada.picture("users-import")

    ada.page.get_by_label("Drop a CSV file here").set_input_files(file)
    ada.picture("users-import-chosen")
    ada.page.get_by_role("button", name="Check the list").click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text(f"Invite {MANY} people?")
    expect(ada.page.locator("[data-count=refused]")).to_have_text("4")
    ada.picture("import-preview")
    ada.page.get_by_role("link", name="refused").click()
    expect(ada.page.locator("tbody tr")).to_have_count(4)
    ada.picture("import-refused")
    ada.page.get_by_role("link", name="in the list").click()

    stack.process("work").stop()
    try:
        ada.page.get_by_role("button", name=f"Invite {MANY} people").click()
        expect(ada.page.get_by_text(f"4 of {MANY + 4} rows")).to_be_visible()
        ada.stay()
        ada.picture("import-running")
    finally:
        stack.process("work").start(GUESTLIST_IMPORT_BATCH="1")
    seen = ada.page.evaluate(MOVES)
    assert len(set(seen)) > 2 and seen == sorted(seen), seen
    expect(ada.page.get_by_role("status")).to_contain_text(f"{MANY} people were invited, 4 refused", timeout=60_000)
    assert ada.stayed(), "the page of the import was loaded again"
    ada.picture("import-done")

    with ada.page.expect_download() as download:
        ada.page.get_by_role("link", name="Results as CSV").click()
    assert download.value.suggested_filename.endswith("-results.csv")
    assert len(download.value.path().read_text().splitlines()) == MANY + 5
    ada.page.goto(f"{team.path}/settings/users")
    expect(ada.page.locator("#imports li")).to_contain_text(file.name)
    ada.picture("users-after-import")
    assert ada.complaints == []
    stack.process("work").stop()
    stack.process("work").start()


# Notes how full the bar is, until there is none.
MOVES = """async () => {
    const seen = [];
    for (;;) {
        const bar = document.querySelector("progress");
        if (!bar) return seen;
        if (seen.at(-1) !== bar.value) seen.push(bar.value);
        await new Promise((later) => setTimeout(later, 50));
    }
}"""


@on_one_database
def test_r12_a_list_can_be_cancelled_and_its_page_fits(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team, ada = stack.account(), Window(chromium, stack, tmp_path)
    ada.sign_in(team.admin.email, team.admin.password)
    ada.page.goto(f"{team.path}/settings/users")
    ada.page.get_by_text("Import users").click()
    file = {
        "name": "w" * 120 + ".csv",
        "mimeType": "text/csv",
        "buffer": people(*["x" * 60 + f"{n}@{'y' * 60}.example" for n in range(3)]).encode(),
    }
    ada.page.get_by_label("Drop a CSV file here").set_input_files(file)
    ada.page.get_by_role("button", name="Check the list").click()
    ada.picture("import-of-long-names")
    ada.page.get_by_role("button", name="Discard").click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Discarded")
    ada.picture("import-discarded")
    assert ada.complaints == []
