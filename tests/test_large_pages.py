"""However much there is of anything, its page stays small and takes a handful of statements, as with a little of it."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from models import Database, settings
from tests.conftest import Create, each_database
from tests.people import Person
from tests.plenty import Plenty, plant_plenty
from webapp import create_app
from webapp.visit import SECRET
from workflows.sign_in import start_session

ROWS, TALK = 10_000, 1_000
LARGEST = 100_000
# A card has fields, notes, tasks, a chat, letters, participants and whom to address: a statement for each.
MOST_STATEMENTS = 18

OF_ADMIN = {
    "users": "/settings/users",
    "users, searched": "/settings/users?q=n1",
    "users, filtered": "/settings/users?state=bounced&group=free",
    "users, far back": "/settings/users?page={far}",
    "an import's results": "/settings/users/import/{import_id}",
    "an import's last results": "/settings/users/import/{import_id}?page={far}",
    "leads": "/leads",
    "leads, far back": "/leads?page={far}",
    "leads, a contact being looked for": "/leads?contact=con",
    "contacts": "/contacts",
    "a contact of many leads": "/contacts/{contact_id}",
    "a card": "/leads/{card_id}",
    "a card, somebody being looked for": "/leads/{card_id}?find=n9",
    "a card, further tasks": "/leads/{card_id}?tasks=2",
    "a direct chat": "/direct/{member}",
    "the record": "/audit",
    "sweeps": "/sweeps",
    "a sweep's findings": "/sweeps/{sweep_id}",
    "a sweep's last findings": "/sweeps/{sweep_id}?page={late}",
    "a removal from many cards": "/removals/{removals[0]}",
    "a removal of many": "/removals/{removals[1]}",
}
PAGES = {
    **{name: ("admin", f"/a/{{slug}}{path}") for name, path in OF_ADMIN.items()},
    "a card, to its guest": ("guest", "/a/{slug}/leads/{card_id}"),
    "notifications": ("admin", "/notifications"),
    "notifications, scrolled": ("admin", "/notifications?shown=30"),
    "notifications, to a guest of many cards": ("guest", "/notifications"),
    "jobs": ("operator", "/ops/jobs"),
    "dead letters": ("operator", "/ops/jobs?state=dead"),
    "invitations, to operators": ("operator", "/ops/invitations"),
}


class Reader:
    """Reads pages of an account in this process, and counts what each asks of the database."""

    def __init__(self, database: Database, plenty: Plenty) -> None:
        self.database, self.plenty = database, plenty
        self.app = create_app(settings(), database)
        # The database's own words for where a transaction begins are nothing that is asked.
        self.said: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *told: self.said.append(told[2]))
        team = plenty.team
        people = {"admin": team.admin, "guest": plenty.guest, "operator": team.member}
        self.browsers = {role: self._sign_in(person) for role, person in people.items()}

    def read(self, role: str, path: str, **pages: int) -> tuple[str, int]:
        """Return the page and how many statements it took."""
        about = {**vars(self.plenty), "slug": self.plenty.team.slug, **pages}
        at = path.format(**about, member=self.plenty.team.member.membership_id)
        self.browsers[role].get(at)
        self.said.clear()
        answer = self.browsers[role].get(at)
        assert answer.status_code == 200, at
        return answer.text, sum(not each.startswith("BEGIN") for each in self.said)

    def _sign_in(self, person: Person) -> FlaskClient:
        browser = self.app.test_client()
        with self.database.transaction() as session, browser.session_transaction() as cookie:
            cookie[SECRET] = start_session(session, person.user_id)
        return browser


@pytest.fixture(scope="module", params=each_database("much"))
def large(request: pytest.FixtureRequest, create: Callable[[str], Create]) -> Iterator[Database]:
    """A database with much in one account, and a little in another."""
    planted = Database(create(request.param)("large"))
    yield planted
    planted.close()


@pytest.fixture(scope="module")
def accounts(large: Database) -> tuple[Plenty, Plenty]:
    return plant_plenty(large, rows=ROWS, talk=TALK), plant_plenty(large, rows=200, talk=100)


def test_pages_of_much_are_small_and_take_a_handful_of_statements(
    large: Database, accounts: tuple[Plenty, Plenty], choose: Callable[..., None]
) -> None:
    choose(operators=",".join(each.team.member.email for each in accounts))
    much, little = (Reader(large, each) for each in accounts)
    for name, (role, path) in PAGES.items():
        page, statements = much.read(role, path, far=ROWS // 200, late=TALK // 100)
        _, of_little = little.read(role, path, far=1, late=1)
        assert len(page.encode()) < LARGEST, name
        assert statements == of_little <= MOST_STATEMENTS, name
