"""Tokens of links and of forms that are missing, forged or monstrous open nothing and change nothing."""

import socket
from contextlib import suppress

import httpx
import pytest

from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited, picture
from tests.stack import Stack


@pytest.mark.parametrize("what", ["/activate", "/password/reset", "/unsubscribe"])
def test_a_token_that_is_none_of_ours_opens_nothing(stack: Stack, what: str) -> None:
    tokens = ("x", "x" * 43, "x" * 60_000, "%00", "%ff%fe", "%2e%2e%2flogin", "a%20b", "💥", "' OR 1=1 --")
    browser = stack.client()
    for token in tokens:
        for answer in (browser.get(f"{what}/{token}"), activate(stack, f"{what}/{token}")):
            assert answer.status_code in (404, 405, 410), (token, answer.status_code)
            assert 'role="alert"' in answer.text
    assert browser.get(f"{what}/").status_code == 404
    assert browser.get(what).status_code == 404


@pytest.mark.parametrize("what", ["/activate", "/password/reset", "/unsubscribe"])
def test_a_token_of_a_megabyte_is_refused_and_harms_nobody(stack: Stack, what: str) -> None:
    home = httpx.URL(stack.url)
    request = f"GET {what}/{'x' * 1_000_000} HTTP/1.1\r\nHost: {home.netloc.decode()}\r\n\r\n"
    # Hanging up in the middle of it is an answer, too.
    with suppress(ConnectionError), socket.create_connection((home.host, home.port), timeout=10) as raw:
        raw.sendall(request.encode())
        assert raw.recv(12).startswith(b"HTTP/1.1 4")
    assert stack.client().get("/login").status_code == 200


@pytest.mark.parametrize("token", ["", "rubbish", "another browser's"])
def test_a_form_without_its_token_is_refused_at_the_door_as_well(stack: Stack, token: str) -> None:
    team = stack.account()
    guest, other = stack.guest(team), stack.client()
    path, here = invited(stack, Admin(stack, team), fresh()), stack.client(guest)
    other.get("/login")
    token = other.token if token == "another browser's" else token
    stack.idle()
    before = picture(stack, team)
    passwords = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}

    for browser in (here, stack.client()):
        browser.get("/login")
        for where, fields in (
            ("/login", {"email": guest.email, "password": guest.password}),
            ("/logout", {}),
            ("/password/forgot", {"email": guest.email}),
            (path, passwords),
        ):
            answer = browser.post(where, csrf_token=token, **fields)
            assert answer.status_code == 400, where
            assert "no longer valid" in answer.text

    assert picture(stack, team) == before
    assert here.get("/notifications").status_code == 200, "still signed in"
    assert stack.client().get(path).status_code == 200, "the link is still alive"
