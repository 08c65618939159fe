"""A person at a browser, for the story: signs in, reads pages, sends forms, listens to the stream, reads mail."""

import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from time import monotonic, perf_counter, sleep
from typing import Any, TypeVar

import httpx

PATIENCE = 30.0
T = TypeVar("T")


class Visitor:
    """One browser with its cookies. Whatever differs from what the story expects raises AssertionError."""

    def __init__(self, url: str) -> None:
        self.browser = httpx.Client(base_url=url, timeout=PATIENCE, follow_redirects=True)

    def sign_in(self, email: str, password: str) -> None:
        self.browser.get("/login")
        self.post("/login", email=email, password=password)

    def get(self, path: str) -> str:
        """Return the page at `path`, which must open."""
        answer = self.browser.get(path)
        expect(answer.is_success, f"{path} to open, not {answer.status_code}: {sentence(answer)}")
        return answer.text

    def post(self, path: str, **fields: str) -> str:
        """Send a form. Return the path that the answer leads to, or the page where it leads nowhere."""
        answer = self._send(path, fields)
        if answer.status_code == httpx.codes.SEE_OTHER:
            return httpx.URL(answer.headers["location"]).path
        expect(answer.is_success, f"{path} to accept the form, not {answer.status_code}: {sentence(answer)}")
        return answer.text

    def refused(self, method: str, path: str, *statuses: int, **fields: str) -> str:
        """Ask for what must be refused, and return the sentence that says why."""
        answer = self._send(path, fields) if method == "POST" else self.browser.get(path)
        expect(answer.status_code in statuses, f"{method} {path} to answer {statuses}, not {answer.status_code}")
        return sentence(answer)

    def user_row(self, here: str, address: str) -> dict[str, str]:
        """Return what the row of an address on Settings, Users carries."""
        for row in re.findall(r"<tr\b[^>]*data-email[^>]*>", self.get(f"{here}/settings/users")):
            carried = {key: html.unescape(value) for key, value in re.findall(r'data-([\w-]+)="([^"]*)"', row)}
            if carried["email"] == address:
                return carried
        raise AssertionError(f"expected a row of {address}")

    def mail(self, address: str, template: str, *, holding: str = "") -> str:
        """Wait for a mail of a kind to an address that holds some words, and return its text part."""

        def look() -> dict[str, str]:
            for path in re.findall(r"/dev/mail/[\w.,=:-]+\.eml", self.get("/dev/mail")):
                mail = message_from_bytes(self.browser.get(path).content, policy=policy.default)
                part = mail.get_body(("plain",))
                text = part.get_content() if part else ""
                if address in (mail["To"] or "") and mail["X-Guestlist-Template"] == template and holding in text:
                    return {"status": "here", "text": text}
            return {"status": "not here"}

        return self.wait(look, "here")["text"]

    def receipt(self, where: str) -> dict[str, str]:
        """Return how a removal stands, and once it is done a sentence about what it ended."""
        answer = self.browser.get(f"{where}/receipt.json")
        if not answer.is_success:
            return {"status": str(answer.status_code)}
        receipt = answer.json()
        expect(all(probe["refused"] for each in receipt["people"] for probe in each["probes"]), "all probes refused")
        ended = ", ".join(f"{part['rows']} {name}" for name, part in receipt["ended"].items() if part["rows"])
        return {"status": "done", "sentence": f"{ended} ended in {receipt['seconds']} s, every probe refused"}

    def sweep(self, here: str) -> str:
        """Run a sweep from its page and return the page of what it found."""
        path = self.post(f"{here}/sweeps")
        self.wait(lambda: {"status": "over" if "data-finished" in self.get(path) else "running"}, "over")
        self.swept = path
        return self.get(path)

    def repair(self, here: str) -> None:
        """Repair everything that the last sweep found."""
        expect(self.swept.startswith(here), "a sweep to repair")
        self.post(f"{self.swept}/repair")

    def wait(self, look: Callable[[], dict[str, str]], status: str) -> dict[str, str]:
        """Look until the status matches a pattern, and return what was seen then."""
        until = monotonic() + PATIENCE
        while not re.fullmatch(status, (seen := look())["status"]):
            expect(monotonic() < until, f"“{status}” within {PATIENCE:.0f} s, still “{seen['status']}”")
            sleep(0.05)
        return seen

    @contextmanager
    def stream(self) -> Iterator["Stream"]:
        """Listen to the visitor's own event stream from here on."""
        with self.browser.stream("GET", "/notifications/stream") as answer:
            expect(answer.is_success, f"the event stream to open, not {answer.status_code}")
            yield Stream(answer)

    def _send(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.browser.get("/login").text) or re.search(
            r'name="csrf_token"[^>]*value="([^"]+)"', self.browser.get("/notifications").text
        )
        form = {**fields, "csrf_token": token[1] if token else ""}
        return self.browser.post(path, data=form, follow_redirects=False)


class Stream:
    """The events of one stream, collected in the background."""

    def __init__(self, answer: httpx.Response) -> None:
        self.heard: dict[str, float] = {}
        self.news = threading.Condition()
        threading.Thread(target=self._listen, args=(answer,), daemon=True).start()

    def wait_for(self, *kinds: str) -> str:
        """Wait for one of these events, and say when it came: before or after the call, in milliseconds."""
        asked = perf_counter()
        with self.news:
            came = self.news.wait_for(
                lambda: next((self.heard[kind] for kind in kinds if kind in self.heard), 0), PATIENCE
            )
        late = expect(came, f"the event {' or '.join(kinds)}, heard only {list(self.heard)}") - asked
        return f"{abs(late) * 1000:.0f} ms {'after' if late > 0 else 'before'} the answer"

    def _listen(self, answer: httpx.Response) -> None:
        try:
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    with self.news:
                        self.heard.setdefault(line.removeprefix("event:").strip(), perf_counter())
                        self.news.notify_all()
        except httpx.HTTPError:
            return


def expect(what: T, hope: str) -> T:
    """Return what is true; raise AssertionError with what was hoped for otherwise."""
    if not what:
        raise AssertionError(f"expected {hope}")
    return what


def links(page: str) -> set[str]:
    """Return where the links of a page lead."""
    return {html.unescape(each) for each in re.findall(r'href="([^"]+)"', page)}


def sentence(answer: httpx.Response) -> str:
    """Return what a page says was wrong."""
    found = re.search(r'role="alert"[^>]*>(.*?)</', answer.text, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", found[1]).strip()) if found else json.dumps(answer.text[:80])
