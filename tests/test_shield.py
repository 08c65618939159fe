"""What every answer carries to keep pages to themselves, and to which names the product answers at all."""

import asyncio
import re

import httpx
import pytest

from models import Database, Settings
from tests.browser import TOKEN, VALUE, Browser
from tests.inviting import Admin, fresh, invited
from tests.people import make_team
from tests.stack import Stack
from webapp import create_app
from webapp.live import create_root
from webapp.shield import ALWAYS

STRANGE_HOSTS = (
    "evil.example",
    "127.0.0.1.evil.example",
    "evil.example:8000",
    "",
    "[",
    "evil.example@",
    "\u0131.example",
)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|<[^>]*(\son\w+\s*=|javascript:|\sstyle=)", re.IGNORECASE)


def test_every_page_lets_in_no_inline_script_and_no_frame(stack: Stack) -> None:
    team = stack.account()
    card, admin = stack.card(team), stack.client(team.admin)
    here = [card.path, *(f"{team.path}/{page}" for page in ("leads", "settings/users", "audit", "sweeps"))]
    for path in ("/login", "/password/forgot", "/notifications", "/dev/mail", "/no/such/page", *here):
        answer = admin.get(path)
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'", path
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store", path
        assert not INLINE.search(answer.text), f"{path} holds {INLINE.search(answer.text)}"


def test_a_page_behind_a_mailed_link_tells_its_address_to_nobody(stack: Stack) -> None:
    path = invited(stack, Admin(stack, stack.account()), fresh())
    browser = stack.client()
    answers = {
        "the page": browser.get(path),
        "a refused password": browser.post(path, password="short", password_confirm="short"),
        "no token of the form": browser.post(path, csrf_token=""),
        "another method": httpx.put(f"{stack.url}{path}"),
        "used up": browser.get("/password/reset/used-up"),
        "of the mails": browser.get("/unsubscribe/made-up"),
    }
    assert [answer.status_code for answer in answers.values()] == [200, 422, 400, 405, 410, 410]
    for what, answer in answers.items():
        if what != "another method":
            assert answer.headers["Referrer-Policy"] == "no-referrer", what
        assert answer.headers["Cache-Control"] == "no-store", what


def test_whatever_is_answered_keeps_to_itself(stack: Stack) -> None:
    guest = stack.client(stack.guest(stack.account()))
    answers = {
        path: guest.get(path) for path in ("/login", "/sign-ins", "/healthz", "/metrics", "/no/such", "/dev/mail")
    }
    answers |= {
        "a file": guest.get("/static/style.css"),
        "no file": guest.get("/static/no.css"),
        "a redirect": stack.client().get("/notifications"),
        "another's name": guest.get("/login", Host="evil.example"),
        "no stream": stack.client().get("/notifications/stream"),
        "another method": guest.http.put("/notifications/stream"),
    }
    with guest.http.stream("GET", "/notifications/stream") as answer:
        answers["a stream"] = answer
    for what, answer in answers.items():
        assert {name: answer.headers.get(name) for name in ALWAYS if name != "Cache-Control"} == {
            name: value for name, value in ALWAYS.items() if name != "Cache-Control"
        }, what
        assert answer.headers["Cache-Control"] == ("public, max-age=604800" if what == "a file" else "no-store"), what


@pytest.mark.parametrize(("base_url", "is_tls"), [("https://guests.example", True), ("http://127.0.0.1", False)])
def test_behind_tls_browsers_are_held_to_it(database: Database, base_url: str, is_tls: bool) -> None:
    settings, admin = Settings(base_url=base_url), make_team(database).admin
    root = create_root(settings, database, create_app(settings, database))

    async def story() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url=base_url) as browser:
            page = await browser.get("/login")
            token = VALUE.findall(TOKEN.findall(page.text)[0])[0]
            form = {"email": admin.email, "password": admin.password, "csrf_token": token}
            return [
                page,
                await browser.post("/login", data=form),
                await browser.get("/static/no.css"),
                await browser.get("/notifications/stream", headers={"Host": "evil.example"}),
            ]

    answers = asyncio.run(story())
    assert [answer.status_code for answer in answers] == [200, 303, 404, 400]
    for answer in answers:
        assert ("includeSubDomains" in answer.headers.get("Strict-Transport-Security", "")) is is_tls
    cookies = [cookie for answer in answers[:2] for cookie in answer.headers.get_list("Set-Cookie")]
    assert len(cookies) == 3, "a token for forms; then the session, and that this browser is known"
    for cookie in cookies:
        assert (cookie.startswith("__Host-"), "Secure" in cookie) == (is_tls, is_tls)
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Domain" not in cookie


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_a_name_that_is_not_ours_is_not_answered(stack: Stack, host: str) -> None:
    team = stack.account()
    guest = stack.client(stack.guest(team))
    for path in ("/login", "/dev/mail", "/notifications", "/notifications/stream", "/static/style.css"):
        answer = guest.http.get(path, headers={"Host": host.encode()})
        assert answer.status_code == 400, f"{path}: {answer.text[:200]}"
        assert "evil" not in answer.text
        assert "Location" not in answer.headers


def test_our_own_names_are_answered_and_health_under_any(stack: Stack) -> None:
    port = httpx.URL(stack.url).port
    for host in (f"localhost:{port}", "LOCALHOST", f"[::1]:{port}", "127.0.0.1"):
        assert httpx.get(f"{stack.url}/login", headers={"Host": host}).status_code == 200, host
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(f"{stack.url}{path}", headers={"Host": "10.0.0.7:8000"}).status_code == 200, path


@pytest.mark.parametrize("path", ["/a//{}/leads", "/a/{}//leads", "/login//", "/a/{}/leads//1", "//evil.example/a"])
def test_a_mended_address_leads_nowhere(stack: Stack, path: str) -> None:
    team = stack.account()
    answer = stack.client(team.admin).get(path.format(team.slug))
    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_no_answer_leads_to_a_host_that_the_request_names(stack: Stack) -> None:
    browser = Browser(stack.url)
    spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    for path in ("/", "/notifications", "/accounts", "/a/nowhere/leads"):
        answer = browser.get(path, **spoofed)
        assert answer.headers["Location"].startswith("/") and not answer.headers["Location"].startswith("//"), path
    browser.close()
