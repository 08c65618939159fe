"""Sweeps: each check finds its breach among rows that look like one, mends it, and touches nothing else."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

import tests.breaches
import tests.breaches_of_work  # noqa: F401
from models import AuditEvent, Database, Event, Finding, Grant, Membership
from models.base import Base
from tests.conftest import Create, each_database
from tests.healthy import OPERATOR, make_world, snapshot
from tests.people import make_guest
from tests.planting import BREACHES, Breach, Scene, plant
from tests.rows import World, share
from workflows import sweep as sweeping
from workflows.cascade import advance_removal
from workflows.checks import CHECKS
from workflows.sweep import dry_run, repair_finding, sweep_and_repair, sweep_now

OF = {f"{each.check}-{each.how}": each for each in BREACHES}


@dataclass(frozen=True)
class Ground:
    """A database with a world in which nothing is wrong."""

    database: Database
    world: World


@pytest.fixture(scope="module", params=each_database("sweeps"))
def made(request: pytest.FixtureRequest, create: Callable[[str], Create]) -> Iterator[Ground]:
    database = Database(create(request.param)("sweeps"))
    yield Ground(database, make_world(database))
    database.close()


@pytest.fixture
def ground(made: Ground, choose: Callable[..., None]) -> Iterator[Ground]:
    """The world, which every test leaves as healthy as it was, whatever became of it."""
    choose(operators=OPERATOR)
    yield made
    sweep_and_repair(made.database)


@pytest.mark.parametrize("breach", OF.values(), ids=OF)
def test_r61(ground: Ground, breach: Breach) -> None:
    database = ground.database
    with database.reading() as session:
        healthy = snapshot(session)
    object_id = plant(database, ground.world, breach)

    sweep = sweep_now(database)
    (finding,) = sweep.findings
    check = CHECKS[breach.check]
    assert (finding.check, finding.object_id, finding.severity) == (breach.check, object_id, check.severity)
    assert finding.evidence[breach.tells] is not None
    assert json.loads(json.dumps(finding.evidence)) == finding.evidence
    assert sweep.finished_at is not None
    assert sweep.rows > 0

    with database.reading() as session:
        (plan,) = dry_run(session, sweep.id)
        assert (plan.finding.id, plan.remedy, plan.is_needed) == (finding.id, check.remedy, True)
        assert not breach.is_mended(session, object_id)

    with database.transaction() as session:
        assert repair_finding(session, finding.id)
    with database.transaction() as session:
        assert not repair_finding(session, finding.id)
        assert session.get_one(Finding, finding.id).repaired_at is not None
        assert breach.is_mended(session, object_id)
        of = select(AuditEvent).where(AuditEvent.event == Event.FINDING_REPAIRED, AuditEvent.object_id == finding.id)
        assert session.scalars(of).one().details["check"] == breach.check
        after = snapshot(session)
    assert sweep_now(database).findings == []
    assert {key: after.get(key) for key in healthy} == healthy


def test_r61_every_check_is_planted() -> None:
    assert {each.check for each in BREACHES} == set(CHECKS)


def test_r62_clean_system_gives_zero_findings(ground: Ground) -> None:
    with ground.database.reading() as session:
        healthy = snapshot(session)
    assert sweep_now(ground.database).findings == []
    assert sweep_and_repair(ground.database).findings == []
    with ground.database.reading() as session:
        assert snapshot(session) == healthy


def test_r62_everything_at_once_is_mended_batch_by_batch(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "REPAIR_BATCH", 4)
    planted = [(each, plant(ground.database, ground.world, each)) for each in BREACHES]
    found = {(finding.check, finding.object_id) for finding in sweep_now(ground.database).findings}
    assert found == {(each.check, object_id) for each, object_id in planted}

    assert all(finding.repaired_at for finding in sweep_and_repair(ground.database).findings)
    with ground.database.reading() as session:
        assert all(each.is_mended(session, object_id) for each, object_id in planted)
    assert sweep_now(ground.database).findings == []


def test_r62_mending_an_unfinished_removal_takes_everything_behind_it_along(ground: Ground) -> None:
    database, breach = ground.database, OF["removal_unfinished-job-dead"]
    guest = make_guest(database, ground.world.team)
    with database.transaction() as session:
        share(session, ground.world, guest)

    def of_guest(scene: Scene) -> Base:
        return breach.plant(replace(scene, guest=guest))

    removal_id = plant(database, ground.world, replace(breach, plant=of_guest))
    sweep = sweep_now(database)
    behind = {"grant_without_live_membership", "notification_out_of_sight", "delivery_out_of_sight"}
    assert {finding.check for finding in sweep.findings} == {"removal_unfinished", *behind}

    with database.transaction() as session:
        (first,) = [finding.id for finding in sweep.findings if finding.check == "removal_unfinished"]
        assert repair_finding(session, first)
        assert not any(repair_finding(session, finding.id) for finding in sweep.findings if finding.check in behind)
        assert not session.scalars(select(Grant.id).where(Grant.removal_id == removal_id)).all()
    # Its job is at it.
    assert sweep_now(database).findings == []
    with database.transaction() as session:
        assert not advance_removal(session, removal_id)
        assert session.scalars(select(Grant).where(Grant.removal_id == removal_id)).one().revoked_at is not None
        assert session.get_one(Membership, guest.membership_id).is_removed
    assert sweep_now(database).findings == []
