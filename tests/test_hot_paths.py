"""What is asked for by every page, and every minute, does not read what is over, however much of that there is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from models import Database, Delivery, DeliveryStatus, Job, JobStatus, Membership, Notification, Review, now
from tests.people import Person, Team, make_guest
from tests.removing import plant_grants
from webapp.metrics import exposition
from workflows.checks import CHECKS
from workflows.expire import expire
from workflows.notify import unread_count
from workflows.review import settle_reviews

MANY = 3000
Statements = list[tuple[str, Any]]
PATHS: dict[str, tuple[Callable[[Session, Person], object], list[str]]] = {
    "every page": (lambda session, guest: unread_count(session, guest.user_id), ["ix_notifications_unread"]),
    "every minute": (
        lambda session, _: (expire(session), settle_reviews(session)),
        ["ix_grants_ending", "ix_memberships_ending", "ix_reviews_due"],
    ),
}
# SQLite does not see that a partial index has what a parameter asks for; nor has it many rows.
OF_POSTGRESQL: dict[str, tuple[Callable[[Session, Person], object], list[str]]] = {
    "the check of mails": (
        lambda session, _: session.execute(CHECKS["delivery_stuck"].find(now())).all(),
        ["ix_deliveries_open"],
    ),
    "every look at the metrics": (
        lambda session, _: exposition(session),
        ["ix_deliveries_open", "ix_jobs_scheduled"],
    ),
}


@pytest.fixture
def guest(database: Database, team: Team) -> Person:
    """A guest with a long past: everything of theirs is over."""
    guest = make_guest(database, team)
    plant_grants(database, team, guest, MANY)
    with database.transaction() as session:
        message = session.scalar(text("SELECT max(id) FROM messages"))
        about = {"account_id": team.id, "membership_id": guest.membership_id, "message_id": message}
        session.add_all(Notification(read_at=now(), **about) for _ in range(MANY))
        sent = {"to_address": guest.email, "status": DeliveryStatus.SENT}
        session.add_all(Delivery(mail_id=f"<{number}@mail.example>", **sent) for number in range(MANY))
        done = {"status": JobStatus.DONE, "finished_at": now()}
        session.add_all(Job(actor="deliver", **done) for _ in range(MANY))
        session.add_all(Job(actor="purge", **done) for _ in range(3))
        former = {"account_id": team.id, "user_id": guest.user_id, "group": "free", "status": "deleted"}
        left = [Membership(**former) for _ in range(MANY)]
        session.add_all(left)
        session.flush()
        # One of each is over, and one has time left.
        asked = {"account_id": team.id, "opened_at": now(), "due_at": now() + timedelta(days=9)}
        for outcome in ("kept", None):
            session.add_all(Review(membership_id=each.id, outcome=outcome, **asked) for each in left)
        session.add_all(Membership(**former, ends_at=now() + timedelta(days=1)) for _ in range(10))
    with database.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return guest


@pytest.mark.parametrize("path", PATHS | OF_POSTGRESQL)
def test_a_hot_path_takes_its_index(database: Database, guest: Person, path: str) -> None:
    if path in OF_POSTGRESQL and not database.is_postgresql:
        return
    walk, indexes = (PATHS | OF_POSTGRESQL)[path]
    with database.transaction() as session, noting(database) as noted:
        walk(session, guest)
    plans = "\n".join(plan(database, *statement) for statement in noted)
    assert not [name for name in indexes if name not in plans], plans


@contextmanager
def noting(database: Database) -> Iterator[Statements]:
    """Note the statements that are carried out meanwhile, and what they are bound to."""
    noted: Statements = []

    def note(*about: Any) -> None:
        noted.append((about[2], about[3]))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def plan(database: Database, statement: str, bound: Any) -> str:
    if not statement.startswith(("SELECT", "WITH")):
        return ""
    explain = "EXPLAIN" if database.is_postgresql else "EXPLAIN QUERY PLAN"
    with database.engine.begin() as connection:
        rows = connection.exec_driver_sql(f"{explain} {statement}", bound).all()
    return "\n".join(str(row) for row in rows)
