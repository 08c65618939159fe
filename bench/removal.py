"""The answer to a removal for 1 grant and for very many, and its cascade beside one plain UPDATE of as many grants.

The form goes by HTTP to a real server, on PostgreSQL that syncs every commit; that server's log counts the statements.
No worker runs while answers are timed; then workers carry out one removal while nothing else is asked of them.
"""

import os
import statistics
import sys
import time
from pathlib import Path

import click
import httpx
from sqlalchemy import Engine, insert, literal, select, text, update

from bench.place import READY, Place, place
from jobs.supervisor import work_commands
from models import Database, Grant, Removal, RemovalStatus, now, settings
from models.settings import PREFIX
from tests.browser import Browser
from tests.people import Person, Team, make_guest, make_team
from tests.process import until
from tests.removing import delete_users, plant_grants
from tests.stack import free_port

WEB = [str(Path(sys.executable).parent / "guestlist"), "web"]
PATIENCE = 300
LOGGED = (b"LOG:  statement: ", b"LOG:  execute ")
FRAMES = (b"BEGIN", b"COMMIT", b"ROLLBACK", b";")


def plant(database: Database, team: Team, grants: int, few: int, many: int) -> tuple[list[Person], list[Person]]:
    """Seat people who hold one grant, and people who hold as many as said."""
    guests = [make_guest(database, team) for _ in range(few + many)]
    first = guests[few]
    plant_grants(database, team, first, grants)
    held = select(Grant.account_id, Grant.card_id, Grant.message_id, Grant.granted_at)
    held = held.where(Grant.membership_id == first.membership_id)
    columns = ["account_id", "card_id", "message_id", "granted_at", "membership_id"]
    for each in guests:
        copied = held.add_columns(literal(each.membership_id)).limit(1 if each in guests[:few] else None)
        if each is not first:
            with database.transaction() as session:
                session.execute(insert(Grant).from_select(columns, copied))
    return guests[:few], guests[few:]


def answer(here: Place, admin: Browser, team: Team, guest: Person) -> tuple[float, int]:
    """Delete a guest by form. Return the seconds until the answer, and the statements that it took."""
    logged = here.postgres_log.stat().st_size
    began = time.perf_counter()
    told = delete_users(admin, team, guest)
    seconds = time.perf_counter() - began
    assert told.is_redirect, told.text
    with here.postgres_log.open("rb") as log:
        log.seek(logged)
        return seconds, sum(_is_statement(line) for line in log)


def _is_statement(line: bytes) -> bool:
    said = next((line.partition(mark)[2] for mark in LOGGED if mark in line), b"")
    return bool(said) and not said.removeprefix(b"<unnamed>: ").startswith(FRAMES)


def compare_answers(here: Place, admin: Browser, team: Team, few: list[Person], many: list[Person]) -> None:
    """Print what the answers cost, taken in turns."""
    taken = [[answer(here, admin, team, guest) for guest in pair] for pair in zip(few, many, strict=True)]
    (little, much), (before, after) = (
        [statistics.median(pair[side][what] for pair in taken) for side in (0, 1)] for what in (0, 1)
    )
    print(f"answer for 1 grant: {little * 1000:.1f} ms, {before:.0f} statements")
    print(f"answer for many:    {much * 1000:.1f} ms, {after:.0f} statements")
    print(f"many / 1, medians of {len(taken)}: time {much / little:.2f}, statements {after / before:.2f}")


def cascade(here: Place, admin: Browser, team: Team, guest: Person, grants: int) -> float:
    """Return the rows a second that workers close, from the wish to the receipt."""
    removal_id = int(delete_users(admin, team, guest).headers["Location"].rpartition("/")[2])
    _wait_for_receipts(here.database)
    with here.database.reading() as session:
        removal = session.get_one(Removal, removal_id)
        assert removal.ended["grants"]["rows"] == grants, removal.ended
        assert removal.finished_at is not None
        return grants / (removal.finished_at - removal.requested_at).total_seconds()


def plain_update(database: Database, guest: Person, grants: int) -> float:
    """Return the rows a second of one statement that closes every grant."""
    began = time.perf_counter()
    with database.transaction() as session:
        every = update(Grant).where(Grant.membership_id == guest.membership_id, Grant.revoked_at.is_(None))
        closed = session.connection().execute(every.values(revoked_at=now()))
        assert closed.rowcount == grants
    return grants / (time.perf_counter() - began)


def _wait_for_receipts(database: Database) -> None:
    def look() -> bool:
        with database.reading() as session:
            running = select(Removal.id).where(Removal.status == RemovalStatus.RUNNING).limit(1)
            return session.scalar(running) is None

    until(look, what="every receipt", within=PATIENCE)


def _log_statements(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("ALTER DATABASE bench SET log_statement = 'all'"))


@click.command()
@click.option("--grants", default=100_000, show_default=True, help="Grants of those who have many.")
@click.option("--rounds", default=5, show_default=True, help="Answers of each kind.")
def main(grants: int, rounds: int) -> None:
    """Measure, and print the ratios."""
    url = f"http://127.0.0.1:{free_port()}"
    os.environ[f"{PREFIX}BASE_URL"] = url
    with place() as here:
        team, admin = make_team(here.database), Browser(url)
        few, many = plant(here.database, team, grants, few=rounds + 1, many=rounds + 2)
        _log_statements(here.database.engine)
        with here.running(WEB):
            until(lambda: _is_up(admin), what="the web server", within=60)
            admin.sign_in(team.admin.email, team.admin.password)
            answer(here, admin, team, few.pop())
            compare_answers(here, admin, team, few, many[2:])
            with here.running(*work_commands(settings()).values(), ready=READY, count=settings().worker_processes):
                _wait_for_receipts(here.database)
                by_workers = cascade(here, admin, team, many[0], grants)
        at_once = plain_update(here.database, many[1], grants)
        admin.close()
    print(f"cascade of {grants} grants: {by_workers:.0f} rows/s; one plain UPDATE: {at_once:.0f} rows/s")
    print(f"cascade / plain UPDATE: {by_workers / at_once:.2f}")


def _is_up(browser: Browser) -> bool:
    try:
        return browser.http.get("/healthz").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
