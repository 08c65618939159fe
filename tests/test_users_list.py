"""Settings, Users with many people in it: one list, found by name, group and state, paged at the same cost (R2)."""

import html
import re
from collections.abc import Iterator
from itertools import product

import pytest
from sqlalchemy import event

from models import Group, settings
from tests.crowd import KINDS, STATES, plant_crowd
from tests.inviting import Admin, fresh, rows_on
from tests.people import Person
from tests.stack import Stack
from webapp import create_app

MANY = 10_000
LARGEST = 100_000
OLDER = re.compile(r'<a [^>]*href="([^"]*)">Older</a>')
SELF = re.compile(r'data-self="([^"]*)"')


@pytest.fixture(scope="module")
def crowded(stack: Stack) -> Admin:
    """An admin of an account with very many people."""
    admin = Admin(stack, stack.account())
    plant_crowd(stack.database, admin.team, MANY)
    return admin


def test_r2_the_list_is_found_by_group_and_by_state(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    crowd = plant_crowd(stack.database, admin.team, len(KINDS))
    crowd |= {person.email: ("joined", group) for person, group in everybody(admin)}
    assert {email: row.status for email, row in admin.rows().items()} == {
        email: state for email, (state, _) in crowd.items()
    }
    for state, group in product([*STATES, ""], [*Group, ""]):
        page = admin.browser.get(f"{admin.page}?state={state}&group={group}").text
        wanted = {email for email, (has, within) in crowd.items() if state in (has, "") and group in (within, "")}
        assert set(rows_on(page)) == wanted, (state, group)
    found = rows_on(admin.browser.get(f"{admin.page}?q=n1&state=queued&group=member").text)
    assert set(found) == {f"n1@{admin.team.slug}.example"}


def test_users_list_leaves_out_what_no_group_and_no_state_is(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    for asked in ("state=gone&group=guests", "state=%00&group=%ff", "state=JOINED"):
        assert len(rows_on(admin.browser.get(f"{admin.page}?{asked}").text)) == len(everybody(admin)), asked
    assert "Nobody matches." in admin.browser.get(f"{admin.page}?state=bounced").text


def test_users_list_keeps_what_was_chosen_while_it_is_paged_and_while_it_changes(crowded: Admin) -> None:
    pages = list(walk(crowded, "?q=n&group=free&state=bounced"))
    found = [row for page in pages for row in rows_on(page).values()]
    assert len({row.email for row in found}) == len(found) == sum(kind == ("bounced", Group.FREE) for kind in kinds())
    assert {row.status for row in found} == {"bounced"}
    for number, page in enumerate(pages):
        assert "Older</a>" in page or number == len(pages) - 1
        assert '<option value="free" selected>' in page and '<option value="bounced" selected>' in page
        # What a live page fetches again.
        fetched = html.unescape(SELF.findall(page)[0])
        assert list(rows_on(crowded.browser.get(fetched).text)) == list(rows_on(page))


def test_users_list_answers_ten_thousand_people_in_less_than_100_kb(crowded: Admin) -> None:
    for asked in ("", "?state=queued", "?group=free&state=failed&page=3", f"?page={MANY // 120}"):
        answer = crowded.browser.get(crowded.page + asked)
        assert len(rows_on(answer.text)) > 50 and len(answer.content) < LARGEST, asked


def test_users_list_of_ten_thousand_takes_as_many_statements_as_a_short_one(stack: Stack, crowded: Admin) -> None:
    short = Admin(stack, stack.account())
    few = plant_crowd(stack.database, short.team, 1)
    assert len(short.rows()) == len(few) + len(everybody(short))
    for asked in ("", "?group=member&state=sent", "?q=n", "?page=2"):
        assert statements(stack, crowded, asked) == statements(stack, short, asked), asked


def test_users_list_says_who_invited(stack: Stack) -> None:
    admin, email = Admin(stack, stack.account()), fresh()
    admin.invite(email)
    page = admin.browser.get(f"{admin.page}?q={email}").text
    assert f'data-sponsor-id="{admin.team.admin.membership_id}">by Ada Admin<' in page
    assert "data-sponsor-id" not in admin.browser.get(f"{admin.page}?q={admin.team.admin.email}").text


def walk(admin: Admin, asked: str) -> Iterator[str]:
    """Yield the pages of a list, as the links from one to the next lead."""
    while True:
        page = admin.browser.get(admin.page + asked).text
        yield page
        if not (link := OLDER.search(page)):
            return
        asked = html.unescape(link[1])


def statements(stack: Stack, admin: Admin, asked: str) -> int:
    """Return how many statements the page takes, its rendering included."""
    said: list[str] = []
    app = create_app(settings(), stack.database)
    visitor = app.test_client()
    for name, value in admin.browser.http.cookies.items():
        visitor.set_cookie(name, value, domain="127.0.0.1")
    listen = (stack.database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    event.listen(*listen)
    try:
        answer = visitor.get(admin.page + asked, base_url=stack.url)
    finally:
        event.remove(*listen)
    assert answer.status_code == 200 and said
    return len(said)


def kinds() -> list[tuple[str, Group]]:
    return [KINDS[number % len(KINDS)] for number in range(MANY)]


def everybody(admin: Admin) -> list[tuple[Person, Group]]:
    return [(admin.team.admin, Group.ADMIN), (admin.team.member, Group.MEMBER)]
