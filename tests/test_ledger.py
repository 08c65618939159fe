"""The life of a job as rows tell it: rung for once, ended by its holder alone, tried for so often and so long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from jobs.ledger import Ledger, Overtaken
from jobs.mailer import MailServerAway, MailTrouble
from models import Database, Job, JobStatus, Pause, enqueue, now, settings
from models.settings import load
from tests.yard import ATTEMPTS, HURRY
from workflows.checks import CHECKS
from workflows.purge import purge_jobs


def test_two_relays_ring_for_each_job_once(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        jobs = [enqueue(session, "note", number=number) for number in range(200)]
        for job in jobs:
            job.ring_at = now()

    def look(_: int) -> list[int]:
        with database.transaction() as session:
            return [job_id for job_id, _ in ledger.overdue(session, 30)]

    with ThreadPoolExecutor(2) as relays:
        rung = [job_id for looked in relays.map(look, range(40)) for job_id in looked]

    assert sorted(rung) == [job.id for job in jobs]


def test_g3_an_overtaken_worker_changes_nothing(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    stale = ledger.claim(job.id)
    with database.transaction() as session:
        session.execute(update(Job).values(ring_at=now()))
        assert ledger.release(session, 10) == [("note", {"number": 1}, JobStatus.WAITING)]
    fresh = ledger.claim(job.id)

    for end in (ledger.finish, ledger.go_on, lambda session, claim: ledger.fail(session, claim, ValueError())):
        with pytest.raises(Overtaken), database.transaction() as session:
            end(session, stale)
    with database.transaction() as session:
        ledger.finish(session, fresh)
    assert ledger.claim(job.id) is None


def test_a_job_that_kills_its_workers_is_dead_in_the_end(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    seen = []
    for _ in range(ATTEMPTS):
        assert ledger.claim(job.id)
        with database.transaction() as session:
            session.execute(update(Job).values(ring_at=now()))
            seen += [status for _, _, status in ledger.release(session, 10)]

    assert seen == [JobStatus.WAITING] * (ATTEMPTS - 1) + [JobStatus.DEAD]


def test_pauses_double_to_an_hour(database: Database) -> None:
    ledger = Ledger(database, load(job_attempts=100, job_pause_seconds=5))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    pauses = []
    for _ in range(13):
        claim = ledger.claim(job.id)
        with database.transaction() as session:
            ledger.fail(session, claim, ValueError())
        with database.transaction() as session:
            waiting = session.get_one(Job, job.id)
            pauses.append((waiting.not_before - now()).total_seconds())
            waiting.not_before = now()

    for number, pause in enumerate(pauses):
        assert pause == pytest.approx(min(5 * 2**number, 3600), rel=0.21)


def test_what_fails_at_once_is_not_tried_again_at_once(database: Database) -> None:
    ledger = Ledger(database, load(job_pause_seconds=100))
    with database.transaction() as session:
        jobs = [enqueue(session, "note", number=number) for number in range(20)]
    for job in jobs:
        claim = ledger.claim(job.id)
        with database.transaction() as session:
            ledger.fail(session, claim, ValueError())
    with database.reading() as session:
        due = sorted(session.scalars(select(Job.not_before)))
    # Spread over a good part of the pause, no two of them together.
    assert len(set(due)) == len(jobs)
    assert (due[-1] - due[0]).total_seconds() > 10


def test_what_is_long_done_is_forgotten_in_batches_and_dead_letters_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows.purge.BATCH", 2)
    old = now() - timedelta(days=settings().job_keep_days, minutes=1)
    with database.transaction() as session:
        over = (JobStatus.DONE, JobStatus.DONE, JobStatus.DISCARDED)
        session.add_all(Job(actor="expire", status=status, finished_at=old) for status in over)
        kept = [Job(actor="expire", status=JobStatus.DEAD, finished_at=old), Job(actor="expire", created_at=old)]
        kept.append(Job(actor="expire", status=JobStatus.DONE, finished_at=old + timedelta(minutes=2)))
        session.add_all(kept)
    rounds = 1
    while purged(database):
        rounds += 1
    assert rounds == 2
    with database.reading() as session:
        assert session.scalars(select(Job.id).order_by(Job.id)).all() == sorted(job.id for job in kept)


def test_what_is_paused_is_no_breach(database: Database) -> None:
    long_ago = now() - timedelta(hours=1)
    with database.transaction() as session:
        session.add_all(Job(actor=actor, ring_at=long_ago) for actor in ("expire", "purge"))
        session.add(Pause(actor="expire", paused_by="a test"))
    with database.reading() as session:
        found = session.execute(CHECKS["job_past_deadline"].breaches(now())).all()
    assert [row.actor for row in found] == ["purge"]


def purged(database: Database) -> bool:
    with database.transaction() as session:
        return purge_jobs(session)


@pytest.mark.parametrize(("error", "is_dead"), [(MailTrouble("451 Later"), True), (MailServerAway("refused"), False)])
def test_g2_no_mail_dies_of_a_mail_server_that_is_away(database: Database, error: MailTrouble, is_dead: bool) -> None:
    long_ago = now() - timedelta(days=9)
    with database.transaction() as session:
        job = Job(actor="deliver", due_at=long_ago, not_before=long_ago, ring_at=long_ago)
        session.add(job)
    ledger = Ledger(database, settings())
    claim = ledger.claim(job.id)
    assert claim is not None
    with database.transaction() as session:
        assert ledger.fail(session, claim, error, within=timedelta(days=5)) is is_dead
