"""Each tick of each schedule is taken once, whoever runs a clock, and a missed one is caught up once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.clock import last_due, tick
from models import Database, Job, Sweep, SweepKind, Tick, enqueue, now
from workflows.checks.schedules import is_overdue

HOURLY = CronTrigger.from_crontab("5 * * * *", timezone=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2030, 3, 1, 12, 5, 0, 500, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def test_r60_ten_clocks_take_a_tick_once(database: Database, clock: time_machine.Traveller) -> None:  # noqa: ARG001
    with ThreadPoolExecutor(10) as clocks:
        list(clocks.map(lambda _: _look(database), range(10)))

    assert _ticks(database) == [(datetime(2030, 3, 1, 12, 5, tzinfo=UTC), False)]
    assert _jobs(database) == 1


def test_r60_missed_runs_are_caught_up_once(database: Database, clock: time_machine.Traveller) -> None:
    _look(database)
    clock.move_to(datetime(2030, 3, 3, 9, 30, tzinfo=UTC))
    _look(database)
    _look(database)

    assert _ticks(database)[1:] == [(datetime(2030, 3, 3, 9, 5, tzinfo=UTC), True)]
    assert _jobs(database) == 2


def test_r60_a_first_start_has_missed_nothing(database: Database, clock: time_machine.Traveller) -> None:
    clock.move_to(datetime(2030, 3, 1, 12, 30, tzinfo=UTC))
    _look(database)

    assert _ticks(database) == []
    assert _jobs(database) == 0


def test_r60_time_set_back_takes_no_tick_again(database: Database, clock: time_machine.Traveller) -> None:
    _look(database)
    clock.move_to(datetime(2030, 3, 1, 13, 5, 1, tzinfo=UTC))
    _look(database)
    for minute in (6, 59):
        clock.move_to(datetime(2030, 3, 1, 12, minute, tzinfo=UTC))
        _look(database)

    assert [due_at.hour for due_at, _ in _ticks(database)] == [12, 13]
    assert _jobs(database) == 2


def test_r60_time_that_ran_ahead_holds_up_no_tick_of_the_present(
    database: Database, clock: time_machine.Traveller
) -> None:
    _look(database)
    clock.move_to(datetime(2031, 7, 1, tzinfo=UTC))
    _look(database)
    for hour in (13, 14):
        clock.move_to(datetime(2030, 3, 1, hour, 5, 1, tzinfo=UTC))
        _look(database)

    assert [(due_at.year, due_at.hour) for due_at, _ in _ticks(database)] == [
        (2030, 12),
        (2030, 13),
        (2030, 14),
        (2031, 23),
    ]


def test_r60_a_new_line_of_the_settings_is_no_missed_run(database: Database, clock: time_machine.Traveller) -> None:
    _look(database)
    clock.move_to(datetime(2030, 3, 1, 12, 20, tzinfo=UTC))
    _look(database, CronTrigger.from_crontab("0 3 1 1 *", timezone=UTC))

    assert len(_ticks(database)) == _jobs(database) == 1


def test_r60_a_sweep_that_dies_each_time_is_overdue_after_twice_its_period(
    database: Database, clock: time_machine.Traveller
) -> None:
    def sweeps(at: datetime, finished_at: datetime | None) -> bool:
        """Let the tick of this moment bring a sweep; return whether sweeps are overdue twenty minutes later."""
        clock.move_to(at)
        tick(
            database, "sweep-access", HOURLY, lambda session: session.add(Sweep(kind="access", finished_at=finished_at))
        )
        clock.move_to(at + timedelta(minutes=20))
        with database.reading() as session:
            return is_overdue(session, SweepKind.ACCESS, now())

    five_past = [datetime(2030, 3, 1, hour, 5, 1, tzinfo=UTC) for hour in range(12, 17)]
    succeeded = [True, False, False, False, True]
    overdue = [sweeps(at, at if well else None) for at, well in zip(five_past, succeeded, strict=True)]

    assert overdue == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("line", "due"),
    [
        ("* * * * *", datetime(2030, 3, 1, 12, 7, tzinfo=UTC)),
        ("*/15 * * * *", datetime(2030, 3, 1, 12, 0, tzinfo=UTC)),
        ("0 3 * * *", datetime(2030, 3, 1, 3, 0, tzinfo=UTC)),
        ("30 6 31 12 *", datetime(2029, 12, 31, 6, 30, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 30 2 *", None),
    ],
)
def test_the_last_moment_of_a_schedule(line: str, due: datetime | None) -> None:
    trigger = CronTrigger.from_crontab(line, timezone=UTC)

    assert last_due(trigger, datetime(2030, 3, 1, 12, 7, 30, tzinfo=UTC)) == due


def _look(database: Database, trigger: CronTrigger = HOURLY) -> None:
    def want(session: Session) -> None:
        enqueue(session, "expire")

    tick(database, "expire", trigger, want)


def _ticks(database: Database) -> list[tuple[datetime, bool]]:
    with database.reading() as session:
        return [tuple(row) for row in session.execute(select(Tick.due_at, Tick.is_catch_up).order_by(Tick.due_at))]


def _jobs(database: Database) -> int:
    with database.reading() as session:
        return len(session.scalars(select(Job)).all())
