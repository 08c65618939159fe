"""Deleting somebody ends their access with the answer, whatever they had, and at the same cost (R52)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from sqlalchemy import event

from models import Database, Membership
from tests.browser import Browser
from tests.inviting import Admin, activate, fresh, invited
from tests.listening import listening
from tests.people import Person, make_guest, make_team
from tests.process import until
from tests.removing import REFUSED, delete_users, give, plant_grants
from tests.stack import Stack
from workflows.revoke import remove

# The rule says one second.
SOON = 1.0
MANY = 5000
PROBES_AFTER = 5


def test_r52_no_request_that_begins_after_the_answer_is_served(stack: Stack) -> None:
    team = stack.account()
    guest, oak = stack.guest(team), stack.card(team)
    admin = stack.client(team.admin)
    give(admin, oak, guest)
    asks: dict[str, Callable[[Browser], httpx.Response]] = {
        "page": lambda page: page.get(oak.path),
        "form": lambda page: page.post(f"{oak.path}/chat", text="One more"),
        "contact": lambda page: page.post(f"{oak.path}/contact-messages", text="One more"),
        "center": lambda page: page.get("/notifications"),
        "direct": lambda page: page.post(f"{team.path}/direct/{team.member.membership_id}", text="One more"),
        "stream": opened_stream,
    }

    with probing(stack, guest, asks) as probes:
        until(lambda: all(seen for seen in probes.values()), what="every probe to be served once")
        assert delete_users(admin, team, guest).status_code == 303
        answered_at = time.perf_counter()
        until(
            lambda: all(len(after(seen, answered_at)) >= PROBES_AFTER for seen in probes.values()), what="more probes"
        )

    for name, seen in probes.items():
        assert not REFUSED & {status for began, status in seen[:1] if began < answered_at}, f"{name} was never served"
        served = [status for status in after(seen, answered_at) if status not in REFUSED]
        assert not served, f"{name} was served after the answer"


def test_r52_an_open_stream_of_somebody_with_nothing_left_ends(stack: Stack) -> None:
    team = stack.account()
    admin, guest = stack.client(team.admin), stack.guest(team)
    with listening(stack.client(guest)) as stream:
        assert delete_users(admin, team, guest).status_code == 303
        stream.wait("end", within=SOON)
        assert stream.ended(within=SOON)


def test_r52_the_invited_cannot_use_their_link_any_more(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    link = invited(stack, admin, nora := fresh())

    assert admin.delete(admin.row(nora).membership_id).status_code == 303

    assert activate(stack, link).status_code == 410
    assert admin.row(nora).status == "removed"


def test_r52_the_answer_costs_the_same_however_much_the_guest_had(database: Database) -> None:
    costs = []
    for count in (1, MANY):
        team = make_team(database)
        guest = make_guest(database, team)
        plant_grants(database, team, guest, count)
        with counting(database) as cost, database.transaction() as session:
            remove(session, [guest.membership_id], by=session.get_one(Membership, team.admin.membership_id))
        costs.append(cost)

    assert costs[0] == costs[1]
    assert 0 < costs[0]["rows changed"] < 10


def opened_stream(page: Browser) -> httpx.Response:
    with page.http.stream("GET", "/notifications/stream") as answer:
        return answer


def after(seen: list[tuple[float, int]], moment: float) -> list[int]:
    return [status for began, status in seen if began > moment]


@contextmanager
def probing(
    stack: Stack, guest: Person, asks: dict[str, Callable[[Browser], httpx.Response]]
) -> Iterator[dict[str, list[tuple[float, int]]]]:
    """Ask again and again, each in a thread with a browser of its own; note when each began, and its status."""
    probes: dict[str, list[tuple[float, int]]] = {name: [] for name in asks}
    is_over = threading.Event()

    def ask(name: str, page: Browser) -> None:
        while not is_over.is_set():
            began = time.perf_counter()
            probes[name].append((began, asks[name](page).status_code))

    threads = [threading.Thread(target=ask, args=(name, stack.client(guest))) for name in asks]
    for thread in threads:
        thread.start()
    try:
        yield probes
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)


@contextmanager
def counting(database: Database) -> Iterator[dict[str, int]]:
    """Count statements, and the rows that were changed."""
    cost = {"statements": 0, "rows changed": 0}

    def count(_: object, cursor: object, statement: str, *__: object) -> None:
        cost["statements"] += 1
        if not statement.lstrip().upper().startswith("SELECT"):
            cost["rows changed"] += max(0, cursor.rowcount)

    event.listen(database.engine, "after_cursor_execute", count)
    try:
        yield cost
    finally:
        event.remove(database.engine, "after_cursor_execute", count)
