"""What a sweep looks at, who may run one, and what it mends without being asked (R60, R62)."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import tests.breaches
import tests.breaches_of_work  # noqa: F401
from guestlist import cli
from models import AuditEvent, Database, Event, Finding, Grant, Job, Membership, NewsKind, Sweep, SweepKind
from models.news import News
from tests.healthy import snapshot
from tests.people import Person, make_card, make_guest, make_team
from tests.planting import BREACHES, plant
from tests.rows import World
from workflows import sweep as sweeping
from workflows.checks import CHECKS
from workflows.refusals import Forbidden, NotFound, Refusal
from workflows.sweep import (
    begin_sweep,
    count_waiting,
    dry_run,
    repair_all,
    repair_finding,
    run_sweep,
    sweep_and_repair,
    sweep_now,
)

OF = {f"{each.check}-{each.how}": each for each in BREACHES}
PAST_END = OF["grant_past_end-by-an-hour"]


@pytest.fixture
def worlds(database: Database) -> tuple[World, World]:
    """Two accounts, each seen from its own side."""
    one, two = make_team(database), make_team(database)
    cards = make_card(database, one), make_card(database, two)
    return World(one, two, *cards), World(two, one, *reversed(cards))


def test_r60_sweep_on_demand_is_a_job_and_looks_once(database: Database, worlds: tuple[World, World]) -> None:
    mine, _ = worlds
    plant(database, mine, PAST_END)
    with database.transaction() as session:
        sweep = begin_sweep(session, kind=SweepKind.ACCESS, by=_of(session, mine.team.admin))
        job = session.scalars(select(Job).where(Job.actor == "sweep")).one()
        assert (job.arguments, sweep.account_id) == ({"sweep_id": sweep.id}, mine.team.id)
    for _again in range(2):
        with database.transaction() as session:
            look(session, sweep.id)
    with database.reading() as session:
        finding = session.scalars(select(Finding)).one()
        event = session.scalars(select(AuditEvent).where(AuditEvent.event == Event.SWEEP_FINISHED)).one()
        assert (finding.check, finding.account_id, finding.repaired_at) == (PAST_END.check, mine.team.id, None)
        assert (event.actor_id, event.details["found"]) == (mine.team.admin.membership_id, {PAST_END.check: 1})
    with database.transaction() as session:
        assert not run_sweep(session, 10_000)


@pytest.mark.parametrize("kind", list(SweepKind))
def test_r60_each_kind_looks_after_its_own(database: Database, worlds: tuple[World, World], kind: SweepKind) -> None:
    firsts = {each.check: each for each in reversed(BREACHES)}
    for each in firsts.values():
        plant(database, worlds[0], each)
    with database.transaction() as session:
        sweep = begin_sweep(session, kind=kind)
        session.flush()
        look(session, sweep.id)
        found = set(session.scalars(select(Finding.check)))
    assert found == {name for name, check in CHECKS.items() if check.kind is kind}


def test_r60_sweep_of_an_account_leaves_others_alone(database: Database, worlds: tuple[World, World]) -> None:
    mine, theirs = worlds
    for each in BREACHES:
        plant(database, theirs, each)
    with database.reading() as session:
        before = snapshot(session)
    with database.transaction() as session:
        sweep = begin_sweep(session, by=_of(session, mine.team.admin))
        session.flush()
        look(session, sweep.id)
        repair_all(session, sweep.id, by=_of(session, mine.team.admin))
    with database.reading() as session:
        assert session.scalars(select(Finding)).all() == []
        assert {key: row for key, row in snapshot(session).items() if key in before} == before
        # The admin, the member, and the sweep's own job: their account has nothing else that it looks at.
        assert session.get_one(Sweep, sweep.id).rows == 3
    assert len(sweep_now(database).findings) == len(BREACHES)


def test_r60_only_admins_sweep_and_only_their_account(database: Database, worlds: tuple[World, World]) -> None:
    mine, theirs = worlds
    guest = make_guest(database, mine.team)
    plant(database, mine, PAST_END)
    sweep = sweep_now(database)
    (finding,) = sweep.findings
    tries: tuple[tuple[Person, type[Refusal]], ...] = (
        (guest, Forbidden),
        (mine.team.member, Forbidden),
        (theirs.team.admin, NotFound),
    )
    for person, refusal in tries:
        with database.transaction() as session, pytest.raises(refusal):
            repair_finding(session, finding.id, by=_of(session, person))
    for person in (guest, mine.team.member):
        with database.transaction() as session:
            by = _of(session, person)
            with pytest.raises(Forbidden):
                begin_sweep(session, by=by)
            with pytest.raises(Forbidden):
                dry_run(session, sweep.id, by=by)
            with pytest.raises(Forbidden):
                repair_all(session, sweep.id, by=by)
    with database.transaction() as session:
        # A sweep of everything shows each admin their own part of it.
        assert dry_run(session, sweep.id, by=_of(session, theirs.team.admin)) == []
        (plan,) = dry_run(session, sweep.id, by=_of(session, mine.team.admin))
        assert plan.finding.id == finding.id
        assert not repair_all(session, sweep.id, by=_of(session, theirs.team.admin))
        assert session.get_one(Finding, finding.id).repaired_at is None
        with pytest.raises(NotFound):
            repair_finding(session, 10_000)
    with database.transaction() as session:
        own = begin_sweep(session, by=_of(session, mine.team.admin))
        session.flush()
        with pytest.raises(NotFound):
            dry_run(session, own.id, by=_of(session, theirs.team.admin))


def test_r61_a_sweep_looks_in_bounded_steps_and_finds_each_breach_once(
    database: Database, worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "FINDINGS_BATCH", 2)
    planted = [plant(database, worlds[0], PAST_END) for _ in range(5)]
    with database.transaction() as session:
        sweep = begin_sweep(session, kind=SweepKind.ACCESS)
    found = [0]
    is_left = True
    while is_left:
        with database.transaction() as session:
            is_left = run_sweep(session, sweep.id)
        with database.reading() as session:
            found.append(session.scalars(select(func.count(Finding.id))).one())

    assert max(after - before for before, after in pairwise(found)) == 2
    with database.reading() as session:
        assert session.scalars(select(Finding.object_id).order_by(Finding.id)).all() == planted
        assert len(dry_run(session, sweep.id, most=3)) == 3
        assert count_waiting(session, sweep.id) == 5


def test_r62_dry_run_changes_nothing(database: Database, worlds: tuple[World, World]) -> None:
    for each in BREACHES:
        plant(database, worlds[0], each)
    sweep = sweep_now(database)
    with database.transaction() as session:
        before = snapshot(session)
        plans = dry_run(session, sweep.id)
        assert {plan.finding.id for plan in plans if plan.is_needed} == {finding.id for finding in sweep.findings}
        assert snapshot(session) == before


def test_r62_what_is_no_longer_a_breach_is_left_alone(database: Database, worlds: tuple[World, World]) -> None:
    grant_id = plant(database, worlds[0], PAST_END)
    (finding,) = sweep_now(database).findings
    with database.transaction() as session:
        session.get_one(Grant, grant_id).ends_at = None
    with database.transaction() as session:
        assert [plan.is_needed for plan in dry_run(session, finding.sweep_id)] == [False]
        assert not repair_finding(session, finding.id)
        assert session.get_one(Grant, grant_id).revoked_at is None
        assert session.scalar(select(func.count()).where(AuditEvent.event == Event.FINDING_REPAIRED)) == 0
    assert sweep_now(database).findings == []


def test_r62_mending_access_ends_it_as_its_owner_would(database: Database, worlds: tuple[World, World]) -> None:
    grant_id = plant(database, worlds[0], PAST_END)
    (finding,) = sweep_now(database).findings
    told: list[News] = []
    database.on_commit(lambda _, news: told.extend(news))
    with database.transaction() as session:
        repair_finding(session, finding.id, by=_of(session, worlds[0].team.admin))
    with database.reading() as session:
        grant = session.get_one(Grant, grant_id)
        event = session.scalars(select(AuditEvent).where(AuditEvent.event == Event.GRANT_REVOKED)).one()
        assert grant.revoked_at == grant.ends_at
        assert grant.revoked_by_id == event.actor_id == worlds[0].team.admin.membership_id
        user_id = session.get_one(Membership, grant.membership_id).user_id
    assert {(news.kind, news.user_id) for news in told} >= {(NewsKind.ACCESS, user_id)}


def test_r62_automatic_repair_is_switched_on_per_check(
    database: Database, worlds: tuple[World, World], choose: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "REPAIR_BATCH", 2)
    choose(sweep_repair="grant_past_end, delivery_stuck")
    planted = [*[PAST_END] * 5, OF["delivery_stuck-queued"], OF["grant_on_deleted_card-deleted"]]
    for each in planted:
        plant(database, worlds[0], each)
    left = [finding.check for finding in sweep_now(database).findings if finding.repaired_at is None]
    assert left == ["grant_on_deleted_card"]
    assert [finding.check for finding in sweep_now(database).findings] == left
    assert all(finding.repaired_at for finding in sweep_and_repair(database).findings)


def test_r61_a_terminal_is_told_each_finding_in_words(database: Database, worlds: tuple[World, World]) -> None:
    grant_id = plant(database, worlds[0], PAST_END)
    told = rf"high    {CHECKS[PAST_END.check].breach} .*on “Planted”.*  \({PAST_END.check} {grant_id}\)"
    for options, mended, left in ((), "", 1), (("--repair",), "  mended", 0):
        ended = CliRunner().invoke(cli, ["sweep", *options], obj=lambda: database, standalone_mode=False)
        finding, sum_ = ended.stdout.splitlines()
        assert re.fullmatch(told + mended, finding)
        assert re.fullmatch(r"1 finding in \d+ rows\.", sum_)
        assert ended.return_value == left


def look(session: Session, sweep_id: int) -> None:
    while run_sweep(session, sweep_id):
        pass


def _of(session, person: Person) -> Membership:
    return session.get_one(Membership, person.membership_id)
