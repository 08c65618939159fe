"""Signing in and out: passwords, sessions that live on the server, and the way onward."""

import re
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select, update

from models import Group, User, UserSession, now
from tests.browser import Browser
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited
from tests.people import PASSWORD, Person, make_person
from tests.stack import Stack

COOKIE = "guestlist"
ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "%09//evil.example",
    "https:evil.example",
    "https://evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "//evil.example/@127.0.0.1",
    "evil.example",
    "@evil.example",
    " //evil.example",
    "/%0d%0aSet-Cookie: a=b\r\nSet-Cookie: c=d",
    "/\u2028/evil.example",
    "//[evil",
    "/" + "x" * 5000,
)


def test_passwords_are_kept_as_argon2id_hashes(stack: Stack) -> None:
    nora = fresh()
    activate(stack, invited(stack, Admin(stack, stack.account()), nora))
    with stack.database.reading() as session:
        kept = session.scalars(select(User.password_hash).where(User.email == nora)).one()
    assert kept is not None and kept.startswith("$argon2id$")
    assert NEW_PASSWORD not in kept


def test_a_wrong_password_and_an_unknown_address_are_told_alike(stack: Stack) -> None:
    team, waiting = stack.account(), fresh()
    invited(stack, Admin(stack, team), waiting)
    tries = ((team.member.email, "not the password"), (fresh(), PASSWORD), (waiting, ""), (waiting, PASSWORD))
    told = []
    for email, password in tries:
        answer = stack.client().sign_in(email, password)
        told.append((answer.status_code, re.sub(r'(name="csrf_token" value)="[^"]*"', r"\1", answer.text)))
        told[-1] = (told[-1][0], told[-1][1].replace(email, "ADDRESS"))
    assert told[0][0] == 403
    assert told.count(told[0]) == len(tries)
    assert PASSWORD not in told[0][1]


@pytest.mark.parametrize("typed", [{"password": "x" * 5001}, {"password": "x" * 900_000}, {"password": "x\x00y"}])
def test_what_was_typed_is_not_lost_where_it_is_too_much(stack: Stack, typed: dict[str, str]) -> None:
    nora, browser = fresh(), stack.client()
    answer = browser.post("/login", email=nora, next="/accounts", **typed)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text and f'value="{nora}"' in answer.text and 'value="/accounts"' in answer.text
    assert typed["password"] not in answer.text
    path = invited(stack, Admin(stack, stack.account()), fresh())
    answer = browser.post(path, name="Nora New", password_confirm="x", **typed)
    assert answer.status_code == 422
    assert 'value="Nora New"' in answer.text and typed["password"] not in answer.text
    assert activate(stack, path).status_code == 303
    too_long = "n" * 2500
    assert too_long in browser.post("/password/forgot", email=too_long).text


def test_the_session_is_renewed_by_signing_in(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client()
    browser.get("/login")
    before = browser.http.cookies[COOKIE]

    browser.sign_in(guest.email, guest.password)

    after = browser.http.cookies[COOKIE]
    assert after != before
    assert is_signed_in(stack, after) and not is_signed_in(stack, before)
    browser.sign_in(guest.email, guest.password)
    assert is_signed_in(stack, browser.http.cookies[COOKIE])
    assert not is_signed_in(stack, after), "who signs in again leaves no session behind"


def test_the_cookie_is_kept_from_scripts_and_holds_what_the_database_does_not(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    answer = stack.client().sign_in(guest.email, guest.password)
    cookie = answer.headers["Set-Cookie"]
    assert all(mark in cookie for mark in ("HttpOnly", "SameSite=Lax", "Path=/"))
    with stack.database.reading() as session:
        kept = session.scalars(select(UserSession).where(UserSession.user_id == guest.user_id)).one()
    assert len(kept.digest) == 64
    assert kept.digest not in cookie


def test_signing_out_ends_the_session_on_the_server(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    here, there = stack.client(guest), stack.client(guest)
    stolen = here.http.cookies[COOKIE]
    assert is_signed_in(stack, stolen)

    answer = here.post("/logout")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not is_signed_in(stack, stolen)
    assert there.get("/notifications").status_code == 200, "the other session is another one"
    here.get("/login")
    assert here.post("/logout").status_code == 303, "twice is the same as once"


def test_a_session_ends_with_its_time(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client(guest)
    assert browser.get("/notifications").status_code == 200
    with stack.database.transaction() as session:
        mine = update(UserSession).where(UserSession.user_id == guest.user_id)
        session.execute(mine.values(expires_at=now() - timedelta(seconds=1)))
    assert browser.get("/notifications").status_code in (303, 403)
    assert browser.get("/login").status_code == 200


@pytest.mark.parametrize("cookie", ["", "rubbish", "eyJzZWNyZXQiOiJ4In0.aaaaaa.bbbb", "x" * 5000])
def test_a_cookie_that_is_not_ours_is_nobodys(stack: Stack, cookie: str) -> None:
    assert not is_signed_in(stack, cookie)


def test_onward_leads_to_the_page_that_was_asked_for(stack: Stack) -> None:
    team = stack.account()
    browser = stack.client()
    wanted = f"{team.path}/leads?q=oak&page=0"
    asked = browser.get(wanted)
    assert asked.status_code == 303
    form = browser.follow(asked)
    found = re.search(r'name="next" value="([^"]*)"', form.text)
    assert found is not None
    answer = browser.sign_in(team.admin.email, PASSWORD, next=found.group(1).replace("&amp;", "&"))
    assert answer.headers["Location"] == wanted
    assert browser.follow(answer).status_code == 200


@pytest.mark.parametrize("next_", ELSEWHERE)
def test_onward_never_leads_elsewhere(stack: Stack, next_: str) -> None:
    member = stack.account().member
    form = stack.client().get(f"/login?next={quote(next_)}")
    assert form.status_code == 200
    assert 'name="next" value=""' in form.text

    browser = stack.client()
    answer = browser.sign_in(member.email, PASSWORD, next=next_)

    assert answer.status_code == 303
    home = httpx.URL(stack.url)
    led = home.join(answer.headers["Location"])
    assert (led.host, led.port, led.scheme) == (home.host, home.port, home.scheme)
    assert "evil" not in answer.headers["Location"]
    assert browser.follow(answer).status_code in (200, 303)


def test_who_has_several_accounts_chooses_one(stack: Stack) -> None:
    teams = [stack.account(), stack.account(), stack.account()]
    person = seated(stack, teams[0].id, Group.MEMBER)
    make_person(stack.database, teams[1].id, person.email, "Cleo", Group.ADMIN)
    browser = stack.client()

    page = browser.follow(browser.follow(browser.sign_in(person.email, PASSWORD)))

    assert page.url.path == "/accounts"
    for team in teams[:2]:
        assert f'href="{team.path}/leads"' in page.text
        assert browser.get(f"{team.path}/leads").status_code == 200
    assert teams[2].slug not in page.text


@pytest.mark.parametrize(("group", "home"), [(Group.ADMIN, "/leads"), (Group.MEMBER, "/leads"), (Group.FREE, "")])
def test_who_has_one_account_is_led_there(stack: Stack, group: Group, home: str) -> None:
    team = stack.account()
    browser = stack.client()
    page = browser.follow(browser.follow(browser.sign_in(seated(stack, team.id, group).email, PASSWORD)))
    assert page.url.path == (f"{team.path}{home}" if home else "/notifications")
    assert page.status_code == 200


def test_who_has_no_account_left_is_told_so(stack: Stack) -> None:
    team = stack.account()
    guest = stack.guest(team)
    browser = stack.client(guest)
    Admin(stack, team).delete(guest.membership_id)
    assert browser.get("/notifications").status_code in (303, 403)
    answer = stack.client().sign_in(guest.email, PASSWORD)
    assert answer.status_code == 403
    assert "no account" in answer.text


def is_signed_in(stack: Stack, cookie: str) -> bool:
    """Return whether a cookie, from whatever browser, opens a page for people."""
    browser = Browser(stack.url)
    answer = browser.get("/notifications", Cookie=f"{COOKIE}={cookie}")
    browser.close()
    assert answer.status_code in (200, 303, 403)
    return answer.status_code == 200


def seated(stack: Stack, account_id: int, group: Group) -> Person:
    return make_person(stack.database, account_id, fresh("cleo"), "Cleo", group)
