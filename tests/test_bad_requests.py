"""Requests that come in pieces, or never whole, are served or refused, and keep nobody else waiting."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from models import Database, Settings
from tests.browser import Browser
from tests.people import Team
from tests.stack import Stack
from webapp import create_app
from webapp.bridge import WORKERS, pages
from webapp.sizes import LARGEST_FORM

UNFINISHED = "POST /login HTTP/1.1\r\nHost: {0}\r\nContent-Type: application/x-www-form-urlencoded\r\n"


def test_who_never_ends_a_request_keeps_nobody_waiting(stack: Stack) -> None:
    with ExitStack() as opened:
        for _ in range(2 * WORKERS):
            opened.enter_context(spoken(stack, UNFINISHED + "Content-Length: 100\r\n\r\nemail="))
        assert httpx.get(f"{stack.url}/login", timeout=10).status_code == 200


def test_a_request_that_takes_too_long_is_given_up(database: Database) -> None:
    served = pages(create_app(Settings(base_url="http://127.0.0.1"), database), patience=0.01)
    told = []

    async def receive() -> dict[str, object]:
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    asyncio.run(served({"type": "http", "headers": []}, receive, send))
    assert told[0]["status"] == 408


def test_a_form_in_chunks_is_a_form(stack: Stack) -> None:
    browser, team = signed_in(stack)
    answer = in_chunks(browser, f"{team.path}/leads", "name=Oak+table", f"&csrf_token={browser.token}")
    assert answer.status_code == 303
    assert "Oak table" in browser.follow(answer).text


def test_chunks_without_an_end_are_too_large(stack: Stack) -> None:
    browser, team = signed_in(stack)
    token = f"csrf_token={browser.token}&name="
    assert in_chunks(browser, f"{team.path}/leads", token, *["x" * 100_000] * 12).status_code == 413
    assert LARGEST_FORM < 1_200_000


def test_chunks_that_are_none_are_refused(stack: Stack) -> None:
    with spoken(stack, UNFINISHED + "Transfer-Encoding: chunked\r\n\r\nno number\r\n") as raw:
        assert raw.recv(12) == b"HTTP/1.1 400"


def signed_in(stack: Stack) -> tuple[Browser, Team]:
    """Return an admin's browser that holds a form's token, and their team."""
    team = stack.account()
    browser = stack.client(team.admin)
    browser.get(f"{team.path}/leads")
    return browser, team


def in_chunks(browser: Browser, path: str, *chunks: str) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return browser.http.post(path, content=(each.encode() for each in chunks), headers=form)


@contextmanager
def spoken(stack: Stack, request: str) -> Iterator[socket.socket]:
    """Yield a connection on which the beginning of a request was said."""
    home = httpx.URL(stack.url)
    with socket.create_connection((home.host, home.port), timeout=10) as raw:
        raw.sendall(request.format(home.netloc.decode()).encode())
        yield raw
