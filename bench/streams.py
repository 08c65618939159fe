"""How long after the answer to a removal the guest's open stream says its last byte, with many streams open."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx
import psutil

from bench.place import Place, place
from models import settings
from models.settings import PREFIX
from tests.browser import Browser
from tests.people import Lead, Person, Team, make_card, make_guest, make_team
from tests.process import Process, until
from tests.removing import delete_users, give
from tests.stack import free_port

GUESTLIST = str(Path(sys.executable).parent / "guestlist")
OPENING = 60
PATIENCE = 20
# What is allowed, in seconds: with Redis, and without.
LIMIT, LIMIT_WITHOUT = 1.0, 5.0
FROZEN_REMOVALS = 10
Crowd = list[tuple[Person, str]]


class Listener:
    """One open stream: when its last byte came, once the server has ended it."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.last_at = 0.0

    async def listen(self, url: str, cookie: str) -> None:
        """Read until the server ends the stream."""
        at = urlsplit(url)
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        asked = f"GET /notifications/stream HTTP/1.1\r\nHost: {at.netloc}\r\nCookie: {cookie}\r\n\r\n"
        writer.write(asked.encode())
        assert b" 200 " in await reader.readline(), "the stream did not open"
        while some := await reader.read(65536):
            self.last_at = time.perf_counter()
            if b"retry:" in some:
                self.is_open.set()
            # The last chunk of a body that is not announced by its length.
            if some.endswith(b"0\r\n\r\n"):
                break
        writer.close()


def crowd(here: Place, team: Team, card: Lead, admin: Browser, count: int) -> Crowd:
    """Return guests of the card, each with the cookie of a signed-in browser."""
    guests = [make_guest(here.database, team) for _ in range(count)]
    for first in range(0, count, 100):
        give(admin, card, *guests[first : first + 100])
    return [(guest, _cookie(guest)) for guest in guests]


def _cookie(guest: Person) -> str:
    browser = Browser(settings().base_url)
    answer = browser.sign_in(guest.email, guest.password)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    browser.close()
    return "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())


async def measure(admin: Browser, team: Team, leaving: Crowd, people: Crowd) -> list[float]:
    """Open everybody's stream, remove some one by one, and return the seconds from the answer to the last byte."""
    listeners = {person: Listener() for person, _ in people}
    tasks = {
        person: asyncio.create_task(listeners[person].listen(settings().base_url, cookie)) for person, cookie in people
    }
    await asyncio.wait_for(asyncio.gather(*(each.is_open.wait() for each in listeners.values())), OPENING)
    taken = []
    for person, _ in leaving:
        answer = await asyncio.to_thread(delete_users, admin, team, person)
        answered_at = time.perf_counter()
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        await asyncio.wait_for(tasks[person], PATIENCE)
        taken.append(max(listeners[person].last_at - answered_at, 0))
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return taken


@contextmanager
def frozen_valkey() -> Iterator[None]:
    """Stop Valkey without ending it: connections stay open, and nothing comes through them."""
    (valkey,) = (each for each in psutil.Process().children(recursive=True) if "valkey" in each.name())
    valkey.suspend()
    try:
        yield
    finally:
        valkey.resume()


@contextmanager
def serving(home: Path) -> Iterator[None]:
    """Run the web server for as long as it lasts."""
    web = Process(GUESTLIST, "web", env=dict(os.environ), log=home / "web.log").start()
    try:
        until(lambda: _answers(web), what="the web server", within=60)
        yield
    except AssertionError:
        print(web.log(), file=sys.stderr)
        raise
    finally:
        web.stop()


def _answers(web: Process) -> bool:
    assert web.is_running, web.log()
    try:
        return httpx.get(f"{settings().base_url}/healthz").is_success
    except httpx.TransportError:
        return False


def tell(what: str, taken: list[float], limit: float) -> bool:
    """Print a distribution beside its limit; return whether all of it is within."""
    ordered = sorted(taken)
    marks = {"median": 0.5, "p95": 0.95, "p99": 0.99}
    told = ", ".join(f"{name} {ordered[int(part * (len(ordered) - 1))] * 1000:.0f} ms" for name, part in marks.items())
    worst = ordered[-1]
    print(f"{what}: {told}, max {worst * 1000:.0f} ms; {worst / limit:.2f} of the limit of {limit:.0f} s")
    return worst <= limit


@click.command()
@click.option("--streams", default=500, show_default=True, help="Streams that are open.")
@click.option("--removals", default=100, show_default=True, help="Guests removed one after the other.")
def main(streams: int, removals: int) -> None:
    """Measure with Valkey and without, and exit with 1 if a stream outlived its limit."""
    os.environ[f"{PREFIX}BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    with place() as here, serving(here.home):
        team = make_team(here.database)
        card = make_card(here.database, team)
        admin = Browser(settings().base_url)
        admin.sign_in(team.admin.email, team.admin.password)
        people = crowd(here, team, card, admin, streams)
        kept = tell(f"{streams} streams open", asyncio.run(measure(admin, team, people[:removals], people)), LIMIT)
        with frozen_valkey():
            leaving = people[removals : removals + FROZEN_REMOVALS]
            taken = asyncio.run(measure(admin, team, leaving, people[removals:]))
            kept &= tell("the same with Valkey frozen", taken, LIMIT_WITHOUT)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
