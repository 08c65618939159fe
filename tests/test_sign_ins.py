"""Where somebody is signed in: seen and ended by themselves, ended by time, and by another password."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import AuditEvent, Event, User, UserSession, now
from tests.browser import Browser
from tests.inviting import NEW_PASSWORD, activate, links_of, text_of, token_path
from tests.listening import listening
from tests.people import PASSWORD, Person
from tests.stack import Stack

ENTRY = re.compile(r'data-session-id="(\d+)"(.*?)</li>', re.DOTALL)
CHANGE = "/sign-ins/password"
NEW = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}


def test_who_is_signed_in_sees_where_and_ends_one_or_all(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    here, other, phone = stack.client(guest), stack.client(guest), stack.client()
    phone.http.headers["User-Agent"] = "Telephone <b>"
    assert phone.sign_in(guest.email, guest.password).status_code == 303
    listed = entries(here)
    assert sorted(["This browser" in said for said in listed.values()]) == [False, False, True]
    (telephone,) = [number for number, said in listed.items() if "Telephone &lt;b&gt;" in said]

    answer = here.post(f"/sign-ins/{telephone}/end")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-ins")
    assert telephone not in entries(here)
    assert [is_in(each) for each in (phone, other, here)] == [False, True, True]
    assert here.post("/sign-ins/end").status_code == 303
    assert [is_in(each) for each in (other, here)] == [False, True]
    assert here.post(f"/sign-ins/{own(here)}/end").headers["Location"] == "/login"
    assert not is_in(here)


def test_nobody_sees_or_ends_the_sign_in_of_another(stack: Stack) -> None:
    team = stack.account()
    guest, member = stack.client(stack.guest(team)), stack.client(team.member)
    (theirs,) = entries(member)
    assert theirs not in entries(guest)
    for wanted in (theirs, 10**12):
        assert guest.post(f"/sign-ins/{wanted}/end").status_code == 404
    assert guest.post("/sign-ins/end", user_id=team.member.user_id).status_code == 303
    assert is_in(member)


def test_a_session_left_alone_ends_and_its_stream_with_it(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    idle, used = stack.client(guest), stack.client(guest)
    idle_id, used_id = own(idle), own(used)
    with listening(idle) as stream:
        seen(stack, idle_id, timedelta(hours=72, minutes=1))
        seen(stack, used_id, timedelta(hours=71))
        assert stream.ended(within=10)
    assert [is_in(each) for each in (idle, used)] == [False, True]
    assert idle_id not in entries(used)


def test_being_used_keeps_a_session_from_idling_but_not_from_its_end(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client(guest)
    mine = own(browser)
    seen(stack, mine, timedelta(hours=1))
    before = session_of(stack, mine)

    assert is_in(browser)

    after = session_of(stack, mine)
    assert after.seen_at > before.seen_at + timedelta(minutes=59)
    assert after.expires_at == before.expires_at
    assert timedelta(days=13, hours=23) < after.expires_at - after.created_at <= timedelta(days=14)


def test_another_password_needs_the_present_one(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser, other = stack.client(guest), stack.client(guest)
    before = hash_of(stack, guest)
    for current, status in (("", 403), (NEW_PASSWORD, 403), (PASSWORD[:-1], 403)):
        refused = browser.post(CHANGE, password_current=current, **NEW)
        assert refused.status_code == status
        assert "not the password that you have now" in refused.text
        assert 'name="password_current"' in refused.text
        assert NEW_PASSWORD not in refused.text
    for wrong in ({}, {"password": "short", "password_confirm": "short"}, {**NEW, "password_confirm": "else"}):
        assert browser.post(CHANGE, password_current=PASSWORD, **wrong).status_code == 422
    assert browser.post(CHANGE, csrf_token="", password_current=PASSWORD, **NEW).status_code == 400
    assert hash_of(stack, guest) == before
    assert is_in(browser) and is_in(other)
    stack.idle()
    assert not stack.mails_now(guest.email)


def test_who_found_a_browser_open_cannot_try_passwords_there_for_long(stack: Stack) -> None:
    browser = stack.client(stack.guest(stack.account()))
    answers = [browser.post(CHANGE, password_current="wrong", **NEW).status_code for _ in range(17)]
    assert answers == [403] * 16 + [429]


def test_another_password_ends_all_that_the_one_before_opened_and_is_told(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser, other = stack.client(guest), stack.client(guest)
    stack.client().post("/password/forgot", email=guest.email)
    reset = token_path(stack.mails(guest.email, template="password-reset")[0])
    stolen = browser.http.cookies["guestlist"]

    answer = browser.post(CHANGE, password_current=PASSWORD, **NEW)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-ins")
    assert "Everywhere else you are signed out" in browser.follow(answer).text
    assert browser.http.cookies["guestlist"] != stolen
    thief = stack.client()
    assert thief.get("/notifications", Cookie=f"guestlist={stolen}").status_code == 403
    # Nobody is told that their access has ended where it has not.
    assert "You were signed out here" in other.get("/notifications").text
    assert not is_in(other)
    assert len(entries(browser)) == 1
    assert activate(stack, reset).status_code == 410
    assert stack.client().sign_in(guest.email, PASSWORD).status_code == 403
    assert stack.client().sign_in(guest.email, NEW_PASSWORD).status_code == 303
    (mail,) = stack.mails(guest.email, template="password-changed")
    assert {link.removeprefix(stack.url) for link in links_of(mail)} == {"/password/forgot"}
    assert guest.email in text_of(mail) and NEW_PASSWORD not in mail.as_string()
    with stack.database.reading() as session:
        of = select(AuditEvent.outcome).where(AuditEvent.event == Event.PASSWORD_SET)
        assert session.scalars(of.where(AuditEvent.object_id == guest.user_id)).all() == ["changed"]


def test_who_set_a_password_by_mail_is_told_as_well(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    stack.client().post("/password/forgot", email=guest.email)
    assert activate(stack, token_path(stack.mails(guest.email)[0])).status_code == 303
    assert stack.mails(guest.email, template="password-changed")


@pytest.mark.parametrize("path", ["/sign-ins", "/sign-ins/end", CHANGE])
def test_who_was_removed_has_no_sign_ins_to_see(stack: Stack, path: str) -> None:
    guest = stack.guest(team := stack.account())
    browser, admin = stack.client(guest), stack.client(team.admin)
    entries(browser)
    admin.post(f"{team.path}/settings/users/delete", ids=[guest.membership_id], confirm="yes")
    ask = browser.get if path == "/sign-ins" else browser.post
    assert ask(path).status_code == 403


def entries(browser: Browser) -> dict[int, str]:
    """Return what the page says of each session, by its id."""
    page = browser.get("/sign-ins")
    assert page.status_code == 200, page.text
    return {int(number): said for number, said in ENTRY.findall(page.text)}


def own(browser: Browser) -> int:
    """Return the id of the browser's own session."""
    return next(number for number, said in entries(browser).items() if "This browser" in said)


def is_in(browser: Browser) -> bool:
    return browser.get("/notifications").status_code == 200


def seen(stack: Stack, session_id: int, ago: timedelta) -> None:
    with stack.database.transaction() as session:
        session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now() - ago))


def session_of(stack: Stack, session_id: int) -> UserSession:
    with stack.database.reading() as session:
        return session.get_one(UserSession, session_id)


def hash_of(stack: Stack, person: Person) -> str | None:
    with stack.database.reading() as session:
        return session.get_one(User, person.user_id).password_hash
