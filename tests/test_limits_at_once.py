"""Limits hold however many ask at the same moment."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

import httpx
from sqlalchemy import ColumnElement, func, select

from models import Delivery, Invitation, settings
from tests.browser import Browser
from tests.inviting import fresh
from tests.removing import at_once
from tests.stack import Stack
from workflows.activate import RESETS

CROWD = 16
WRONG = "not the password at all"


def test_r9_a_recipient_is_mailed_no_more_by_many_accounts_at_once(stack: Stack) -> None:
    nora, limit = fresh(), settings().mails_per_recipient_day
    teams = [stack.account() for _ in range(CROWD)]
    admins = opened([stack.client(team.admin) for team in teams], "/notifications")

    answers = at_once(
        *(
            partial(admin.post, f"{team.path}/settings/users", email=nora, group="free")
            for admin, team in zip(admins, teams, strict=True)
        )
    )

    assert statuses(answers) == {303: limit, 429: CROWD - limit}
    assert count(stack, Delivery.to_address == nora) == limit


def test_r9_an_invitation_is_sent_again_no_more_by_many_at_once(stack: Stack) -> None:
    team, limit = stack.account(), settings().resends_per_day
    admins = opened([stack.client(team.admin) for _ in range(CROWD)], "/notifications")
    admins[0].post(f"{team.path}/settings/users", email=fresh(), group="free")
    with stack.database.reading() as session:
        wanted = session.scalars(select(Invitation.id).where(Invitation.account_id == team.id)).one()

    path = f"{team.path}/settings/invitations/{wanted}/resend"
    answers = at_once(*(partial(admin.post, path) for admin in admins))

    assert statuses(answers) == {303: limit, 429: CROWD - limit}


def test_passwords_are_tried_no_more_by_many_at_once(stack: Stack) -> None:
    at, limit = stack.client().http.headers["X-Forwarded-For"], settings().tries_per_address
    crowd = [stack.client() for _ in range(CROWD)]
    for browser in crowd:
        browser.http.headers["X-Forwarded-For"] = at
    answers = at_once(*(partial(each.sign_in, fresh(), WRONG) for each in opened(crowd, "/login")))
    assert statuses(answers) == {403: limit, 429: CROWD - limit}, "from one network"

    guest, limit = stack.guest(stack.account()), settings().tries_per_person
    crowd = opened([stack.client() for _ in range(CROWD)], "/login")
    answers = at_once(*(partial(each.sign_in, guest.email, WRONG) for each in crowd))
    assert statuses(answers) == {403: limit, 429: CROWD - limit}, "as one person"


def test_a_mailbox_is_sent_no_more_reset_links_by_many_at_once(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    crowd = opened([stack.client() for _ in range(CROWD)], "/password/forgot")
    at_once(*(partial(each.post, "/password/forgot", email=guest.email) for each in crowd))
    assert count(stack, Delivery.to_address == guest.email) == RESETS


def opened(browsers: list[Browser], path: str) -> list[Browser]:
    """Let each browser open a page with a form, so that all they have left to do is to send it."""
    for browser in browsers:
        browser.get(path)
    return browsers


def statuses(answers: Iterable[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def count(stack: Stack, which: ColumnElement[bool]) -> int:
    with stack.database.reading() as session:
        return session.scalars(select(func.count()).where(which)).one()
