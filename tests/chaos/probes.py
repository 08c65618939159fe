"""After an acknowledged removal: every way in is tried, and must be shut."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from models import now
from tests.chaos.driver import Driver
from tests.chaos.model import PASSWORD, Seat
from tests.listening import Event, Stream, listening
from tests.people import Lead

REFUSED = {401, 403, 404}
DEAD_LINK = {409, 410}
AT_ONCE, AT_MOST = 1.0, 5.0
# The machine's own slowness, which is not the product's, and what a fault of the database may add.
ALLOWANCE = 1.5
AFTER_DATABASE = 15.0


@contextmanager
def open_page(driver: Driver, seat: Seat, *, wanted: bool) -> Iterator[Stream | None]:
    """Hold the stream of somebody's notification center open, where that can be had just now."""
    with ExitStack() as closing:
        stream = None
        if wanted and driver.enter(seat.person):
            try:
                stream = closing.enter_context(listening(seat.person.browser))
            except (httpx.TransportError, AssertionError):
                stream = None
        yield stream


def probe_card(driver: Driver, seat: Seat, card: Lead) -> None:
    """Try to reach one card that was closed to somebody who stays."""
    if not driver.enter(seat.person):
        return
    probe = Probe(driver, seat)
    probe.page(card)
    probe.form(card)
    probe.center([card])


def probe_account(driver: Driver, seat: Seat, *, with_sign_in: bool) -> None:
    """Try everything that somebody had, as if they did not know that they were removed."""
    probe = Probe(driver, seat)
    for path in driver.tokens_of(seat):
        probe.link(path)
    if seat.person.registered_at is None:
        return
    for card in seat.held[-2:]:
        probe.page(card)
        probe.form(card)
    probe.direct()
    probe.center(seat.held)
    probe.joining()
    probe.new_stream()
    if with_sign_in:
        probe.sign_in()


class Probe:
    """One person, in the browser they had, on what was closed to them."""

    def __init__(self, driver: Driver, seat: Seat) -> None:
        self._driver, self._seat, self._wire = driver, seat, driver.wire
        self._browser = seat.person.browser

    def page(self, card: Lead) -> None:
        """Open the card's page, and fetch it as an open page does to swap its fragments."""
        for way in ("page", "fragment"):
            answer = self._wire.get(self._browser, card.path)
            self._is_refused(way, card.path, answer)

    def form(self, card: Lead) -> None:
        text = self._driver.new_text("intruder")
        self._driver.said[text] = False
        answer = self._wire.insist(self._browser, f"{card.path}/chat", text=text)
        self._is_refused("form", f"{card.path}/chat", answer)

    def direct(self) -> None:
        path = f"{self._seat.team.path}/direct/{self._seat.team.admin.membership_id}"
        self._is_refused("form", path, self._wire.insist(self._browser, path, text="hello"))

    def center(self, cards: list[Lead]) -> None:
        answer = self._wire.get(self._browser, "/notifications")
        shown = [card.name for card in cards if card.name in answer.text]
        self._note("notification center", not (answer.is_success and shown), f"shows {shown}")

    def joining(self) -> None:
        answer = self._wire.insist(self._browser, f"/accounts/{self._seat.invitation_id}/join")
        self._note("old invitation", answer.status_code in REFUSED | DEAD_LINK, f"join answered {answer.status_code}")

    def link(self, path: str) -> None:
        stranger = self._driver.stranger
        seen = self._wire.get(stranger, path)
        sent = self._wire.insist(stranger, path, password=PASSWORD, password_confirm=PASSWORD, name="")
        ok = seen.status_code in DEAD_LINK and sent.status_code in DEAD_LINK
        self._note("old link", ok, f"{path} answered {seen.status_code} and {sent.status_code}")

    def new_stream(self) -> None:
        try:
            with self._browser.http.stream("GET", "/notifications/stream") as answer:
                ok = not answer.is_success or bool(self._seat.person.present)
        except httpx.TransportError:
            return
        self._note("new stream", ok, f"opened with {answer.status_code}")

    def sign_in(self) -> None:
        """Sign in anew: to whatever other account is left, or not at all."""
        fresh = self._driver.browser()
        answer = self._driver.sign_in(self._seat.person, fresh)
        if answer.is_redirect:
            page = f"{self._seat.team.path}/direct/{self._seat.team.admin.membership_id}"
            self._is_refused("new sign-in", page, self._wire.get(fresh, page))
        else:
            self._note("new sign-in", answer.status_code in REFUSED, f"sign-in answered {answer.status_code}")
        fresh.close()

    def _is_refused(self, way: str, path: str, answer: httpx.Response) -> None:
        to_login = answer.is_redirect and answer.headers["Location"].startswith("/login")
        self._note(way, answer.status_code in REFUSED or to_login, f"{path} answered {answer.status_code}")

    def _note(self, way: str, is_shut: bool, what: str) -> None:
        self._driver.chronicle.probed(way)
        if not is_shut:
            self._driver.chronicle.violated("immediate denial (G1)", f"{way}: {what}", about=self._seat.name)


def sees_it_close(driver: Driver, stream: Stream | None, seat: Seat, card: Lead | None, answered: float) -> None:
    """See an open page lose the card, or with None the account, within the promised time of the answer."""
    if stream is None:
        return
    asked_at = now()
    about = {"account": seat.team.slug, "card": card.id if card else None}

    def closing() -> Event | None:
        return next(
            (e for e in list(stream.events) if e.name == "end" or (e.name == "closed" and e.data == about)), None
        )

    limit = AT_MOST + ALLOWANCE
    while not (found := closing()) and not stream.is_over:
        waited = time.perf_counter() - answered
        if waited > limit + (AFTER_DATABASE if driver.chronicle.is_excused("database", asked_at) else 0):
            driver.chronicle.violated("open pages (R52)", f"still open after {waited:.1f} s", about=seat.name)
            return
        time.sleep(0.01)
    driver.chronicle.probed("open stream")
    if found:
        driver.chronicle.closings.append(max(0.0, found.came_at - answered))
