"""A page left open: what the event stream of somebody's notification center says, as it comes."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.browser import Browser

OPENING_SECONDS = 10


@dataclass(frozen=True)
class Event:
    """One server-sent event, and when it came (on the clock of `time.perf_counter`)."""

    name: str
    data: dict[str, Any]
    came_at: float


class Stream:
    """Collects events until the server ends the stream, or the test does."""

    def __init__(self, answer: httpx.Response) -> None:
        self.events: list[Event] = []
        self.is_over = False
        self._changed = threading.Condition()
        self._is_open = False
        threading.Thread(target=self._read, args=(answer,), daemon=True).start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._is_open, OPENING_SECONDS), "the stream says nothing"

    def wait(self, name: str, *, within: float, **about: object) -> Event:
        """Return the first event of this name whose data says so; fail after `within` seconds."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(name, about), within)
            assert found, f"no {name} {about} within {within} s, only {self.events}"
            return found

    def ended(self, *, within: float) -> bool:
        """Return whether the server has ended the stream within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_over, within)

    def _find(self, name: str, about: dict[str, object]) -> Event | None:
        matching = (event for event in self.events if event.name == name and about.items() <= event.data.items())
        return next(matching, None)

    def _read(self, answer: httpx.Response) -> None:
        name = ""
        try:
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                name = value if field == "event" else name
                with self._changed:
                    self._is_open = True
                    if field == "data":
                        self.events.append(Event(name, json.loads(value), time.perf_counter()))
                    self._changed.notify_all()
        except httpx.TransportError:
            pass
        with self._changed:
            self.is_over = True
            self._changed.notify_all()


@contextmanager
def listening(browser: Browser) -> Iterator[Stream]:
    """Hold the event stream of whoever is signed in open."""
    with browser.http.stream("GET", "/notifications/stream", timeout=None) as answer:
        assert answer.status_code == httpx.codes.OK, answer.read()
        yield Stream(answer)


@contextmanager
def resuming(browser: Browser, last: int) -> Iterator[Stream]:
    """Open the stream again, as a browser does whose connection broke after event `last`."""
    headers = {"Last-Event-ID": str(last)}
    with browser.http.stream("GET", "/notifications/stream", headers=headers, timeout=None) as answer:
        yield Stream(answer)
