"""Requests that no page of ours makes: other methods, two requests in one, floods of fields and headers."""

import re
import socket

import httpx
import pytest

from tests.browser import Browser
from tests.inviting import Admin, picture
from tests.people import Team
from tests.stack import Stack
from webapp import MOST_PARTS
from webapp.sizes import MOST_FIELDS

CANARY = "canary-in-a-header"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
NEXT = "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"
# What a proxy in front may read as one request, and we as two, or the other way round.
AMBIGUOUS = {
    "a length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "chunks and a length": "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + NEXT,
    "two lengths": "Content-Length: 0\r\nContent-Length: 50\r\n\r\n" + NEXT,
    "a list of lengths": "Content-Length: 0, 50\r\n\r\n" + NEXT,
    "a length with a sign": "Content-Length: +0\r\n\r\n" + NEXT,
    "an unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "chunks that are not the last coding": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + NEXT,
    "a blank before the colon": "Content-Length : 50\r\n\r\n" + NEXT,
    "a header on two lines": "X-One: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
}


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "PROPFIND", "post"])
def test_only_the_methods_of_pages_and_forms_are_answered(stack: Stack, method: str) -> None:
    team = stack.account()
    card, admin = stack.card(team), Admin(stack, team)
    before = picture(stack, team)
    head = f"Host: {{host}}\r\nConnection: close\r\nX-Canary: {CANARY}\r\n{cookie(admin.browser)}\r\n"
    for path in ("/login", "/notifications/stream", admin.page, card.path, f"{card.path}/delete", "/static/style.css"):
        said = spoken(stack, f"{method} {path} HTTP/1.1\r\n{head}")
        assert statuses(said) in ([405], [400], [404], [501]), (path, said[:300])
        assert CANARY.encode() not in said, path
    assert picture(stack, team) == before


def test_no_header_and_no_field_makes_another_method_of_one(stack: Stack) -> None:
    team = stack.account()
    card, browser = stack.card(team), stack.client(team.admin)
    path, headers = f"{card.path}/delete", {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"}
    assert browser.get(f"{path}?_method=POST", **headers).status_code in (303, 404, 405)
    assert browser.get(card.path).status_code == 200


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_nothing_is_smuggled_behind_a_request(stack: Stack, what: str) -> None:
    said = spoken(stack, f"POST /logout HTTP/1.1\r\nHost: {{host}}\r\n{FORM}{AMBIGUOUS[what]}")
    assert len(statuses(said)) <= 1, said
    assert b'"status"' not in said


def test_a_form_of_more_fields_than_a_page_has_is_too_large(stack: Stack) -> None:
    browser, team = signed_in(stack)
    before = picture(stack, team)
    for many in (MOST_FIELDS, 400_000):
        answer = browser.http.post(
            f"{team.path}/leads",
            content=f"csrf_token={browser.token}&name=Oak" + "&a" * many,
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        )
        assert answer.status_code == 413
        assert "too large" in answer.text
    assert picture(stack, team) == before
    few = browser.post(f"{team.path}/leads", name="Oak", a=[""] * (MOST_FIELDS - 10))
    assert few.status_code == 303


def test_a_form_of_more_parts_than_a_page_has_is_too_large(stack: Stack) -> None:
    browser, team = signed_in(stack)
    before = picture(stack, team)
    fields = [("csrf_token", (None, browser.token)), ("name", (None, "Oak"))]
    many, files, long = (
        [("a", (None, ""))] * MOST_PARTS,
        [("a", ("a.txt", b""))] * MOST_PARTS,
        ("a", (None, "x" * 1_000_000)),
    )
    for more, connection in ((many, None), (files, None), ([long], "close")):
        answer = browser.http.post(f"{team.path}/leads", files=[*fields, *more])
        # What was not read as a whole is still on the connection, so that nobody else may come by it.
        assert (answer.status_code, answer.headers.get("Connection")) == (413, connection)
    assert picture(stack, team) == before
    assert browser.http.post(f"{team.path}/leads", files=fields).status_code == 303


@pytest.mark.parametrize("headers", ["X-Long: {long}\r\n", "Cookie: guestlist={long}\r\n", "{many}"])
def test_headers_beyond_all_measure_are_refused(stack: Stack, headers: str) -> None:
    flood = {"long": "x" * 500_000, "many": "".join(f"X-{each}: 1\r\n" for each in range(2000))}
    said = spoken(stack, f"GET /login HTTP/1.1\r\nHost: {{host}}\r\n{headers.format(**flood)}\r\n")
    assert statuses(said) in ([], [400], [431]), said[:300]
    assert httpx.get(f"{stack.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../models/settings.py",
        "/static/%2e%2e/%2e%2e/models/settings.py",
        "/static/..%2f..%2fmodels%2fsettings.py",
        "/static/%5c..%5c..%5cmodels%5csettings.py",
        "/static//etc/passwd",
        "/static/",
        "/bootstrap/static/../../../../flask/app.py",
        "/dev/mail/..%2f..%2f..%2fsecret.key",
        "/dev/mail/....%2f%2fsecret.key.eml",
        "/.env",
        "/.git/config",
    ],
)
def test_no_path_leads_out_of_what_is_shipped(stack: Stack, path: str) -> None:
    said = spoken(stack, f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n")
    assert statuses(said) in ([404], [400]), said[:300]
    for inside in (b"BaseSettings", b"root:", b"[core]", b"import ", (stack.home / "secret.key").read_bytes()):
        assert inside not in said


def test_no_page_of_another_site_may_read_ours(stack: Stack) -> None:
    browser, team = signed_in(stack)
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        for path in ("/notifications", f"{team.path}/leads", "/healthz", "/metrics", "/static/live.js"):
            answer = browser.http.request(method, path, headers=asked)
            assert not [name for name in answer.headers if name.startswith("access-control-")], (method, path)


def test_every_answer_says_what_it_is(stack: Stack) -> None:
    browser, team = signed_in(stack)
    kinds = {
        "/healthz": "application/json",
        "/readyz": "application/json",
        "/metrics": "text/plain",
        "/login": "text/html",
        "/no/such/page": "text/html",
        f"{team.path}/removals/1/receipt.json": "text/html",
        "/static/live.js": "text/javascript",
        "/static/style.css": "text/css",
        "/static/icon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        answer = browser.get(path)
        assert answer.headers["Content-Type"].partition(";")[0] == kind, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path


def signed_in(stack: Stack) -> tuple[Browser, Team]:
    """Return an admin's browser that holds a form's token, and their team."""
    team = stack.account()
    browser = stack.client(team.admin)
    browser.get(f"{team.path}/leads")
    return browser, team


def cookie(browser: Browser) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items()) + "\r\n"


def spoken(stack: Stack, request: str) -> bytes:
    """Say something as it is; return all that is answered until the connection ends, or nothing comes for a while."""
    home, said = httpx.URL(stack.url), b""
    with socket.create_connection((home.host, home.port), timeout=2) as raw:
        try:
            raw.sendall(request.replace("{host}", home.netloc.decode()).encode())
            while more := raw.recv(65536):
                said += more
        except (TimeoutError, ConnectionError):
            pass
    return said


def statuses(said: bytes) -> list[int]:
    return [int(each) for each in STATUS.findall(said)]
