"""Asking the product something while it is being broken: an answer may never come, and then nobody knows."""

import time
from datetime import datetime
from typing import Any

import httpx

from models import now
from tests.browser import Browser
from tests.chaos.chronicle import Chronicle
from tests.people import Person

PATIENCE_SECONDS = 90
PAUSE_SECONDS = 0.15
SERVER_ERROR = 500


class GaveUp(Exception):
    """Nobody answers, for longer than any fault lasts. It is written down already."""


class Wire:
    """Sends requests for anybody, and holds the product to answering them."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle

    def send(self, browser: Browser, path: str, **fields: Any) -> httpx.Response | None:
        """Send a form; None where no answer came, or one that says nothing: it may have been done or not."""
        if not browser.token:
            self.get(browser, "/login")
        sent_at = now()
        try:
            answer = browser.post(path, **fields)
        except httpx.TransportError as error:
            return self._missed(sent_at, f"POST {path}: {error!r}")
        if answer.status_code >= SERVER_ERROR:
            return self._failed(sent_at, f"POST {path} answered {answer.status_code}")
        self._chronicle.written.append((sent_at, now()))
        return answer

    def get(self, browser: Browser, path: str) -> httpx.Response:
        """Ask until an answer comes. Raises GaveUp."""
        for _ in self._patiently(path):
            sent_at = now()
            try:
                answer = browser.get(path)
            except httpx.TransportError as error:
                self._missed(sent_at, f"GET {path}: {error!r}")
                continue
            if answer.status_code < SERVER_ERROR:
                self._chronicle.read.append((sent_at, now()))
                return answer
            self._failed(sent_at, f"GET {path} answered {answer.status_code}")
        raise GaveUp

    def insist(self, browser: Browser, path: str, **fields: Any) -> httpx.Response:
        """Send a form until an answer comes, where sending twice is the same as once. Raises GaveUp."""
        for _ in self._patiently(path):
            answer = self.send(browser, path, **fields)
            if answer is not None:
                return answer
        raise GaveUp

    def sign_in(self, browser: Browser, email: str, password: str) -> httpx.Response:
        answer = self.insist(browser, "/login", email=email, password=password)
        # Who signs in gets a new session, and with it a new token.
        browser.token = ""
        return answer

    def admit(self, browser: Browser, person: Person) -> Browser:
        """Sign somebody in who has every right to."""
        answer = self.sign_in(browser, person.email, person.password)
        assert answer.is_redirect, f"{person.email} could not sign in: {answer.status_code}"
        return browser

    def _patiently(self, path: str) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            yield
            time.sleep(PAUSE_SECONDS)
        self._chronicle.violated("answers", f"{path} was not answered for {PATIENCE_SECONDS} s")

    def _missed(self, sent_at: datetime, what: str) -> None:
        excused = self._chronicle.is_excused("web", sent_at) or self._chronicle.is_excused("database", sent_at)
        if not excused:
            self._chronicle.violated("answers", f"{what}, with no fault to excuse it")

    def _failed(self, sent_at: datetime, what: str) -> None:
        if not self._chronicle.is_excused("database", sent_at):
            self._chronicle.violated("answers", f"{what}, with no fault to excuse it")
