"""Who tries passwords is held to a limit, and no stranger locks anybody out by it."""

from secrets import randbelow

import httpx
import pytest
from sqlalchemy import select, update

from models import Attempt, AuditEvent, Database, Delivery, Event, Template, User, UserSession, now
from tests.browser import Browser
from tests.inviting import NEW_PASSWORD, Admin, fresh, token_path
from tests.people import PASSWORD, make_guest, make_team
from tests.stack import Stack
from webapp.sign_in import credentials
from workflows.leave import end_sessions
from workflows.passwords import hash_password, password_matches
from workflows.refusals import SignInRefused
from workflows.sign_in import start_session
from workflows.throttle import forget_attempts, succeed

WRONG = "not the password at all"


def test_a_network_is_held_to_a_limit_whomever_it_tries_to_be(stack: Stack) -> None:
    member, browser = stack.account().member, stack.client()
    assert [browser.sign_in(fresh(), WRONG).status_code for _ in range(6)] == [403] * 6

    refused = browser.sign_in(member.email, PASSWORD)

    assert refused.status_code == 429
    assert "Too many tries" in refused.text
    assert "guestlist-known" not in browser.http.cookies
    assert stack.client().sign_in(member.email, PASSWORD).status_code == 303, "others elsewhere are let in"
    with stack.database.transaction() as session:
        here = update(Attempt).where(Attempt.source == browser.http.headers["X-Forwarded-For"])
        session.execute(here.values(at=now().replace(year=now().year - 1)))
        forget_attempts(session)
    assert browser.sign_in(member.email, PASSWORD).status_code == 303, "and so is this one, in time"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP"])
def test_nobody_comes_from_elsewhere_by_saying_so(stack: Stack, header: str) -> None:
    at, answers = Browser(stack.url).http.headers["X-Forwarded-For"], []
    for number in range(7):
        browser, claimed = stack.client(), f"192.0.2.{number}"
        # A proxy adds whom it heard behind what the request said.
        said = {"X-Forwarded-For": f"{claimed}, {at}"} if header == "X-Forwarded-For" else {"X-Forwarded-For": at}
        browser.http.headers = httpx.Headers([*said.items(), *([] if header in said else [(header, claimed)])])
        answers.append(browser.sign_in(fresh(), WRONG).status_code)
    assert answers == [403] * 6 + [429]


def test_all_addresses_of_one_subscriber_are_one(stack: Stack) -> None:
    for prefix in ("2001:db8:{0:x}::{1:x}", "::ffff:192.0.2.{0}"):
        network, answers = randbelow(250), []
        for number in range(7):
            browser = stack.client()
            browser.http.headers["X-Forwarded-For"] = prefix.format(network, number + 1)
            answers.append(browser.sign_in(fresh(), WRONG).status_code)
        assert answers == [403] * 6 + [429], prefix


def test_a_stranger_locks_nobody_out(stack: Stack) -> None:
    member = stack.account().member
    mine = stack.client(member)
    mine.post("/logout")
    told = {email: hammered(stack, email) for email in (member.email, fresh())}
    assert told[member.email][-1] == 429, "their own password does not help who was never here"
    assert list(told.values())[0] == list(told.values())[1], "an unknown address is told the same"

    assert mine.sign_in(member.email, PASSWORD).status_code == 303, "the browser that they always use"
    new = stack.client()
    assert new.sign_in(member.email, PASSWORD).status_code == 429
    assert new.post("/password/forgot", email=member.email).status_code == 303
    path = token_path(stack.mails(member.email, template="password-reset")[-1])
    assert new.post(path, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD).status_code == 303
    assert new.sign_in(member.email, NEW_PASSWORD).status_code == 303, "whoever reads the mailbox"


def test_a_known_browser_is_known_for_one_person_and_counts_by_itself(stack: Stack) -> None:
    team = stack.account()
    browser = stack.client(team.member)
    browser.post("/logout")
    assert [browser.sign_in(team.member.email, WRONG).status_code for _ in range(17)] == [403] * 16 + [429]
    other = stack.client(team.member)
    other.post("/logout")
    assert [other.sign_in(team.admin.email, WRONG).status_code for _ in range(7)] == [403] * 6 + [429]
    assert other.sign_in(team.member.email, PASSWORD).status_code == 303


def test_a_right_password_is_no_try_even_if_there_is_no_account_left(stack: Stack) -> None:
    team = stack.account()
    guest, browser = stack.guest(team), stack.client()
    Admin(stack, team).delete(guest.membership_id)
    assert [browser.sign_in(guest.email, PASSWORD).status_code for _ in range(8)] == [403] * 8


@pytest.mark.parametrize("cookie", ["", "rubbish", "W10.aaaa", "x" * 3000])
def test_a_made_up_browser_is_not_known(stack: Stack, cookie: str) -> None:
    member, browser = stack.account().member, stack.client()
    for _ in range(6):
        browser.http.cookies.set("guestlist-known", cookie)
        assert browser.sign_in(member.email, WRONG).status_code == 403
    assert browser.sign_in(member.email, PASSWORD).status_code == 429


def test_r70_who_was_not_let_in_is_recorded_without_what_was_typed(stack: Stack) -> None:
    browser, typed = stack.client(), fresh("oops-my-password")
    browser.sign_in(typed, WRONG)
    with stack.database.reading() as session:
        newest = select(AuditEvent).where(AuditEvent.event == Event.SIGN_IN_REFUSED).order_by(AuditEvent.id.desc())
        found = session.scalars(newest.limit(1)).one()
        kept = session.get_one(Attempt, found.object_id)
    assert found.details == {"source": browser.http.headers["X-Forwarded-For"]}
    assert typed not in (kept.person, kept.source)


def test_nobody_fills_a_mailbox_or_the_queue_by_asking_for_resets(stack: Stack) -> None:
    for email in (stack.account().member.email, fresh()):
        answers = [stack.client().post("/password/forgot", email=email) for _ in range(8)]
        assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/password/asked")}
        with stack.database.reading() as session:
            of = select(Delivery.id).where(Delivery.to_address == email, Delivery.template == Template.PASSWORD_RESET)
            assert len(session.scalars(of).all()) == 5
    one = stack.client()
    assert [one.post("/password/forgot", email=fresh()).status_code for _ in range(7)] == [303] * 6 + [429]


def test_a_password_that_is_changed_while_it_is_looked_at_lets_nobody_in(database: Database) -> None:
    guest = make_guest(database, make_team(database))
    with database.reading() as session:
        user_id, password_hash = credentials(session, guest.email)
    assert user_id and password_matches(password_hash, PASSWORD)
    changed = hash_password(NEW_PASSWORD, NEW_PASSWORD)
    with database.transaction() as session:
        session.get_one(User, guest.user_id).password_hash = changed
        end_sessions(session, UserSession.user_id == guest.user_id)

    with pytest.raises(SignInRefused), database.transaction() as session:
        start_session(session, user_id)
        succeed(session, 0, user_id=user_id, password_hash=password_hash)

    with database.reading() as session:
        assert not session.scalars(select(UserSession).where(UserSession.user_id == guest.user_id)).all()


def hammered(stack: Stack, email: str) -> list[int]:
    """Try wrong passwords from many networks until nothing is heard any more, then the right one."""
    answers = [stack.client().sign_in(email, WRONG).status_code for _ in range(9)]
    return [*answers, stack.client().sign_in(email, PASSWORD).status_code]
