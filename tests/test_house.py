"""What holds for the whole house: its floors, its jobs, and what its tables promise."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, inspect, select, text
from sqlalchemy.exc import StatementError

from models import Account, Base, Database, User
from models.base import UTCDateTime
from tests.people import make_guest, make_team

ROOT = Path(__file__).parent.parent
OURS = ("models", "workflows", "jobs", "webapp")
ACTORS = """
import inspect, json, worker
actors = worker.doorbell.actors.values()
takes = {actor.actor_name: list(inspect.signature(actor.fn).parameters) for actor in actors}
within = {actor.actor_name: actor.options["within"].total_seconds() for actor in actors}
print(json.dumps({"takes": takes, "within": within}))
"""


def test_every_job_that_is_recorded_has_an_actor_that_takes_its_arguments() -> None:
    actors = json.loads(run(sys.executable, "-c", ACTORS))["takes"]
    recorded = list(enqueued())
    assert recorded
    for where, actor, arguments in recorded:
        assert actor in actors, f"{where} records {actor!r}, which no worker knows"
        assert actors[actor] == ["session", *arguments], where
    wanted = {actor for _, actor, _ in recorded}
    assert set(actors) == wanted, "an actor that nobody asks for"


def test_r73_every_kind_of_job_has_a_deadline_of_its_own() -> None:
    within = json.loads(run(sys.executable, "-c", ACTORS))["within"]
    assert set(within) == {actor for _, actor, _ in enqueued()}
    # Less than a minute would be no time to try again in; what is older than a month nobody waits for.
    assert all(60 < seconds < 30 * 86400 for seconds in within.values())


def test_imports_run_downward_only() -> None:
    assert "0 broken" in run(str(Path(sys.executable).parent / "lint-imports"))


def test_the_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


def test_r59_every_table_hands_out_its_ids_once(database: Database) -> None:
    tables = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    assert tables == set(Base.metadata.tables)
    with database.reading() as session:
        if database.engine.dialect.name == "sqlite":
            made = dict(session.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all())
            assert not [name for name in tables if "AUTOINCREMENT" not in made[name]]
        else:
            # A sequence goes on though its transaction rolls back; what remains is that it never begins again.
            owner = text("SELECT cycle_option, maximum_value FROM information_schema.sequences ORDER BY 1")
            assert set(session.execute(owner).all()) == {("NO", str(2**63 - 1))}
            ids = [f"pg_get_serial_sequence('{name}', 'id')" for name in sorted(tables)]
            assert None not in session.execute(text(f"SELECT {', '.join(ids)}")).one()


def test_r59_the_id_of_a_row_that_is_gone_is_never_given_again(database: Database) -> None:
    given = []
    for number in range(3):
        with database.transaction() as session:
            user = User(email=f"{number}@people.example")
            session.add(user)
            session.flush()
            given.append(user.id)
        with database.transaction() as session:
            session.delete(session.get_one(User, given[-1]))
    assert given == sorted(set(given))


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    assert not [str(each) for each in columns if isinstance(each.type, DateTime)], "use models.base.UTCDateTime"
    moments = [each for each in columns if isinstance(each.type, UTCDateTime)]
    assert len(moments) > len(Base.metadata.tables)

    team = make_team(database)
    make_guest(database, team)
    abroad = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    with database.transaction() as session:
        session.get_one(Account, team.id).closed_at = abroad
    with database.reading() as session:
        assert session.get_one(Account, team.id).closed_at == abroad
        seen = [moment for column in moments for moment in session.scalars(select(column).where(column.is_not(None)))]
    assert len(seen) > 5
    assert all(moment.tzinfo is UTC for moment in seen)


def test_a_time_without_a_zone_cannot_be_stored(database: Database) -> None:
    team = make_team(database)
    with pytest.raises(StatementError, match="without a zone"), database.transaction() as session:
        session.get_one(Account, team.id).closed_at = datetime(2026, 1, 1)  # noqa: DTZ001


def test_a_transaction_that_fails_leaves_nothing_and_tells_nobody(database: Database) -> None:
    told: list[object] = []
    database.on_commit(lambda jobs, news: told.append((jobs, news)))
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.add(User(email="nobody@people.example"))
        session.flush()
        _ = 1 / 0
    with database.reading() as session:
        assert session.scalars(select(User)).all() == []
    assert told == []


def enqueued() -> Iterator[tuple[str, str, list[str]]]:
    """Yield where the code records a job, its actor, and the names of its arguments."""
    for part in OURS:
        for path in sorted((ROOT / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enqueue":
                    named = [word.arg for word in node.keywords if word.arg not in ("account_id", "not_before")]
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    assert isinstance(node.args[1], ast.Constant), f"{where} should name its actor"
                    yield where, node.args[1].value, [str(name) for name in named]


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
