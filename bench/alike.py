"""Whether the time of an answer tells who is known: inviting, signing in, asking for a reset, by kind of address (R6).

Kinds take turns, so that whatever else the machine does falls on all alike. Each is printed beside the first: how often
it is the slower one of two drawn at random (0.5 where nothing can be told), and the z of Mann and Whitney's test,
which chance alone keeps below 3.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import click

from models import Database, Group, Membership, User, settings
from models.settings import PREFIX
from tests.databases import KINDS, databases
from tests.people import PASSWORD, make_person, make_team
from webapp import create_app
from workflows.invite import invite
from workflows.passwords import hash_password

KINDS_OF_ADDRESS = ("unknown", "unactivated", "active")
FREELY = {"TRIES_PER_ADDRESS": "10000000", "TRIES_PER_PERSON": "10000000", "INVITATIONS_PER_HOUR": "10000000"}
WARM_UP = 20
CHANCE = 3.0
Times = dict[str, list[float]]


class Door:
    """The pages on one database, asked in this process: no network blurs the times."""

    def __init__(self, database: Database) -> None:
        self.database, self.team, self.elsewhere = database, make_team(database), make_team(database)
        self.number, self.password_hash = count(1), hash_password(PASSWORD, PASSWORD)
        app = create_app(settings(), database)
        app.config["WTF_CSRF_ENABLED"] = False
        self.admin, self.stranger = app.test_client(), app.test_client()
        self.admin.post("/login", data={"email": self.team.admin.email, "password": self.team.admin.password})

    def address(self, kind: str) -> str:
        """Return a fresh address of a kind."""
        email = f"nora-{next(self.number)}@people.example"
        if kind == "active":
            person = make_person(self.database, self.elsewhere.id, email, "Nora", Group.FREE)
            # The passwords of tests are cheap to check; those of people are not.
            with self.database.transaction() as session:
                session.get_one(User, person.user_id).password_hash = self.password_hash
        if kind == "unactivated":
            with self.database.transaction() as session:
                by = session.get_one(Membership, self.elsewhere.admin.membership_id)
                invite(session, by=by, email=email, group="free")
        return email

    def invite(self, email: str) -> int:
        form = {"email": email, "group": "free"}
        return self.admin.post(f"{self.team.path}/settings/users", data=form).status_code

    def sign_in(self, email: str) -> int:
        return self.stranger.post("/login", data={"email": email, "password": "not the password"}).status_code

    def forgot(self, email: str) -> int:
        return self.stranger.post("/password/forgot", data={"email": email}).status_code


def measure(door: Door, ask: Callable[[str], int], rounds: int) -> Times:
    """Return the milliseconds of each answer, by kind of address."""
    times: Times = {kind: [] for kind in KINDS_OF_ADDRESS}
    statuses = set()
    for turn in range(rounds + WARM_UP):
        emails = {kind: door.address(kind) for kind in KINDS_OF_ADDRESS}
        # Who comes first in a round changes, for whatever is done before leaves its traces.
        for place in range(len(KINDS_OF_ADDRESS)):
            kind = KINDS_OF_ADDRESS[(place + turn) % len(KINDS_OF_ADDRESS)]
            started = time.perf_counter()
            statuses.add(ask(emails[kind]))
            if turn >= WARM_UP:
                times[kind].append((time.perf_counter() - started) * 1000)
    assert len(statuses) == 1, statuses
    return times


def compare(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return how often the second is the slower of a pair, and the z of that, by the normal approximation."""
    slower = sum((b > a) + (b == a) / 2 for a in first for b in second)
    one, other = len(first), len(second)
    spread = (one * other * (one + other + 1) / 12) ** 0.5
    return slower / (one * other), (slower - one * other / 2) / spread


def report(what: str, times: Times) -> bool:
    """Print the distributions; return whether nothing can be told from them."""
    first, is_alike = times[KINDS_OF_ADDRESS[0]], True
    for kind, found in times.items():
        tenths = statistics.quantiles(found, n=10)
        often, z = compare(first, found)
        is_alike &= abs(z) < CHANCE
        shown = "  ".join(f"{value:8.2f}" for value in (tenths[0], statistics.median(found), tenths[-1]))
        click.echo(f"{what:<24}{kind:<12}{len(found):>5}  {shown}  {often:8.3f}  {z:+6.2f}")
    return is_alike


@click.command()
@click.option("--rounds", default=200, help="Answers of each kind.")
def main(rounds: int) -> None:
    """Measure on both databases. Exits with 1 where the time of an answer tells."""
    with tempfile.TemporaryDirectory(prefix="guestlist-alike-") as home:
        os.environ.update({PREFIX + name: value for name, value in {**FREELY, "DATA_DIR": home}.items()})
        click.echo(
            f"{'ms':<24}{'address':<12}{'n':>5}  {'10 %':>8}  {'median':>8}  {'90 %':>8}  {'slower':>8}  {'z':>6}"
        )
        is_alike = True
        for kind in KINDS:
            with databases(kind, Path(home)) as offered:
                door = Door(database := Database(offered.create("alike", like="migrated")))
                for ask in (door.invite, door.sign_in, door.forgot):
                    is_alike &= report(f"{kind} {ask.__name__}", measure(door, ask, rounds))
                database.close()
    sys.exit(0 if is_alike else 1)


if __name__ == "__main__":
    main()
