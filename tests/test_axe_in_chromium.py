"""Every page, as axe-core judges it by WCAG 2.2 AA: in both themes, on a telephone and on a desk."""

from collections.abc import Iterator
from importlib.resources import files
from itertools import product

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.crowd import KINDS, plant_crowd
from tests.databases import on_one_database
from tests.filled import make_filled
from tests.inviting import Admin, fresh, invited
from tests.stack import Stack
from tests.test_pages_in_chromium import WIDTHS, chromium
from tests.test_roles import is_allowed
from tests.world import World
from workflows.permissions import Role, may
from workflows.tokens import sign_unsubscribe

__all__ = ["chromium"]
LOOKERS = ("admin", "member", "guest with grant", "operator", "anonymous")
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
BY = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]}}
# All that the theme can change.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
OF_MORE = {"operator": Role.PERSON}
LONG = 4
LOOK = """async (by) => (await axe.run(document, by)).violations.flatMap((each) => each.nodes.map(
    (node) => `${each.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))"""
# What waits behind a click is looked at, too.
UNFOLD = """() => {
    for (const each of document.querySelectorAll("details:not([name])")) each.open = true;
    document.querySelector("[name=ids]")?.click();
}"""


class Looker:
    """Somebody's browser, which looks at pages as axe-core does. What it found wrong is in `.found`."""

    def __init__(self, chromium: Browser, world: World, visitor: str) -> None:
        self.world, self.visitor, self.found, self.seen = world, visitor, list[str](), set[str]()
        self.http = world.browser(visitor).http
        self.context: BrowserContext = chromium.new_context(
            base_url=world.stack.url, bypass_csp=True, reduced_motion="reduce"
        )
        # Pages stand still meanwhile.
        self.context.route("**/notifications/stream*", lambda route: route.abort())
        self.context.add_cookies(
            [{"name": n, "value": v, "url": world.stack.url} for n, v in self.http.cookies.items()]
        )
        self.page: Page = self.context.new_page()

    def walk(self) -> None:
        """Look at every page that is open to this visitor."""
        things = self.world.things()
        for route in self.world.routes():
            # What is open to more people has been looked at by one of those.
            is_own = self.visitor == "anonymous" or not may(OF_MORE.get(self.visitor, Role.ANONYMOUS), route.action)
            if route.method == "GET" and is_own and is_allowed(route, self.visitor):
                path = self.world.path(self.visitor, route, things)
                answer = self.http.get(path)
                if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
                    self.seen.add(route.endpoint)
                    self.look(path)

    def look(self, path: str = "") -> None:
        """Look at a page, or at the one that is open."""
        if path:
            self.page.goto(path)
        self.page.evaluate(UNFOLD)
        self.page.evaluate(AXE)
        for (width, height), (theme, by) in product(WIDTHS.items(), (("light", BY), ("dark", COLOURS))):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(color_scheme=theme)
            where = f"{self.visitor}, {self.page.url}, {width}, {theme}"
            self.found += [f"{where}: {each}" for each in self.page.evaluate(LOOK, by)]


@pytest.fixture(scope="module")
def world(stack: Stack) -> World:
    world = World(stack)
    plant_crowd(stack.database, world.team, len(KINDS))
    return world


@pytest.fixture
def looker(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Looker]:
    looker = Looker(chromium, world, request.param)
    yield looker
    looker.context.close()


@on_one_database
@pytest.mark.parametrize("looker", LOOKERS, indirect=True)
def test_axe_finds_nothing_wrong_on_any_page(looker: Looker) -> None:
    looker.walk()
    looker.look("/no/such/page")
    assert looker.seen
    assert looker.found == []


@on_one_database
@pytest.mark.parametrize("looker", ["admin"], indirect=True)
def test_axe_finds_nothing_wrong_on_what_forms_answer(looker: Looker) -> None:
    team, page = looker.world.team, looker.page
    card = make_filled(looker.world.stack.database, team)
    for _ in range(LONG):
        looker.world.browser("admin").post(f"{card.path}/chat", text="It is a long talk. " * 100)
    looker.look(card.path)
    page.goto(f"{team.path}/settings/users")
    page.get_by_label("E-mail address").fill("nobody at all")
    page.get_by_role("button", name="Send invitation").click()
    assert page.get_by_role("alert").is_visible()
    looker.look()
    page.goto(f"{team.path}/settings/users?state=joined")
    page.locator("[name=ids]").first.check()
    page.get_by_role("button", name="Delete").click()
    looker.look()
    assert looker.found == []


@on_one_database
@pytest.mark.parametrize("looker", ["anonymous"], indirect=True)
def test_axe_finds_nothing_wrong_behind_the_links_of_mails(looker: Looker) -> None:
    stack, team = looker.world.stack, looker.world.team
    looker.look(invited(stack, Admin(stack, team), fresh()))
    looker.look(f"/unsubscribe/{sign_unsubscribe(team.member.user_id)}")
    looker.page.goto("/login")
    looker.page.get_by_label("E-mail address").fill(fresh())
    looker.page.get_by_label("Password").fill("not the password")
    looker.page.get_by_role("button", name="Sign in").click()
    assert looker.page.get_by_role("alert").is_visible()
    looker.look()
    assert looker.found == []
